"""`evalkit explain`: how a verdict came about, with its numbers, in words.

Everything is worked out again from the saved run by the gates themselves; where today's rules or
baseline come to something else than what was saved, that is said first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalkit.errors import DataError, Problem
from evalkit.gates.evidence import bound_below, can_test, price_of_family
from evalkit.gates.instrument import NOT_CALIBRATED, is_judged, sight
from evalkit.gates.limits import ALPHA, POWER, ROUNDING
from evalkit.gates.metric import MetricGate
from evalkit.gates.new_breach import KIND as NEW_BREACH
from evalkit.gates.pairing import Pairing, pair
from evalkit.gates.protocol import Gate, Measurement, Promise
from evalkit.gates.rate import RateGate
from evalkit.gates.regression import drop_test
from evalkit.gates.versus import VersusGate, against
from evalkit.gates.wording import count, listed, p_value, percent, score, sizes
from evalkit.gates.zero_tolerance import ZeroToleranceGate
from evalkit.observations import Observation, observe, repeats_of
from evalkit.records import Baseline, Check, Comparison, Decision, Saved, Score, Verdict
from evalkit.report.figures import age, signed
from evalkit.report.fingerprint_view import changes
from evalkit.stats.paired import mean_of
from evalkit.stats.planning import advised_epochs, run_share
from evalkit.stats.shrinkage import shrunken_variances

WORST = 5
"""Cases shown with their scores before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A verdict and what it was made from: the suite's measurement, and the whole build.

    `baseline` is the name under which the suite's decision knows its baseline.
    """

    gate: Gate
    verdict: Verdict
    measurement: Measurement
    build: tuple[Decision, ...]
    baseline: str

    @property
    def metric(self) -> str:
        """The metric the gate is about; empty for a gate on something else."""
        if isinstance(self.gate, MetricGate | RateGate | ZeroToleranceGate):
            return self.gate.measured
        return self.gate.metric if isinstance(self.gate, VersusGate) else ""

    def family(self, test: Comparison) -> list[Comparison]:
        """The tests that share the error rate with this one: all of the build, or the release's."""
        release = test.kind == "release"
        return [
            other
            for decision in self.build
            for other in decision.comparisons
            if not other.look and (other.kind == "release") == release
        ]

    @property
    def compared(self) -> Measurement:
        """The measurement with what this gate compares with in the place of the baseline."""
        if isinstance(self.gate, VersusGate):
            return against(self.measurement, self.gate.than)
        return self.measurement


