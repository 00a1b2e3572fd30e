"""The noise floor as tables and sentences, and the advice that a promotion ends with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Gate
from evalkit.gates.wording import count, p_value, percent, score
from evalkit.noise_floor.builds import run_of
from evalkit.noise_floor.floor import TOO_MANY, Floor, answered_alike
from evalkit.noise_floor.spread import STUDY_SPREADS, Spread, of_baseline
from evalkit.records import Baseline
from evalkit.stats.planning import advised_margin

DRIFTED = 0.01
"""The p-value from where on epochs are said to differ as wholes, as for a judge's anchors."""

SMALL = 100
"""Cases below which an edited prompt's noise leaves little to find; the study's n."""


def told(floor: Floor, *, source: str) -> str:
    """The noise floor in words. `source` says where the epochs are from."""
    size = f"{floor.epochs} epochs × {_cases(floor.n, floor.n_clusters)} {source}"
    lines = [f"{floor.suite} · {floor.profile} profile · {size}", _alike(floor.alike), ""]
    if floor.build.builds:
        lines += [*_alarm_table(floor), *_terms(floor)]
    else:
        lines.append("No gate of this suite compares with its baseline.")
    if floor.spreads:
        lines += ["", *_spread_table(floor)]
    lines += [
        f"  {metric}: nothing to test a spread on; it takes two clusters with all epochs scored"
        for metric, _ in floor.margins
        if metric not in {spread.metric for spread in floor.spreads}
    ]
    return "\n".join([*lines, "", *_warnings(floor), *_steadiness(floor.alike, floor.spreads)])


def _alarm_table(floor: Floor) -> list[str]:
    builds = f"{floor.build.builds:,} unchanged builds"
    rows = [("gate", "red", "[95 %]", "inconclusive", "not measured", "each epoch, red")]
    for alarms in (*floor.gates, floor.build):
        low, high = alarms.false_alarms
        red = sum(outcome == "FAIL" for outcome in alarms.epochs)
        rows.append(
            (
                alarms.gate,
                percent_of(alarms.share("FAIL")),
                f"[{percent_of(low)}, {percent_of(high)}]",
                percent_of(alarms.share("INCONCLUSIVE")),
                percent_of(alarms.share("ERROR")),
                f"{red} of {len(alarms.epochs)}",
            )
        )
    head = f"False alarms, over {builds} drawn from these epochs (seed {floor.seed}):"
    return [head, *_table(rows)]


def _terms(floor: Floor) -> list[str]:
    """How builds were decided: what shares their error rate, and what their judge was asked."""
    lines = []
    elsewhere = floor.family - floor.own
    if elsewhere:
        shared = f"{count(floor.family, 'test')} share the error rate of a build"
        lines.append(f"  {shared}; the {elsewhere:,} not in this table were taken to find nothing.")
    if floor.calls is not None:
        calls = floor.calls
        asked = calls.share(calls.scores - calls.known - calls.spared)
        lines.append(
            f"  Judged as in a pull request: {percent_of(asked)} of the scores were asked for, "
            f"{percent_of(calls.share(calls.known))} known from the baseline, "
            f"{percent_of(calls.share(calls.spared))} needed by no gate."
        )
    return lines


def _spread_table(floor: Floor) -> list[str]:
    head = (
        "metric", "cases", "sd(d)", "target", "judge", "detects", "margin", "advised", "needs",
        "or epochs",
    )  # fmt: skip
    margins = dict(floor.margins)
    rows = [head, *(_spread_row(floor, spread, margins[spread.metric]) for spread in floor.spreads)]
    passes = "passes" if len(floor.spreads) == 1 else "passes them all"
    return [
        "Noise of one score, and what it asks for:",
        *_table(rows),
        "  sd(d)    of a case's change, with nothing changed",
        "  target   sd of one score between epochs, less what the judge adds",
        "  judge    sd of one score between two judgings of the same answer",
        "  detects  the drop that these cases find with 80 % power",
        f"  advised  the margin at which an unchanged build {passes} nine times in ten",
        "  needs    cases that find a drop of your margin with 80 % power; or epochs of these,",
        "           which lessen this noise, not that of an edited prompt",
    ]


def _spread_row(floor: Floor, spread: Spread, margin: float) -> tuple[str, ...]:
    judge = spread.judge_variance
    known = (
        spread.metric,
        _cases(spread.n, spread.n_clusters),
        score(spread.sd),
        score(math.sqrt(spread.target_variance)),
        "not asked" if judge is None else score(math.sqrt(judge)),
    )
    if not spread.standard_error:
        return (*known, "—", f"{margin:g}", "—", "—", "—")
    cases = spread.cases_for(margin, level=floor.level)
    epochs = spread.epochs_for(margin, level=floor.level)
    return (
        *known,
        score(spread.detectable(level=floor.level)),
        f"{margin:g}",
        score(spread.margin(metrics=len(floor.spreads))),
        "> 1,000,000" if cases is None else f"{cases:,}",
        "no" if epochs is None else str(epochs),
    )


