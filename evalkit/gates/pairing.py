"""Run and baseline, case by case: what can be compared, and what in it is the same to the byte."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from evalkit.baselines import answer_digest, passages_digest
from evalkit.gates.protocol import Measurement
from evalkit.observations import Observation, observe, spared
from evalkit.records import Answer
from evalkit.stats.paired import mean_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One case in both run and baseline; `before` is the mean over the baseline's `epochs`."""

    before: float
    epochs: tuple[float, ...]
    after: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What can be compared, and the ids that only one side has.

    `spared` are those that both sides have and that were never judged.
    """

    pairs: tuple[Pair, ...]
    new: tuple[str, ...]
    removed: tuple[str, ...]
    spared: tuple[str, ...]

    @property
    def ids(self) -> frozenset[str]:
        """The cases that are compared, or would have been."""
        return frozenset((*(p.after.case_id for p in self.pairs), *self.spared))

    @property
    def scored(self) -> tuple[Pair, ...]:
        """The pairs with at least one score now."""
        return tuple([pair for pair in self.pairs if pair.after.scores])

    @property
    def n_missing(self) -> int:
        """Scores that these pairs lack now."""
        return sum(pair.after.n_missing for pair in self.pairs)

    def within(self, ids: Collection[str]) -> Pairing:
        """The pairs of some cases alone."""
        return replace(self, pairs=tuple([p for p in self.pairs if p.after.case_id in ids]))


def pair(measurement: Measurement, metric: str) -> Pairing:
    """Run and baseline, by case id, where the metric applies; no baseline leaves every case new."""
    key = ("pairing", metric)
    if key not in measurement.memo:
        measurement.memo[key] = _pair(measurement, metric)
    found: Pairing = measurement.memo[key]
    return found


def _pair(measurement: Measurement, metric: str) -> Pairing:
    baseline = measurement.baseline.cases if measurement.baseline else ()
    before = {
        case.id: values
        for case in baseline
        for name, values in case.scores
        if name == metric and values
    }
    after = observe(measurement.run, metric, also=before.keys())
    left_out = spared(measurement.run, metric)
    present = left_out.union(o.case_id for o in after)
    return Pairing(
        pairs=tuple(
            [
                Pair(before=mean_of(epochs), epochs=epochs, after=o)
                for o in after
                if (epochs := before.get(o.case_id)) is not None
            ]
        ),
        new=tuple([case_id for case_id in _in_order(after, left_out) if case_id not in before]),
        removed=tuple([case_id for case_id in before if case_id not in present]),
        spared=tuple(sorted(left_out.intersection(before))),
    )


def _in_order(after: Sequence[Observation], left_out: frozenset[str]) -> list[str]:
    return [*(o.case_id for o in after), *sorted(left_out)]


def shown_the_same(measurement: Measurement, metric: str) -> bool:
    """Whether the judge is shown what it was shown for the baseline, in every case.

    True for a metric judged on passages alone, where those of every paired case are in each of the
    baseline's epochs, and now, the same to the byte. A difference of such scores is the judge's
    own noise, and no test of the build. Passages, not the retriever's settings, are compared: a
    prompt or a guardrail can drop passages while the retriever stays what it was.
    """
    if measurement.judged_on.get(metric) != "passages" or measurement.baseline is None:
        return False
    ids = pair(measurement, metric).ids
    return bool(ids) and ids <= _same_passages(measurement)


def _same_passages(measurement: Measurement) -> frozenset[str]:
    """The cases whose passages are the baseline's, in every epoch and repeat."""
    if "passages" not in measurement.memo:
        cases = measurement.baseline.cases if measurement.baseline else ()
        now = _digests(measurement, passages_digest)
        measurement.memo["passages"] = frozenset(
            case.id
            for case in cases
            if len(set(case.passages)) == 1 and now.get(case.id) == set(case.passages)
        )
    found: frozenset[str] = measurement.memo["passages"]
    return found


def _digests(
    measurement: Measurement, digest: Callable[[Answer], str]
) -> dict[str, set[str | None]]:
    """What identifies the answers of each case; None stands for a trial that failed."""
    key = ("digests", digest)
    if key not in measurement.memo:
        found: dict[str, set[str | None]] = {}
        for trial in measurement.run.trials:
            answer = trial.outcome
            shown = digest(answer) if isinstance(answer, Answer) else None
            found.setdefault(trial.case_id, set()).add(shown)
        measurement.memo[key] = found
    kept: dict[str, set[str | None]] = measurement.memo[key]
    return kept


def changed_share(measurement: Measurement, ids: Collection[str]) -> float:
    """The share of cases with an answer that the baseline does not know; 0 where it keeps none."""
    cases = measurement.baseline.cases if measurement.baseline else ()
    before = {case.id: set(case.answers) for case in cases if case.id in ids and case.answers}
    if not before:
        return 0.0
    now = _digests(measurement, answer_digest)
    changed = [case_id for case_id, known in before.items() if now.get(case_id, set()) - known]
    return len(changed) / len(before)