def verdict(
    saved: Saved,
    gate: str,
    *,
    promise: Promise,
    measurement: Measurement,
    build: Sequence[Decision],
    place: int = 0,
    now: str = "",
) -> str:
    """How the verdict of one gate of a saved run came about.

    `measurement` is the run beside today's baselines, `build` what today's gates decide of all
    suites of the build, and `place` this suite's in it. `now` is the time that ages are told at.
    Raises `DataError` for a gate that the suite does not have, naming those it has.
    """
    gates = {one.name: one for one in promise.gates}
    verdicts = {one.gate: one for one in build[place].verdicts}
    if gate not in gates or gate not in verdicts:
        problem = Problem(
            where=f"suite {promise.suite}", what="has no such gate", value=gate,
            allowed=", ".join(gates),
        )  # fmt: skip
        raise DataError([problem])
    found = Found(
        gate=gates[gate],
        verdict=verdicts[gate],
        measurement=measurement,
        build=tuple(build),
        baseline=build[place].baseline,
    )
    blocks = [
        _head(found, promise),
        _agreement(found, saved),
        _compared(found, now),
        *(_check(found, check) for check in found.verdict.checks),
        _judge(found),
        _spared(found),
        _attribution(found, saved),
        _worst(found),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


# ── what, and whether it is what was saved ───────────────────────────────────────────────────────


def _head(found: Found, promise: Promise) -> list[str]:
    profile = found.measurement.run.fingerprint.profile
    lane = f", lane {promise.lane}" if promise.lane != "pr" else ""
    where = f"{found.verdict.gate} of {promise.suite} ({profile} profile{lane})"
    return [f"{found.verdict.outcome}: {where}", f"  {found.verdict.reason}"]


def _agreement(found: Found, saved: Saved) -> list[str]:
    """What was saved, where it is not what is worked out today."""
    before = next((v for v in saved.decision.verdicts if v.gate == found.verdict.gate), None)
    if before is None:
        return ["The saved run has no verdict of this gate: the suite has changed since."]
    if before == found.verdict:
        return []
    lines = [f"Saved was another verdict, {before.outcome}: {before.reason}"]
    if saved.decision.baseline != found.baseline:
        then = saved.decision.baseline or "none"
        lines.append(f"  its baseline was {then}, today's is {found.baseline or 'none'}")
    return lines


# ── what was compared ────────────────────────────────────────────────────────────────────────────


def _compared(found: Found, now: str) -> list[str]:
    run, baseline = found.measurement.run, found.compared.baseline
    size = f"{count(len(run.cases), 'case')}, {count(len(repeats_of(run)), 'repeat')}"
    lines = [f"This run: {size}, commit {run.commit or '?'} of {run.started_at}"]
    if baseline is None:
        if found.compared.baseline_problem:
            lines.append(f"Baseline: {found.compared.baseline_problem}")
        return lines
    old = age(baseline.promoted_at, now)
    lines.append(
        f"Baseline: {count(baseline.epochs, 'epoch')}, commit {baseline.commit or '?'} of "
        f"{baseline.promoted_at}{f' ({old})' if old else ''}, because {baseline.because or '?'}"
    )
    if found.measurement.baseline_note:
        lines.append(f"  {found.measurement.baseline_note}")
    if made_of := changes(run, baseline):
        lines.append(f"  changed since: {'; '.join(f'{name} {how}' for name, how in made_of)}")
    if found.metric:
        lines += _pairs(found, pair(found.compared, found.metric))
    return lines


def _pairs(found: Found, pairing: Pairing) -> Iterator[str]:
    metric = found.metric
    clusters = len({p.after.cluster for p in pairing.pairs})
    shared = f" in {count(clusters, 'cluster')}" if clusters < len(pairing.pairs) else ""
    yield f"  {count(len(pairing.pairs), 'case')}{shared} with {metric} on both sides"
    for name, ids in (("now", pairing.new), ("in the baseline", pairing.removed)):
        if ids:
            yield f"  {count(len(ids), 'case')} only {name}, left out: {listed(ids)}"
    if pairing.n_missing:
        missing = count(pairing.n_missing, "score")
        yield f"  {missing} missing: {_bounds_of_missing(metric, pairing)}"


def _bounds_of_missing(metric: str, pairing: Pairing) -> str:
    """The change with every missing score at its worst and at its best (Manski's bounds)."""
    if not can_test([p.after for p in pairing.scored]):
        return "too many to say what they could change"
    worst, best = (drop_test(metric, pairing.pairs, value).delta for value in (0.0, 1.0))
    return f"were all 0 the change would be {signed(worst)}, were all 1 {signed(best)}"


# ── the rules ────────────────────────────────────────────────────────────────────────────────────


def _check(found: Found, check: Check) -> list[str]:
    lines = [f"{check.kind}: {check.outcome}"]
    if check.reason != found.verdict.reason:  # the only check's is the verdict's
        lines.append(f"  {check.reason}")
    lines += [f"  {line}" for line in _replays(found, check)]
    test = check.comparison
    if test is None:
        return lines
    lines += [f"  {line}" for line in _numbers(test)]
    lines += [f"  {line}" for line in _multiplicity(found, test)]
    if not test.look and test not in found.family(test):
        return lines
    lines += [f"  {line}" for line in _rules(found, check, test)]
    if test.kind == "regression" and isinstance(found.gate, MetricGate):
        lines += [f"  {line}" for line in _noise(found, test)]
    return lines


REPLAYED = {True: "hit", False: "not hit", None: "no answer or score"}


def _replays(found: Found, check: Check) -> Iterator[str]:
    """Each replay of the new breaches that a check names, and what is asked of them."""
    if check.kind != NEW_BREACH or not isinstance(found.gate, RateGate):
        return
    asked = found.gate.replays_of_breaches
    yield f"FAIL asks for a hit in more than half of {count(asked, 'replay')}, PASS for none"
    for one in found.measurement.run.replays:
        if one.metric == found.metric and one.case_id in check.cases:
            hits = ", ".join(REPLAYED[hit] for hit in one.hits[:asked])
            yield f"{one.case_id}: replays {hits}"


def _numbers(test: Comparison) -> Iterator[str]:
    against_what = "floor" if test.kind == "floor" else "before"
    yield (
        f"{against_what} {score(test.reference)}, now {score(test.now)}: change "
        f"{signed(test.delta)}, 95 % [{signed(test.low)}, {signed(test.high)}], "
        f"{sizes(test, 'case' if test.kind == 'floor' else 'paired case')}"
    )
    if not test.standard_error:
        yield f"no case differs from another in its change: SE 0, {p_value(test.p_value)}"
        return
    yield (
        f"{test.method}: SE {test.standard_error:.4f}, t = change / SE = "
        f"{signed(test.delta / test.standard_error, 2)} on {test.df} degrees of freedom, "
        f"{p_value(test.p_value)}"
    )
    yield (
        f"with this SE a true drop of {score(test.smallest_detectable)} is found "
        f"{percent(POWER)} of the time"
    )


def _multiplicity(found: Found, test: Comparison) -> Iterator[str]:
    """Holm's place of a test in the build's family, or the bounds of its look."""
    if test.look:
        yield (
            f"look {test.look} of {test.looks}: p is held against this look's share of the error "
            f"rate; scaled so that the share is {ALPHA:g}, {p_value(test.p_adjusted)}"
        )
        yield f"a PASS at this look rests on a bound at {percent(1 - test.pass_level)}"
        return
    family = found.family(test)
    if test not in family:
        yield "no test of the build: it shares no error rate, and nothing rests on its p"
        return
    rank = 1 + sum(other.p_value < test.p_value for other in family)
    whose = "the release's family" if test.kind == "release" else "the build's family"
    times = price_of_family(test)
    yield (
        f"Holm: rank {rank} of {count(len(family), 'test')} computed in {whose}; p × {times:.3g} "
        f"gives adjusted {p_value(test.p_adjusted)}"
    )


def _rules(found: Found, check: Check, test: Comparison) -> Iterator[str]:
    gate = found.gate
    significant = test.p_adjusted <= ALPHA
    asks = f"adjusted p ≤ {ALPHA:g} ({_yes(met=significant)})"
    if test.kind == "floor" and isinstance(gate, MetricGate):
        below = test.delta < -ROUNDING
        strict = gate.strict or found.measurement.lane == "release"
        reached = bound_below(test) if strict else test.delta
        what = "the lower bound of the mean" if strict else "the mean"
        fails = significant and below
        passes = reached >= -ROUNDING
        yield f"FAIL asks for {asks} and a mean below the floor ({_yes(met=below)})"
        yield (
            f"PASS asks for {what}, {score(test.reference + reached)}, at {score(test.reference)} "
            f"or above ({_yes(met=passes)})"
        )
    elif isinstance(gate, MetricGate | VersusGate):
        matters = test.delta <= -gate.min_effect + ROUNDING
        low = bound_below(test)
        fails, passes = significant and matters, low > -gate.margin
        yield (
            f"FAIL asks for {asks} and a drop of at least min_effect {gate.min_effect:g} "
            f"({_yes(met=matters)})"
        )
        yield (
            f"PASS asks for the lower bound of the change, {signed(low)}, above −margin "
            f"{signed(-gate.margin)} ({_yes(met=passes)})"
        )
    else:
        return
    by_rule = "FAIL" if fails else "PASS" if passes else "INCONCLUSIVE"
    if by_rule != check.outcome:
        yield f"these rules alone give {by_rule}; what stands above made it {check.outcome}"


def _yes(*, met: bool) -> str:
    return "yes" if met else "no"


def _noise(found: Found, test: Comparison) -> Iterator[str]:
    """How much of the squared error lies between runs of one build, by the baseline's epochs."""
    baseline = found.compared.baseline
    values = _epochs_of(baseline, found.metric)
    if baseline is None or not test.standard_error or not any(len(v) > 1 for v in values.values()):
        return
    run_variance = mean_of(list(shrunken_variances(values).values()))
    now = len(repeats_of(found.measurement.run))
    share = run_share(
        run_variance, test.standard_error, test.n_pairs, now=now, before=baseline.epochs
    )
    epochs = advised_epochs(share, before=baseline.epochs)
    helps = "more cases help most" if epochs == 1 else f"{epochs} repeats a case help most"
    shown = percent(share) if share else "0 %"
    yield f"{shown} of SE² is noise between runs of one build: {helps}"


def _epochs_of(baseline: Baseline | None, metric: str) -> dict[str, tuple[float, ...]]:
    cases = baseline.cases if baseline else ()
    return {c.id: values for c in cases for name, values in c.scores if name == metric and values}


# ── the judge, what was spared, what moved it ────────────────────────────────────────────────────


def _judge(found: Found) -> list[str]:
    measurement, metric = found.measurement, found.metric
    if not metric or not is_judged(measurement, metric):
        return []
    seen = sight(measurement, metric)
    name = measurement.run.fingerprint.judge
    if seen is None:
        return [f"Judge {name}: {NOT_CALIBRATED}, so that nobody knows what it does not see"]
    lines = [f"Judge {name}: {seen}"]
    for check in found.verdict.checks:
        if check.comparison is not None and check.comparison.standard_error:
            drop = check.comparison.smallest_detectable
            true = seen.true(drop).removesuffix(f" ({seen})")  # said above
            lines.append(f"  {check.kind}: detects {score(drop)} as judged, {true}")
    return lines


def _spared(found: Found) -> list[str]:
    """What the looks and the baseline's scores left unasked."""
    run, metric = found.measurement.run, found.metric
    scores = [s for s in run.scores if s.metric == metric]
    known = sum(isinstance(s, Score) and s.known for s in scores)
    stop = run.looks.stop(metric) if run.looks else None
    spared = len(stop.spared) if stop else 0
    total = len(scores) + spared
    if not known and not spared:
        return []
    lines = [f"Judge not asked for {known + spared} of {count(total, 'answer')}"]
    if stop and spared:
        sizes_ = ", ".join(map(str, stop.sizes))
        lines.append(
            f"  {spared} spared: judging ended at look {stop.look} of {len(stop.sizes)} "
            f"({sizes_} cases)"
        )
    if known:
        lines.append(f"  {known} known: the answer is the baseline's, so is its score")
    return lines


def _attribution(found: Found, saved: Saved) -> list[str]:
    lines = []
    for one in saved.attributions:
        if one.gate != found.verdict.gate:
            continue
        if one.why_not:
            lines.append(f"What moved it is not known: {one.why_not}")
            continue
        sides = f"retriever {signed(one.retriever, 2)}, generator {signed(one.generator, 2)}"
        lines += [
            f"What moved it: {sides} (2×2 replay over {count(len(one.cases), 'case')})",
            f"  old contexts: old generator {score(one.old_old)}, new {score(one.old_new)}",
            f"  new contexts: old generator {score(one.new_old)}, new {score(one.new_new)}",
        ]
    return lines


def _worst(found: Found) -> list[str]:
    """The cases that dropped most against the baseline, or are lowest where none is compared."""
    if not found.metric:
        return []
    pairs = pair(found.compared, found.metric).scored
    if pairs:
        drops = sorted((p.after.mean - p.before, p.after.case_id, p) for p in pairs)[:WORST]
        rows = [
            f"  {case_id}: {score(p.before)} → {score(p.after.mean)} ({signed(delta)})"
            for delta, case_id, p in drops
            if delta < -ROUNDING
        ]
        return ["Worst cases, before → now:", *rows] if rows else []
    return _lowest(observe(found.measurement.run, found.metric))


def _lowest(observed: Sequence[Observation]) -> list[str]:
    means = sorted((o.mean, o.case_id) for o in observed if o.scores)[:WORST]
    rows = [f"  {case_id}: {score(mean)}" for mean, case_id in means]
    return ["Lowest cases:", *rows] if rows else []
