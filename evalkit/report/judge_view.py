"""What the judge is: its name and card, and what people's labels say of it.

A judge whose J is 0.65 shows 0.65 of a true drop, so what a gate detects as judged is divided by J
to say what it detects in truth (`research/gating-statistics.md` §1.8).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from evalkit.cards import agreement_of, telling
from evalkit.records import ANSWERING, Calibration, Fingerprint, Label, Run, Score
from evalkit.report import figures
from evalkit.report.sinks import clip, visible
from evalkit.stats.agreement import Agreement

UNCALIBRATED = "not calibrated"
"""What is said of a judge that was never held against people's labels."""

WEAK = 0.5
"""J below which a judge sees less than half of a true drop."""

# ── its name ─────────────────────────────────────────────────────────────────────────────────────

SPEAKING_CARDS = ("LLM judge ", "panel of ")
"""How cards begin that name their judge; its fingerprint stands with the run's other facts."""

_ACCURACY = re.compile(r"balanced accuracy (\d*\.?\d+)", re.IGNORECASE)


def profile(print_: Fingerprint) -> str:
    """What the verdicts rest on, and for the offline profile what they are not."""
    judge = ", ".join(filter(None, (_name(print_), print_.judge_card)))
    smoke = "; a smoke gate" if print_.profile == "offline" else ""
    return visible(f"{print_.profile} profile: {judge}{smoke}")


def profile_short(print_: Fingerprint) -> str:
    """The same in half a line: of the judge's card only the figure it starts with."""
    accuracy = _ACCURACY.match(print_.judge_card)
    card = f"BAcc {accuracy[1]}" if accuracy else clip(print_.judge_card, 40)
    judge = ", ".join(filter(None, (_name(print_), card)))
    smoke = ": a smoke gate" if print_.profile == "offline" else ""
    return visible(f"{print_.profile} profile ({judge}{smoke})")


def _name(print_: Fingerprint) -> str:
    if print_.judge_card.startswith(SPEAKING_CARDS):
        return ""
    return "embedded judge" if print_.judge.startswith("embedded") else f"judge {print_.judge}"


# ── what it is asked ─────────────────────────────────────────────────────────────────────────────

_ASKED: frozenset[Label] = frozenset(
    {"supported", "contradicted", "unsupported", "attributed", "not_attributed"}
)
"""Labels that only a judge gives; `useful` is also what a gold passage is called."""


def judged_metrics(run: Run, known: Collection[str] = ()) -> frozenset[str]:
    """The metrics that ask the judge: those `known` to, and those that this run shows to."""
    names = {name for name, _ in run.fingerprint.metrics} | {score.metric for score in run.scores}
    found = {spend.part for spend in run.spends if spend.part != ANSWERING}
    found |= {stop.metric for stop in (run.looks.stops if run.looks is not None else ())}
    for score in run.scores:
        if score.metric not in found and isinstance(score, Score) and _was_asked(score):
            found.add(score.metric)
    return frozenset((found | set(known)) & names)


def _was_asked(score: Score) -> bool:
    return score.known or any(item.label in _ASKED for item in score.judgements)


# ── what people say of it ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCard:
    """One labelled set: the judge's agreement with it, each figure with its 95 % interval."""

    labels: str
    j: str
    balanced_accuracy: str
    kappa: str
    sensitivity: str
    specificity: str
    n: str
    made: str
    weak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """The J that one metric's drops are divided by, and the labelled set it was measured on."""

    j: float
    interval: str
    labels: str

    def true(self, detectable: float) -> str:
        """What a drop detectable as judged is in truth; `none` where the judge sees no drop."""
        if not self.j > 0.0:
            return "none"
        drop = detectable / self.j
        return f"{drop:.3f}" if drop <= 1.0 else "over 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeView:
    """The judge's cards, worst J first; `yardsticks` by metric. `said` is by what to divide.

    `asked` is false where no metric asks the judge, and then nothing is said of it. `said` is also
    empty where nothing that was judged was compared.
    """

    asked: bool
    cards: tuple[JudgeCard, ...]
    yardsticks: Mapping[str, Yardstick]
    said: str


def judge_view(
    calibrations: Sequence[Calibration],
    *,
    suite: str,
    judged: Collection[str],
    compared: Collection[str],
) -> JudgeView:
    """The view of a suite's judge, where `judged` metrics ask it and some are `compared`.

    A labelled set with labels of one kind only measures nothing, and is left out.
    """
    found = [
        (calibration, figures_)
        for calibration in calibrations
        if (figures_ := agreement_of(calibration)) is not None
    ]
    found.sort(key=lambda item: (item[1].j.value, item[0].labels))
    yardsticks = {}
    told = sorted(set(judged) & set(compared))
    for metric in told:
        card = telling(calibrations, suite=suite, metric=metric)
        figures_of_it = agreement_of(card) if card else None
        if card and figures_of_it:
            yardsticks[metric] = Yardstick(
                j=figures_of_it.j.value,
                interval=str(figures_of_it.j),
                labels=visible(card.labels),
            )
    return JudgeView(
        asked=bool(judged),
        cards=tuple(_card(*item) for item in found) if judged else (),
        yardsticks=yardsticks,
        said=_said(yardsticks) if told else "",
    )


def _card(found: Calibration, of: Agreement) -> JudgeCard:
    about = f" ({found.suite}, {found.metric})" if found.suite else ""
    unanswered = f", {found.unanswered} without a verdict" if found.unanswered else ""
    return JudgeCard(
        labels=visible(f"{found.labels}{about}"),
        j=str(of.j),
        balanced_accuracy=str(of.balanced_accuracy),
        kappa=str(of.kappa),
        sensitivity=str(of.sensitivity),
        specificity=str(of.specificity),
        n=f"{figures.plural(found.n, 'label')}{unanswered}",
        made=visible(figures.day(found.made_at).partition(",")[0]),
        weak=of.j.value < WEAK,
    )


def _said(yardsticks: Mapping[str, Yardstick]) -> str:
    """`true: faithfulness ÷ J 0.65 [0.58, 0.72] on begin`."""
    if not yardsticks:
        return f"{UNCALIBRATED}; detects as judged"
    by: dict[Yardstick, list[str]] = {}
    for metric, yardstick in yardsticks.items():
        by.setdefault(yardstick, []).append(metric)
    told = [
        f"{', '.join(metrics)} ÷ J {stick.interval} on {stick.labels}"
        for stick, metrics in by.items()
    ]
    return f"detects as judged; true: {'; '.join(told)}"
