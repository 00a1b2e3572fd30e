"""A judge against people's labels: `evalkit judge calibrate`.

The judge is asked as the metric asks it, so the figures are of what gates see.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit import __version__, assemble, cards
from evalkit.assemble.models import Models
from evalkit.assemble.names import Names, unknown
from evalkit.calls.traffic import Traffic
from evalkit.config import BuiltIn, Profile, Project, Section, load_suite
from evalkit.datasets import load_dataset
from evalkit.datasets.labelled import Labelled, LabelledSet, read_labelled
from evalkit.errors import ConfigError, DataError, JudgeError, Problem
from evalkit.gates.limits import LABELS_FOR_LEVELS, LEAST_J
from evalkit.gates.wording import count
from evalkit.judges.protocol import Judge
from evalkit.metrics import verdicts
from evalkit.metrics.faithfulness import LABELS, UNCERTAIN_WEIGHT
from evalkit.metrics.protocol import Instruments, Metric
from evalkit.plan import IN_PROCESS
from evalkit.records import Answer, Calibration, Case, Passage, Rated, Score

FAITHFULNESS = "faithfulness"
NO_QUESTION = "(the question is not known)"
"""What the judge is shown with an answer that came without its question."""

ENOUGH, ENOUGH_UNSUPPORTED = 100, 50
"""Labels below which a card's intervals are too wide to plan with (research §1.8)."""
SIMILARITIES = frozenset({"answer_relevancy", "ragas/answer_relevancy"})
"""Metrics whose score is a cosine: it counts no verdicts, and no answer has the full mark."""

SHIPPED = Path(__file__).parent / "judges" / "labelled"
SETS: Mapping[str, tuple[str, ...]] = {"begin": ("begin_fitted.csv", "begin_held_out.csv")}
"""Labelled sets in the package: their parts, of which the embedded judge has seen the first."""
SEEN_BY = "embedded/"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the labelled answers were taken from: a suite of this project, and its golden cases."""

    suite: str
    cases: Mapping[str, Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A card, and what it does not say: the items without a verdict, and why the first has none."""

    calibration: Calibration
    unlabelled: int = 0
    silent: tuple[Labelled, ...] = ()
    why: str = ""
    ignored: tuple[str, ...] = ()


# ── what is asked for ────────────────────────────────────────────────────────────────────────────


def judge_of(
    project: Project, wanted: str, *, profile: str, traffic: Traffic
) -> tuple[Models, Instruments]:
    """The judge of a profile, or the one that `wanted` names as a role, `<provider>/<model>`.

    A role takes the embedder of `profile`. The models must be closed when all is asked. Raises
    `ConfigError` for a name that is neither.
    """
    bound = project.profiles.get(wanted)
    if bound is None:
        bound = _as_role(project, wanted, profile)
    models = Models(names=Names(project), bound=bound, traffic=traffic)
    return models, models.instruments(models.embedder())


def _as_role(project: Project, wanted: str, profile: str) -> Profile:
    if "/" not in wanted and ":" not in wanted:
        raise unknown("judge", wanted, project.profiles, where="the judge asked for")
    if profile not in project.profiles:
        raise unknown("profile", profile, project.profiles, where="the profile asked for")
    section = Section(BuiltIn("the judge asked for"), (), {})
    bound = replace(project.profiles[profile], judge=wanted, section=section)
    return replace(bound, allow_self_judging=True)  # nothing is under test


def labelled_set(name: str, *, judge: Judge) -> LabelledSet:
    """A set of the package by its name, or a CSV file.

    Of BEGIN the embedded judge gets the half that it was not fitted on. Raises `DataError`.
    """
    if name not in SETS:
        if not Path(name).is_file():
            what = "no such labelled set"
            allowed = f"a CSV file, or one of {', '.join(SETS)}"
            raise DataError([Problem(where=name, what=what, allowed=allowed)])
        return read_labelled(Path(name))
    seen = SEEN_BY in judge.fingerprint
    parts = [read_labelled(SHIPPED / part) for part in SETS[name][1 if seen else 0 :]]
    items = tuple(item for part in parts for item in part.items)
    return LabelledSet(name=f"{name}-held-out" if seen else name, unit=parts[0].unit, items=items)


def about(project: Project, suite: str) -> About:
    """A suite by its name or file, with its golden cases. Raises `ConfigError`, `DataError`."""
    stem, _, target = suite.partition("@")
    path = Path(stem) if stem.endswith(".toml") else project.root / "suites" / f"{stem}.toml"
    found = load_suite(path.resolve(), root=project.root)
    if target and not found.header.targets:
        what = "has one target only, which needs no name"
        raise ConfigError([Problem(where=suite, what=what, allowed=found.name)])
    if found.header.targets and target not in found.header.targets:
        allowed = ", ".join(f"{found.name}@{name}" for name in found.header.targets)
        raise ConfigError([Problem(where=suite, what="has several targets", allowed=allowed)])
    slice_ = found.header.slice or None
    dataset = load_dataset(project.root / "datasets", found.header.dataset, slice=slice_)
    name = f"{found.name}@{target}" if found.header.targets else found.name
    return About(suite=name, cases={case.id: case for case in dataset.cases})


