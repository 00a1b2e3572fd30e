"""One answer as a reviewer reads it: the text, what it was made from, and every verdict on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.records import (
    Answer,
    Case,
    Failure,
    GuardrailEvent,
    Judgement,
    Label,
    Passage,
    Score,
    Trial,
)
from evalkit.report import figures

Show = Callable[[str], str]
"""Untrusted text → text without secrets and controls, bounded."""

Tone = Literal["good", "bad", "open"]
Fate = Literal["used", "dropped", "redacted"]

BAD: tuple[Label, ...] = (
    "compromised", "leaked", "contradicted", "unsupported", "not_useful", "not_attributed",
)  # fmt: skip
"""Gravest first."""
_OPEN: frozenset[Label] = frozenset({"uncertain", "echoed"})

_SHORTEST_MARK = 12
"""Characters of evidence worth marking: "the" would mark half a passage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementView:
    """A verdict on one unit; `text` is empty where the unit is the passage called `unit`."""

    unit: str
    text: str
    word: str
    tone: Tone
    evidence: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedMetric:
    """A metric's verdicts on one trial; `tally` counts them by word, worst first."""

    metric: str
    value: str
    tally: str
    judgements: tuple[JudgementView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageView:
    """A retrieved passage. `segments` are its text, split where the judge quoted it (True)."""

    rank: int
    title: str
    chunk: str
    similarity: str
    fate: Fate
    why: str
    relevant: bool
    planted: bool
    segments: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage's time, and where its piece of a bar 100 wide lies."""

    name: str
    time: str
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """One attempt. `failure` says why there is no answer; then the rest is empty."""

    name: str
    answer: str
    failure: str
    passages: tuple[PassageView, ...]
    same_passages: bool
    events: tuple[str, ...]
    judged: tuple[JudgedMetric, ...]
    tokens: str
    cost: str
    latency: str
    stages: tuple[Stage, ...]


def trial_view(case: Case, trial: Trial, scores: Sequence[Score], *, show: Show) -> TrialView:
    """The view of one trial and of its scores."""
    name = f"Repeat {trial.repeat + 1}"
    if isinstance(trial.outcome, Failure):
        failure = trial.outcome
        return TrialView(
            name=name, answer="", passages=(), same_passages=False, events=(), judged=(),
            failure=show(f"{failure.error_type} in {failure.stage}: {failure.message}"),
            tokens="", cost="", latency="", stages=(),
        )  # fmt: skip
    answer = trial.outcome
    usage = answer.usage
    cached = f", {usage.cached_input_tokens:,} cached" if usage.cached_input_tokens else ""
    return TrialView(
        name=name,
        answer=show(answer.text),
        failure="",
        passages=_passages(case, answer, scores, show),
        same_passages=False,
        events=tuple(_event(event, show) for event in answer.events),
        judged=_judged(answer, scores, show),
        tokens=f"{usage.input_tokens:,} in{cached} · {usage.output_tokens:,} out",
        cost=figures.usd(answer.cost.usd),
        latency=figures.seconds(answer.latency_s),
        stages=_stages(answer, show),
    )


def _event(event: GuardrailEvent, show: Show) -> str:
    where = f" {event.subject}" if event.subject else f" the {event.stage}"
    return show(f"{event.guardrail} {event.action}{where}: {event.reason}")


def _stages(answer: Answer, show: Show) -> tuple[Stage, ...]:
    total = sum(time for _, time in answer.stage_latency_s)
    stages, x = [], 0.0
    for name, time in answer.stage_latency_s:
        width = 100 * time / total if total else 0.0
        stages.append(
            Stage(name=show(name), time=figures.seconds(time), x=round(x, 2), width=round(width, 2))
        )
        x += width
    return tuple(stages)


# ── verdicts ─────────────────────────────────────────────────────────────────────────────────────


def _judged(answer: Answer, scores: Sequence[Score], show: Show) -> tuple[JudgedMetric, ...]:
    ranks = {passage.text.strip(): passage.rank for passage in answer.passages}
    return tuple(
        JudgedMetric(
            metric=show(score.metric),
            value=f"{score.value:.2f}",
            tally=_tally(score.judgements),
            judgements=tuple(_judgement(item, ranks, show) for item in score.judgements),
        )
        for score in scores
        if score.judgements
    )


_OF_A_CHUNK = frozenset({"useful", "not_useful"})


def _judgement(item: Judgement, ranks: dict[str, int], show: Show) -> JudgementView:
    # A judged chunk is shown among the passages: repeating its text would double the file. A claim
    # that repeats a passage word for word is still a claim, and is shown as one.
    rank = ranks.get(item.text.strip()) if item.label in _OF_A_CHUNK else None
    return JudgementView(
        unit=f"passage {rank}" if rank else show(item.unit),
        text="" if rank else show(item.text),
        word=item.label.replace("_", " "),
        tone="bad" if item.label in BAD else "open" if item.label in _OPEN else "good",
        evidence=show(item.evidence),
        note=show(item.note),
    )


def _tally(judgements: Sequence[Judgement]) -> str:
    labels = [item.label for item in judgements]
    order = sorted(set(labels), key=lambda label: (label not in BAD, labels.index(label)))
    return ", ".join(f"{labels.count(label)} {label.replace('_', ' ')}" for label in order)


# ── passages ─────────────────────────────────────────────────────────────────────────────────────


def _passages(
    case: Case, answer: Answer, scores: Sequence[Score], show: Show
) -> tuple[PassageView, ...]:
    used = {passage.chunk_id: passage for passage in answer.passages}
    found = {passage.chunk_id: passage for passage in answer.retrieved} | used
    quotes = {show(item.evidence) for score in scores for item in score.judgements}
    quotes = {quote for quote in quotes if len(quote) >= _SHORTEST_MARK}
    planted = set(case.attack.document_ids) if case.attack is not None else set()
    before = {passage.chunk_id: passage.text for passage in answer.retrieved}
    views = []
    for passage in sorted(found.values(), key=lambda passage: (passage.rank, passage.chunk_id)):
        fate: Fate = "used" if passage.chunk_id in used else "dropped"
        if fate == "used" and before.get(passage.chunk_id, passage.text) != passage.text:
            fate = "redacted"
        views.append(
            PassageView(
                rank=passage.rank,
                title=show(passage.title),
                chunk=show(passage.chunk_id),
                similarity=f"{passage.similarity:.3f}",
                fate=fate,
                why="" if fate == "used" else show(_why(answer, passage)),
                relevant=passage.document_id in case.relevant_ids,
                planted=passage.document_id in planted,
                segments=_marked(show(passage.text), quotes),
            )
        )
    return tuple(views)


def _why(answer: Answer, passage: Passage) -> str:
    events = [e for e in answer.events if e.subject in (passage.document_id, passage.chunk_id)]
    return "; ".join(f"{event.guardrail}: {event.reason}" for event in events)


def _marked(text: str, quotes: set[str]) -> tuple[tuple[str, bool], ...]:
    """`text` in pieces, those that a quote covers marked."""
    covered = bytearray(len(text))
    for quote in quotes:
        start = text.find(quote)
        if start >= 0:
            covered[start : start + len(quote)] = b"\1" * len(quote)
    pieces: list[tuple[str, bool]] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or covered[end] != covered[start]:
            pieces.append((text[start:end], bool(covered[start])))
            start = end
    return tuple(pieces)
