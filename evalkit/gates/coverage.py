"""`[gates.coverage]`, implicit in every suite: what was to be measured was measured, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from evalkit.gates.limits import MAX_MISSING, SHOWN_CASES
from evalkit.gates.protocol import Measurement
from evalkit.gates.sequential import disorder
from evalkit.gates.verdict import conclude
from evalkit.gates.wording import count, listed, percent
from evalkit.observations import observe, repeats_of, spared
from evalkit.records import Check, Comparison, Failure, Run, Unscored, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageGate:
    """A rule on completeness; it never fails a build, it calls the measurement invalid.

    At most a share of `max_missing` of the cases may lack an answered trial, and of the cases that
    a metric applies to at most that share may lack a score. Nothing may occur twice or without its
    case. Fewer than `min_cases` cases are no measurement.
    """

    kind: ClassVar[str] = "coverage"

    name: str = "coverage"
    max_missing: float = MAX_MISSING
    min_cases: int = 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_missing < 1.0:
            raise ValueError(f"max_missing must be within [0, 1), got {self.max_missing}")
        if self.min_cases < 1:
            raise ValueError(f"min_cases must be at least 1, got {self.min_cases}")

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """None: completeness is counted, not tested."""
        return ()

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """ERROR where something is missing above the limit, repeated, or belongs nowhere."""
        run = measurement.run
        checks = [self._check_size(run), _check_integrity(run)]
        checks.append(self._check_share("trials", _untried(run), len(run.cases), "answered"))
        checks.extend(self._check_metric(measurement, name) for name, _ in run.fingerprint.metrics)
        return conclude(self.name, checks)

    def _check_size(self, run: Run) -> Check:
        n = len(run.cases)
        enough = n >= self.min_cases
        return Check(
            kind="size",
            outcome="PASS" if enough else "ERROR",
            reason=count(n, "case") if enough else f"{count(n, 'case')}, needs {self.min_cases}",
        )

    def _check_metric(self, measurement: Measurement, metric: str) -> Check:
        run, baseline = measurement.run, measurement.baseline
        expected = {
            case.id for case in (baseline.cases if baseline else ()) if metric in dict(case.scores)
        }
        observations = observe(run, metric, also=expected)
        if not observations:
            reason = f"{metric} is declared, but applied to no case"
            return Check(kind="scores", outcome="ERROR", reason=reason)
        reasons = {
            (item.case_id, item.repeat): item.reason
            for item in run.scores
            if isinstance(item, Unscored) and item.metric == metric
        }
        missing: dict[str, str] = {}
        for observation in observations:
            scored = {score.repeat for score in observation.scores}
            for repeat in repeats_of(run):
                if repeat not in scored:
                    why = reasons.get((observation.case_id, repeat), "no score was recorded")
                    missing.setdefault(observation.case_id, why)
        done = f"scored for {metric}"
        left_out = len(spared(run, metric))
        aside = f", {left_out} not needed" if left_out else ""
        return self._check_share("scores", missing, len(observations), done, aside=aside)

    def _check_share(
        self, kind: str, missing: Mapping[str, str], n: int, done: str, *, aside: str = ""
    ) -> Check:
        """The check that few enough of `n` cases are missing; `missing` maps a case to why."""
        if not missing:
            return Check(kind=kind, outcome="PASS", reason=f"{count(n, 'case')} {done}{aside}")
        grouped = Counter(missing.values()).most_common()
        why = "; ".join(f"{times} × {reason}" for reason, times in grouped[:SHOWN_CASES])
        text = f"{len(missing)} of {count(n, 'case')} not {done} ({listed(list(missing))}): {why}"
        allowed = len(missing) / n <= self.max_missing
        limit = "" if allowed else f"; at most {percent(self.max_missing)} may be missing"
        return Check(
            kind=kind,
            outcome="PASS" if allowed else "ERROR",
            reason=text + limit,
            cases=tuple(missing)[:SHOWN_CASES],
        )


def _untried(run: Run) -> dict[str, str]:
    """Cases without an answer on some repeat, and why."""
    outcomes = {(trial.case_id, trial.repeat): trial.outcome for trial in run.trials}
    missing: dict[str, str] = {}
    for case in run.cases:
        for repeat in repeats_of(run):
            outcome = outcomes.get((case.id, repeat))
            if outcome is None:
                missing.setdefault(case.id, "no trial was recorded")
            elif isinstance(outcome, Failure):
                why = f"{outcome.error_type} in {outcome.stage}: {outcome.message}"
                missing.setdefault(case.id, why)
    return missing


def _check_integrity(run: Run) -> Check:
    """The check that nothing is counted twice, belongs nowhere, or scores what never happened."""
    cases = {case.id for case in run.cases}
    metrics = {name for name, _ in run.fingerprint.metrics}
    trials = [(trial.case_id, trial.repeat) for trial in run.trials]
    scores = [(item.case_id, item.repeat, item.metric) for item in run.scores]
    failed = {(t.case_id, t.repeat) for t in run.trials if isinstance(t.outcome, Failure)}
    scored = [(s.case_id, s.repeat) for s in run.scores if not isinstance(s, Unscored)]
    looks, stops = run.looks, run.looks.stops if run.looks else ()
    spared_of = [(case_id, stop.metric) for stop in stops for case_id in stop.spared]
    tried = set(trials)
    twice = [*_repeated(case.id for case in run.cases), *_repeated(trials), *_repeated(scores)]
    strangers = [i for i in (*trials, *scores) if i[0] not in cases]
    findings = (
        _finding("recorded twice", twice),
        _finding("of a case not in the dataset", strangers),
        _finding("of a metric not in the suite", [i for i in scores if i[2] not in metrics]),
        _finding("scored without a trial", [i for i in scored if i not in tried]),
        _finding("scored although the trial failed", [i for i in scored if i in failed]),
        _finding("spared, but of a case not in the dataset",
                 [i for i in spared_of if i[0] not in cases]),
        _finding("judged in looks, but not in the suite",
                 [stop.metric for stop in stops if stop.metric not in metrics]),
        *(disorder(run, looks, stop) for stop in stops if looks),
    )  # fmt: skip
    wrong = "; ".join(finding for finding in findings if finding)
    return Check(
        kind="integrity",
        outcome="ERROR" if wrong else "PASS",
        reason=wrong or "each trial and score occurs once and belongs to a case",
    )


def _repeated(keys: Iterable[object]) -> list[object]:
    return [key for key, times in Counter(keys).items() if times > 1]


def _finding(what: str, keys: Sequence[object]) -> str:
    """One kind of disorder in words, or nothing; a key is a case id or starts with one."""
    names = [" ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in keys]
    return f"{what}: {listed(names)}" if names else ""