def first(labelled: LabelledSet, limit: int) -> LabelledSet:
    """At most `limit` labelled items, always the same ones, whatever the order of the file.

    A part of a set has a name of its own, so that its card does not take the place of the whole's.
    """
    items = [item for item in labelled.items if item.human is not None]
    if len(items) <= limit:
        return labelled
    drawn = sorted(items, key=lambda i: hashlib.sha256(i.id.encode()).digest())[:limit]
    kept = {item.id for item in drawn}
    rest = tuple(item for item in items if item.id in kept)
    return replace(labelled, name=f"{labelled.name}, {limit} of {len(items)}", items=rest)


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


def calibrated(
    labelled: LabelledSet,
    models: Models,
    tools: Instruments,
    *,
    about: About | None = None,
    metric: str = "",
) -> Calibrated:
    """Ask the judge about every labelled item and count; closes the models.

    `metric` is the set's by default, and faithfulness where the set names none. Raises `DataError`
    where nothing is labelled, the labels are of another metric or an item is of no case of the
    suite, `ConfigError` for a metric that cannot be measured so, and what providers raise: an
    outage is not the judge's silence.
    """
    items = tuple(item for item in labelled.items if item.human is not None)
    rule = judged_metric(metric or labelled.metric or FAITHFULNESS)
    _refuse(labelled, items, rule, about)

    async def ask() -> list[float | str]:
        try:
            turns = asyncio.Semaphore(max(models.concurrency, IN_PROCESS))
            async with asyncio.TaskGroup() as tasks:
                asked = [
                    tasks.create_task(_value(item, labelled, rule, about, tools, turns))
                    for item in items
                ]
            return [task.result() for task in asked]
        finally:
            await models.close()

    try:
        values = asyncio.run(ask())
    except ExceptionGroup as group:
        raise _first_of(group) from None
    return _counted(labelled, items, values, judge=tools.judge, metric=rule.name, about=about)


def judged_metric(name: str) -> Metric:
    """A metric that labels can be compared with. Raises `ConfigError` for one without a judge."""
    rule = assemble.metric(name)
    if getattr(rule, "judged_on", None) == "":
        what = "asks no judge: there is nothing to hold against people's labels"
        raise ConfigError([Problem(where=f"metric {name}", what=what)])
    return rule


