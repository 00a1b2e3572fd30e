"""What answers took, case by case, and the same before: dollars, tokens, seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.gates.limits import MAX_EXCLUDED, MAX_MISSING, ROUNDING
from evalkit.gates.protocol import Measurement
from evalkit.gates.wording import count, listed, percent
from evalkit.observations import cluster_of, repeats_of
from evalkit.pricing import UNPRICED
from evalkit.records import Answer, BaselineCase, Run
from evalkit.stats.paired import mean_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Something that is spent: how to read it from an answer or a baseline, and to write it.

    `metered` is above 0 for an answer that something measured, and `meter` is what that counts in:
    a target that reports nothing has 0 everywhere, and is not cheap. `priced` is true of what is
    multiplied from a price: of a target without one, only what it says itself is measured.
    """

    name: str
    of_answer: Callable[[Answer], float]
    of_baseline: Callable[[BaselineCase], Sequence[float]]
    show: Callable[[float], str]
    metered: Callable[[Answer], float]
    meter: str
    priced: bool = False

    def beside(self, value: float, limit: float) -> str:
        """The value, and by how much it exceeds a limit that it would read the same as."""
        shown = self.show(value)
        if value <= limit + ROUNDING or shown != self.show(limit):
            return shown
        return f"{shown} + {value - limit:.2g}"


def _tokens(answer: Answer) -> int:
    return answer.usage.input_tokens + answer.usage.output_tokens


USD = Quantity(
    name="cost",
    of_answer=lambda answer: answer.cost.usd,
    of_baseline=lambda case: case.usd,
    show=lambda usd: f"${usd:.3g}",
    # A model may be free; no model answers without a token.
    metered=lambda answer: answer.cost.usd + _tokens(answer),
    meter="tokens or dollars",
    priced=True,
)
INPUT_TOKENS = Quantity(
    name="input tokens",
    of_answer=lambda answer: answer.usage.input_tokens,
    of_baseline=lambda case: case.input_tokens,
    show=lambda tokens: f"{tokens:,.0f} input tokens",
    metered=lambda answer: answer.usage.input_tokens,
    meter="input tokens",
)
OUTPUT_TOKENS = Quantity(
    name="output tokens",
    of_answer=lambda answer: answer.usage.output_tokens,
    of_baseline=lambda case: case.output_tokens,
    show=lambda tokens: f"{tokens:,.0f} output tokens",
    metered=lambda answer: answer.usage.output_tokens,
    meter="output tokens",
)
TOKENS = Quantity(
    name="tokens",
    of_answer=_tokens,
    of_baseline=lambda case: [
        i + o for i, o in zip(case.input_tokens, case.output_tokens, strict=True)
    ],
    show=lambda tokens: f"{tokens:,.0f} tokens",
    metered=_tokens,
    meter="tokens",
)


def logged(quantity: Quantity, *, least: float) -> Quantity:
    """The quantity's natural logarithm, of what is below `least` that of `least`."""
    return replace(
        quantity,
        of_answer=lambda answer: math.log(max(quantity.of_answer(answer), least)),
        of_baseline=lambda case: [math.log(max(v, least)) for v in quantity.of_baseline(case)],
        show=lambda log: quantity.show(math.exp(log)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What each answered case took, a mean over its repeats; `total` is over all answers.

    `unmetered` says what nothing measured, where no answer of the run has any of it.
    """

    by_case: Mapping[str, float]
    total: float
    unanswered: tuple[str, ...]
    unmetered: str = ""

    @property
    def why_invalid(self) -> str:
        """Why so little was answered, or measured, that nothing follows; or nothing."""
        n = len({*self.by_case, *self.unanswered})
        if not n:
            return "the run has no case"
        if len(self.unanswered) / n <= MAX_MISSING:
            return f"no answer of the run has {self.unmetered}" if self.unmetered else ""
        return (
            f"{len(self.unanswered)} of {count(n, 'case')} without an answer "
            f"({listed(self.unanswered)}); at most {percent(MAX_MISSING)} may be missing"
        )


def spending(run: Run, quantity: Quantity) -> Spending:
    """What the run's answers took of a quantity."""
    answers = {
        (trial.case_id, trial.repeat): quantity.of_answer(trial.outcome)
        for trial in run.trials
        if isinstance(trial.outcome, Answer)
    }
    by_case: dict[str, float] = {}
    unanswered: list[str] = []
    for case in run.cases:
        spent = [answers[key] for r in repeats_of(run) if (key := (case.id, r)) in answers]
        if spent:
            by_case[case.id] = mean_of(spent)
        if len(spent) < len(repeats_of(run)):
            unanswered.append(case.id)
    return Spending(
        by_case=by_case,
        total=math.fsum(answers.values()),
        unanswered=tuple(unanswered),
        unmetered=_unmetered(run, quantity),
    )


def _unmetered(run: Run, quantity: Quantity) -> str:
    """What no answer of the run has, so that nothing is known of the quantity; or nothing."""
    made = [trial.outcome for trial in run.trials if isinstance(trial.outcome, Answer)]
    if quantity.priced and run.fingerprint.price_table == UNPRICED:
        known = any(answer.cost.usd > 0.0 for answer in made)
        return "" if known else "dollars, and its target no price (one of zeros, if it is free)"
    return "" if any(quantity.metered(answer) > 0.0 for answer in made) else quantity.meter


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentPair:
    """One case: what it takes now and took before, means over repeats and epochs."""

    case_id: str
    cluster: str
    now: float
    before: float


def spent_pairs(measurement: Measurement, quantity: Quantity) -> tuple[tuple[SpentPair, ...], str]:
    """The cases in both run and baseline, or why they cannot be compared."""
    baseline = measurement.baseline
    if baseline is None:
        return (), measurement.baseline_problem or "there is no baseline to compare with"
    now = spending(measurement.run, quantity)
    before = {case.id: mean_of(v) for case in baseline.cases if (v := quantity.of_baseline(case))}
    present = {case.id for case in measurement.run.cases}
    excluded = present ^ before.keys()
    invalid = now.why_invalid
    if not invalid and not len(excluded) / len(present | before.keys()) <= MAX_EXCLUDED:
        invalid = f"{len(excluded)} cases only now or only in the baseline; rebaseline"
    if invalid:
        return (), invalid
    pairs = tuple(
        SpentPair(
            case_id=case.id,
            cluster=cluster_of(case),
            now=now.by_case[case.id],
            before=before[case.id],
        )
        for case in measurement.run.cases
        if case.id in now.by_case and case.id in before
    )
    return pairs, ""
