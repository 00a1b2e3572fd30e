"""The `evalkit` fixture: the metrics, for people who write their Python tests by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit import assemble
from evalkit.config import BuiltIn, Profile, Project, Section, find_root, load_project
from evalkit.errors import ConfigError, Problem
from evalkit.metrics.protocol import Instruments, Metric
from evalkit.records import Answer, Case, Passage, Score

DEFAULT_FLOOR = 0.5
BUILTIN_PROFILE = Profile(
    name="offline",
    section=Section(BuiltIn("the built-in profile"), (), {}),
    generator="embedded/extractive",
    judge="embedded/lexical-cosine",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The scores of one checked answer, by metric name."""

    scores: Mapping[str, Score]

    def __getitem__(self, metric: str) -> float:
        return self.scores[metric].value


@dataclass(frozen=True, slots=True)
class Checker:
    """Scores one answer at a time with a profile's judge and embedder."""

    instruments: Instruments

    @classmethod
    def for_project(cls, folder: Path, profile: str) -> Checker:
        """With the project's profile; outside a project, with the embedded models."""
        try:
            root = find_root(folder)
        except ConfigError:
            if profile != BUILTIN_PROFILE.name:
                raise
            project = Project(folder, {}, {profile: BUILTIN_PROFILE})
        else:
            project = load_project(root)
        return cls(assemble.instruments(project, profile=profile))

    def check(
        self,
        *,
        question: str,
        answer: str,
        contexts: Sequence[str] = (),
        reference: str = "",
        expect_abstention: bool = False,
        metrics: Sequence[str] | Mapping[str, float],
    ) -> Checked:
        """Score an answer; assert that every metric reaches its floor (0.5 where none is given).

        `metrics` is a list of names, or a mapping of name to floor. Raises `AssertionError` naming
        each metric that is below its floor or could not be scored, and `ConfigError` for a name
        that is unknown or needs something (a reference, gold passages) that was not given.
        """
        floors = dict(metrics) if isinstance(metrics, Mapping) else dict.fromkeys(
            metrics, DEFAULT_FLOOR
        )  # fmt: skip
        case = Case(
            id="check",
            input=question,
            references=(reference,) if reference else (),
            expect="abstain" if expect_abstention else "answer",
        )
        chosen = [_applicable(name, case) for name in floors]
        if not chosen:
            raise ConfigError([Problem(where="evalkit.check", what="names no metric to score")])
        passages = tuple(
            Passage(document_id=f"context-{i}", chunk_id=f"context-{i}", text=text, rank=i,
                    similarity=0.0)
            for i, text in enumerate(contexts, start=1)
        )  # fmt: skip
        given = Answer(text=answer, passages=passages, retrieved=passages)
        return asyncio.run(self._score(case, given, chosen, floors))

    async def _score(
        self, case: Case, answer: Answer, metrics: Sequence[Metric], floors: Mapping[str, float]
    ) -> Checked:
        scores: dict[str, Score] = {}
        faults: list[str] = []
        for metric in metrics:
            score = await metric.score(case, answer, repeat=0, instruments=self.instruments)
            floor = floors[metric.name]
            if not isinstance(score, Score):
                faults.append(f"{metric.name} could not be scored: {score.reason}")
            elif not score.value >= floor:
                notes = "; ".join(f"{j.label}: {j.text}" for j in score.judgements)
                faults.append(f"{metric.name} {score.value:.3f} < {floor:.3f} ({notes})")
            else:
                scores[metric.name] = score
        if faults:
            raise AssertionError("\n".join(faults))
        return Checked(scores=scores)


def _applicable(name: str, case: Case) -> Metric:
    metric = assemble.metric(name)
    if not metric.applies_to(case):
        what = f"{name} needs something of the case that was not given (a reference?)"
        raise ConfigError([Problem(where="evalkit.check", what=what)])
    return metric