def _first_of(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _refuse(
    labelled: LabelledSet, items: Sequence[Labelled], rule: Metric, about: About | None
) -> None:
    """Raise for what cannot be asked."""
    if not items:
        raise DataError([Problem(where=labelled.name, what="no row has a label")])
    if labelled.metric not in ("", rule.name):
        where = f"{labelled.name} metric"
        what = f"its labels are not of {rule.name}"
        raise DataError([Problem(where=where, what=what, value=labelled.metric)])
    if rule.name != FAITHFULNESS and (about is None or labelled.unit != "answer"):
        what = "needs the cases of a suite, and answers"
        raise ConfigError([Problem(where=f"metric {rule.name}", what=what, allowed="--suite S")])
    if about is not None:
        strange = [item.id for item in items if item.id not in about.cases]
        what = f"not a case of the suite {about.suite}"
        if strange:
            raise DataError(
                [Problem(where=f"{labelled.name} id", what=what, value=id_) for id_ in strange]
            )


async def _value(
    item: Labelled,
    labelled: LabelledSet,
    rule: Metric,
    about: About | None,
    tools: Instruments,
    turns: asyncio.Semaphore,
) -> float | str:
    """The judge's score of an item, or why it has none."""
    async with turns:
        try:
            if labelled.unit == "claim":
                return await _claim(item, tools.judge)
            case = about.cases[item.id] if about else _case(item)
            scored = await rule.score(case, _answer(item), repeat=0, instruments=tools)
        except JudgeError as error:
            return str(error)
    return scored.value if isinstance(scored, Score) else scored.reason


async def _claim(item: Labelled, judge: Judge) -> float | str:
    """What faithfulness makes of one claim."""
    if not item.contexts:
        return 0.0
    asked = await judge.support(claims=(item.text,), contexts=item.contexts)
    if fault := verdicts.fault(asked, asked=1, allowed=LABELS):
        return fault
    (verdict,) = verdicts.with_true_quotes(
        asked, item.contexts, good="supported", otherwise="unsupported"
    )
    return {"supported": 1.0, "uncertain": UNCERTAIN_WEIGHT}.get(verdict.label, 0.0)


def _case(item: Labelled) -> Case:
    return Case(id=item.id, input=item.question if item.question.strip() else NO_QUESTION)


def _answer(item: Labelled) -> Answer:
    passages = tuple(
        Passage(document_id=f"p{i}", chunk_id=f"p{i}", text=text, rank=i, similarity=0.0)
        for i, text in enumerate(item.contexts, start=1)
    )
    return Answer(text=item.text, passages=passages, retrieved=passages)


# ── counting ─────────────────────────────────────────────────────────────────────────────────────


def _counted(
    labelled: LabelledSet,
    items: Sequence[Labelled],
    values: Sequence[float | str],
    *,
    judge: Judge,
    metric: str,
    about: About | None,
) -> Calibrated:
    """Both sides are cut alike: supported is a score of 1, everything it says.

    A similarity is not cut: its card has both scores of each and no counts.
    """
    pairs = list(zip(items, values, strict=True))
    rated = tuple(
        Rated(id=item.id, human=item.human, judged=value)
        for item, value in pairs
        if item.human is not None and not isinstance(value, str)
    )
    counts = {(human, said): 0 for human in (True, False) for said in (True, False)}
    for one in rated if metric not in SIMILARITIES else ():
        counts[one.human == 1.0, one.judged == 1.0] += 1
    faults = [value for value in values if isinstance(value, str)]
    calibration = Calibration(
        schema_version=cards.SCHEMA_VERSION,
        evalkit_version=__version__,
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        judge=judge.fingerprint,
        labels=labelled.name,
        labels_digest=replace(labelled, items=tuple(items)).digest,
        unit=labelled.unit,
        true_positives=counts[True, True],
        false_negatives=counts[True, False],
        true_negatives=counts[False, False],
        false_positives=counts[False, True],
        unanswered=len(faults),
        suite=about.suite if about else "",
        metric=metric,
        ratings=rated if about else (),
    )
    return Calibrated(
        calibration=calibration,
        unlabelled=len(labelled.items) - len(items),
        silent=tuple(item for item, value in pairs if isinstance(value, str)),
        why=faults[0] if faults else "",
        ignored=labelled.ignored,
    )


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


def told(found: Calibrated) -> str:
    """The card in words: each figure with its interval, what J means, and what to beware of."""
    card = found.calibration
    lines = [f"judge {card.judge}", f"on {card.labels}: {_size(card)}"]
    figures = cards.agreement_of(card)
    if figures is not None:
        lines += [
            f"  sensitivity        {figures.sensitivity}  of the supported, called supported",
            f"  specificity        {figures.specificity}  of the others, not called supported",
            f"  balanced accuracy  {figures.balanced_accuracy}",
            f"  Cohen's kappa      {figures.kappa}",
            f"  Youden's J         {figures.j}",
            _meaning(figures.j.value),
        ]
    return "\n".join([*lines, *(f"warning: {line}" for line in _warnings(found))])


def _size(card: Calibration) -> str:
    if card.metric in SIMILARITIES:
        off = math.fsum(one.human - one.judged for one in card.ratings) / max(1, len(card.ratings))
        size = count(len(card.ratings), card.unit)
        way = "more" if off > 0 else "less"
        return f"{size}; on average people give {abs(off):.3f} {way} than the judge"
    supported = card.true_positives + card.false_negatives
    return f"{count(card.n, card.unit)}, of which people call {supported} supported"


def _meaning(j: float) -> str:
    if j <= 0.0:
        return "it tells supported from unsupported no better than a coin: it sees no drop at all"
    return (
        f"it sees {j:.2f} of a true drop: what a gate detects as judged, divided by {j:.2f}, is "
        "what it detects in truth"
    )


def _warnings(found: Calibrated) -> list[str]:
    card = found.calibration
    lines = _of_similarity(card) if card.metric in SIMILARITIES else _of_counts(card)
    if found.silent:
        bad = sum(item.human != 1.0 for item in found.silent)
        lines.append(
            f"no verdict on {count(len(found.silent), 'item')}, {bad} of them not supported; in "
            f"no figure. The first: {found.why}"
        )
    if found.unlabelled:
        lines.append(f"{count(found.unlabelled, 'row')} without a label left out")
    if found.ignored:
        lines.append(f"columns not read: {', '.join(found.ignored)}")
    return lines


def _of_counts(card: Calibration) -> list[str]:
    unsupported = card.true_negatives + card.false_positives
    figures = cards.agreement_of(card)
    lines = []
    if card.n < ENOUGH or unsupported < ENOUGH_UNSUPPORTED:
        lines.append(
            f"{count(card.n, 'label')}, {unsupported} of them not supported; from {ENOUGH} and "
            f"{ENOUGH_UNSUPPORTED} on the figures are worth planning with"
        )
    if figures is None:
        lines.append("labels of one kind only: J is unknown")
    elif figures.j.value < LEAST_J:
        lines.append(f"J is below {LEAST_J}: no drop is ruled out with this judge")
    return lines


def _of_similarity(card: Calibration) -> list[str]:
    lines = [f"{card.metric} is a similarity and counts no verdicts: it has no J"]
    if len(card.ratings) < LABELS_FOR_LEVELS:
        lines.append(
            f"{count(len(card.ratings), 'label')}; from {LABELS_FOR_LEVELS} on a floor is decided "
            "on the level that they correct"
        )
    return lines