def _warnings(floor: Floor) -> list[str]:
    lines = []
    for alarms in floor.noisy:
        text = (
            f"{alarms.gate}: {percent_of(alarms.share('FAIL'))} of unchanged builds are red, more "
            f"than {percent(TOO_MANY)}"
        )
        always = alarms.share("FAIL") > 0.5  # noise alone does not fail most builds
        cause = "its level fails its rule, whatever changed" if always else "not fit to stop builds"
        lines.append(f"WARNING: {text}: {cause}.")
    lines += [
        f"WARNING: {spread.metric}: whole epochs lie {score(spread.shift.sd)} (sd) apart, more "
        f"than their cases explain ({p_value(spread.shift.p_value)}): something drifted between "
        "them, a judge or a model behind a name. The builds drawn above do not count that."
        for spread in floor.spreads
        if spread.shift.p_value <= DRIFTED
    ]
    return lines


def _alike(share: float) -> str:
    if share == 1.0:
        return "Every answer is the same in all epochs."
    return f"In {percent(share)} of the cases all epochs gave the same answer and passages."


def _steadiness(alike: float, spreads: Sequence[Spread]) -> list[str]:
    """What the numbers above cannot know; nothing where no metric has a spread."""
    if not spreads:
        return []
    n, df = min((spread.n, spread.df) for spread in spreads)
    low, high = (advised_margin(sd / math.sqrt(n), df) for sd in STUDY_SPREADS)
    usual = (
        f"In the study behind these rules sd(d) was then {STUDY_SPREADS[0]:.2f} to "
        f"{STUDY_SPREADS[1]:.2f}: {count(n, 'case')} then ask for a margin of {score(low)} to "
        f"{score(high)}."
    )
    if alike == 1.0:
        known = (
            "Every answer is the same in all epochs: the noise that a changed prompt will bring is "
            "not visible here, because it answers every case anew."
        )
    else:
        known = "A changed prompt answers every case anew, also those that look steady here."
    small = f" These are few: aim for {SMALL} or more." if n < SMALL else ""
    return [f"{known} {usual}{small}"]


# ── after a promotion ────────────────────────────────────────────────────────────────────────────


def advice(baseline: Baseline, gates: Sequence[Gate]) -> str:
    """What the epochs of a new baseline say of the suite's margins; empty where none compares."""
    compared = [gate for gate in gates if isinstance(gate, MetricGate) and gate.compare]
    found = [(gate, of_baseline(baseline, gate.measured)) for gate in compared]
    spreads = [spread for _, spread in found if spread is not None]
    if not spreads:
        return ""
    rows = [("metric", "n", "sd(d)", "margin", "suggested", "wavers most")]
    rows += [
        (
            spread.metric,
            _cases(spread.n, spread.n_clusters),
            score(spread.sd),
            f"{gate.margin:g}",
            score(spread.margin()) if spread.standard_error else "not known",
            _wavering(spread),
        )
        for gate, spread in found
        if spread is not None
    ]
    tight = [
        f"{spread.metric}: an unchanged build would miss its margin {gate.margin:g} more than one "
        f"time in ten; set margin = {_up(spread.margin()):.3g}, or add cases"
        for gate, spread in found
        if spread is not None and spread.margin() > gate.margin
    ]
    alike = answered_alike(run_of(baseline))
    return "\n".join(
        [
            "suggested: the margin at which an unchanged build passes nine times in ten",
            *_table(rows),
            *tight,
            *_steadiness(alike, spreads),
        ]
    )


def _wavering(spread: Spread) -> str:
    """The cases that carry the run noise, with their shares of it."""
    shown = [f"{case_id} ({percent(share)})" for case_id, share in spread.wavering[:3]]
    return ", ".join(shown) or "none"


def _up(margin: float) -> float:
    """The next half hundredth: a margin is a choice, not a measurement."""
    return math.ceil(margin * 200) / 200


# ── tables ───────────────────────────────────────────────────────────────────────────────────────


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows with their columns lined up: the first and the last to the left."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if place in {0, last} else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def percent_of(share: float) -> str:
    """A share, also one of exactly nothing."""
    return "0 %" if share == 0.0 else percent(share)


def _cases(n: int, n_clusters: int) -> str:
    """`80 cases`, `80 cases in 54 clusters`."""
    return count(n, "case") + (f" in {count(n_clusters, 'cluster')}" if n_clusters < n else "")
