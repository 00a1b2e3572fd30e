"""Promoted runs as committed JSON: what a run may be compared with, or why it may not.

`reports/baselines/<profile>/<suite>.json` holds numbers only, no text of a case or an answer; one
case a line, so that a promotion reads as a diff.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from evalkit import codec
from evalkit.errors import BaselineMismatch, DataError, Problem
from evalkit.observations import observe
from evalkit.records import (
    Answer,
    Baseline,
    BaselineCase,
    Case,
    Failure,
    Fingerprint,
    Run,
    Unscored,
)
from evalkit.settings import changed, explained
from evalkit.stats.paired import mean_of

SCHEMA_VERSION = 2

EPOCHS = 5
"""Fresh repeats a baseline needs: with one, an unlucky baseline fails every later build up to 77 %
of the time; five leave little of that luck (`research/gating-statistics.md` §2.5)."""

DIGEST_CHARACTERS = 16
"""64 bits: among a million answers two that differ share a digest with a chance of 3 in 10⁸."""

FOLDER = Path("reports") / "baselines"

USES_EMBEDDER = frozenset({"answer_relevancy", "answer_similarity"})
"""Metrics that measure with the embedder themselves, whatever the judge."""


def path_of(root: Path, profile: str, suite: str) -> Path:
    """Where the baseline of a suite under a profile is kept. Raises `DataError` for odd names."""
    for what, name in (("profile", profile), ("suite", suite)):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*", name):
            # Both become parts of a path that is written to.
            problem = Problem(
                where=f"{what} {name!r}",
                what="cannot name a baseline file.",
                allowed="letters, digits, '_', '@', '-' and '.', the first none of the last three",
            )
            raise DataError([problem])
    return root / FOLDER / profile / f"{suite}.json"


def release_of(suite: str) -> str:
    """The name under which the pinned release baseline of a suite is kept."""
    return f"{suite}.release"


def mend(suite: str | Path, profile: str) -> str:
    """The command that makes a baseline of a suite (its name, or its file) that fits."""
    file = suite.as_posix() if isinstance(suite, Path) else f"suites/{suite}.toml"
    return f"evalkit baseline promote {file} --profile {profile} --because '…'"


# ── reading and writing ──────────────────────────────────────────────────────────────────────────


def load_baseline(root: Path, profile: str, suite: str) -> Baseline:
    """The committed baseline.

    Raises `BaselineMismatch` where there is none, `DataError` where the file is damaged.
    """
    return _load(root, profile, suite, command=mend(suite, profile))


def load_fitting(root: Path, fingerprint: Fingerprint, *, suite: Path) -> Baseline:
    """The committed baseline that a run of this fingerprint may be compared with.

    `suite` is the suite's file, named in the command that mends. Raises `BaselineMismatch` where
    there is none or it does not fit, `DataError` where the file is damaged.
    """
    resolved, top = suite.resolve(), root.resolve()
    shown = resolved.relative_to(top) if resolved.is_relative_to(top) else suite
    command = mend(shown, fingerprint.profile)
    baseline = _load(root, fingerprint.profile, fingerprint.suite, command=command)
    reasons = mismatches(baseline, fingerprint)
    if reasons:
        raise BaselineMismatch(reasons, mend=command)
    return baseline


def load_release(root: Path, fingerprint: Fingerprint, *, suite: Path) -> Baseline:
    """The baseline pinned at the last release, where a run of this fingerprint may be compared.

    A series of small drops, each within the margin of the baseline that followed the one before,
    adds up; against the release it shows. Raises as `load_fitting` does.
    """
    command = pinning(suite.name, fingerprint.profile)
    name = release_of(fingerprint.suite)
    baseline = _load(root, fingerprint.profile, name, command=command)
    reasons = mismatches(baseline, fingerprint)
    if reasons:
        raise BaselineMismatch([f"the release baseline: {reason}" for reason in reasons],
                               mend=command)  # fmt: skip
    return baseline


def pin(root: Path, profile: str, suite: str, *, because: str) -> Path:
    """Keep today's baseline as that of the release. Returns the file written.

    Raises `BaselineMismatch` where there is no baseline, `DataError` for a reason that says
    nothing.
    """
    if not because.strip():
        raise DataError([Problem(where="--because", what="a release needs a reason")])
    baseline = replace(load_baseline(root, profile, suite), because=because.strip())
    path = path_of(root, profile, release_of(suite))
    codec.write_atomic(path, render(baseline).encode())
    return path


def pinning(file: str, profile: str) -> str:
    """The command that pins a suite's baseline as the release's."""
    return f"evalkit baseline pin suites/{file} --profile {profile} --because '…'"


def _load(root: Path, profile: str, suite: str, *, command: str) -> Baseline:
    path = path_of(root, profile, suite)
    if not path.exists():
        shown = path.relative_to(root).as_posix()
        raise BaselineMismatch([f"there is no baseline {shown}"], mend=command)
    return read(path)


def read(path: Path) -> Baseline:
    """A baseline file, checked whole. Raises `DataError` naming the file and what is wrong."""
    where = str(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError([Problem(where=where, what=f"cannot be read: {error.strerror}")]) from error
    data = codec.loads_strict(text, where=where)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise DataError(
            [
                Problem(
                    where=where,
                    what="this evalkit cannot read a baseline of this schema_version.",
                    value=repr(version)[:40],
                    allowed=str(SCHEMA_VERSION),
                )
            ]
        )
    baseline = codec.decode(Baseline, data, where=where)
    problems = [Problem(where=where, what=what) for what in _faults(baseline)]
    if problems:
        raise DataError(problems)
    return baseline


def _faults(baseline: Baseline) -> Iterator[str]:
    """What is wrong with the numbers: a file that was edited by hand decides builds."""
    if not baseline.cases:
        yield "the baseline has no cases"
    if len(dict(baseline.settings)) != len(baseline.settings):
        yield "a setting repeats"
    for case in baseline.cases:
        names = [name for name, _ in case.scores]
        if len(names) != len(set(names)):
            yield f"case {case.id}: a metric repeats"
        limits: tuple[tuple[str, tuple[float, ...], float], ...] = (
            *((f"scores of {name}", values, 1.0) for name, values in case.scores),
            ("input_tokens", case.input_tokens, math.inf),
            ("output_tokens", case.output_tokens, math.inf),
            ("usd", case.usd, math.inf),
            ("latency_s", case.latency_s, math.inf),
        )
        for name, digests in (("answers", case.answers), ("passages", case.passages)):
            if len(digests) != baseline.epochs:
                yield f"case {case.id}: {len(digests)} {name} for {baseline.epochs} epochs"
        for name, values, high in limits:
            if len(values) != baseline.epochs:
                yield f"case {case.id}: {len(values)} {name} for {baseline.epochs} epochs"
            wrong = [v for v in values if not (math.isfinite(v) and 0.0 <= v <= high)]
            if wrong:
                yield f"case {case.id}: {name} outside [0, {high:g}]: {wrong[0]!r}"


def save(root: Path, baseline: Baseline) -> Path:
    """Write a baseline to its place, atomically. Returns the file."""
    path = path_of(root, baseline.fingerprint.profile, baseline.fingerprint.suite)
    codec.write_atomic(path, render(baseline).encode())
    return path


def render(baseline: Baseline) -> str:
    """The file's text: the head indented, then one setting a line and one case, sorted."""
    data = codec.encode(baseline)
    cases = sorted(data.pop("cases"), key=lambda case: str(case["id"]))
    settings = data.pop("settings")
    head = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
    made_of = f"{_a_line_each('settings', settings)},\n" if settings else ""
    return f"{head},\n{made_of}{_a_line_each('cases', cases)}\n}}\n"


def _a_line_each(name: str, items: Sequence[object]) -> str:
    """A list in the file, an item a line: what a promotion changes reads as a diff."""
    compact = (json.dumps(item, ensure_ascii=False, allow_nan=False) for item in items)
    lines = ",\n".join(f"  {item}" for item in compact)
    return f' "{name}": [\n{lines}\n ]'


# ── comparing ────────────────────────────────────────────────────────────────────────────────────


def mismatches(baseline: Baseline, fingerprint: Fingerprint) -> tuple[str, ...]:
    """Why a run of this fingerprint cannot be compared with the baseline; empty when it can.

    Everything that measures must agree. What is under test (target, prompts, generator and their
    configuration) may differ: that is what a comparison is for. So may prices: another price is no
    regression, and the cost gate says so. A metric that the baseline does not have is left to its
    gate.
    """
    old = baseline.fingerprint
    measuring = ["suite", "profile", "dataset", "dataset_slice", "dataset_digest", "judge"]
    if _embeds(fingerprint) or _embeds(old):
        measuring.append("embedder")
    found = [
        f"{name.replace('_', ' ')} is {now!r}, the baseline's {before!r}"
        for name in measuring
        if (now := getattr(fingerprint, name)) != (before := getattr(old, name))
    ]
    versions = dict(old.metrics)
    found += [
        f"metric {name} is version {version}, the baseline's {versions[name]}"
        for name, version in fingerprint.metrics
        if versions.get(name, version) != version
    ]
    return tuple(found)


def is_of_another_judge(baseline: Baseline, fingerprint: Fingerprint) -> bool:
    """Whether nothing but the judge keeps a run of this fingerprint from being compared."""
    of_this = replace(baseline.fingerprint, judge=fingerprint.judge)
    return bool(mismatches(baseline, fingerprint)) and not mismatches(
        replace(baseline, fingerprint=of_this), fingerprint
    )


def _embeds(fingerprint: Fingerprint) -> bool:
    """Whether the scores depend on the embedder."""
    used = any(name in USES_EMBEDDER for name, _ in fingerprint.metrics)
    return used or fingerprint.judge.startswith("embedded/")


# ── what a judge is shown ────────────────────────────────────────────────────────────────────────


def answer_digest(answer: Answer) -> str:
    """Identifies the text of an answer and its passages: all that a judge is shown of a trial."""
    return _digest((answer.text, *[passage.text for passage in answer.passages]))


def passages_digest(answer: Answer) -> str:
    """Identifies the passages of an answer, in their order."""
    return _digest(tuple([passage.text for passage in answer.passages]))


@lru_cache(maxsize=4096)  # gates ask for those of the same answers, metric by metric
def _digest(texts: tuple[str, ...]) -> str:
    return codec.digest(texts)[:DIGEST_CHARACTERS]


# ── promoting ────────────────────────────────────────────────────────────────────────────────────


def promote(run: Run, *, because: str, by: str, commit: str) -> Baseline:
    """The baseline that a complete run of at least five repeats makes; `because` is kept with it.

    Raises `DataError` with everything that makes the run unfit: too few repeats, a trial that
    failed or is missing, a score that is missing, or no reason given. A baseline with holes would
    let every later run skip the same cases unseen.
    """
    epochs = 1 + max((trial.repeat for trial in run.trials), default=-1)
    faults = (*_unfit(run, epochs), *_unscored(run, epochs))
    problems = [Problem(where="the run", what=what) for what in faults]
    if not because.strip():
        problems.append(Problem(where="--because", what="a baseline needs a reason"))
    if problems:
        raise DataError(problems)
    return reduced(run, because=because, by=by, commit=commit)


def reduced(run: Run, *, because: str = "", by: str = "", commit: str = "") -> Baseline:
    """A run as numbers a case; what was not measured is left out."""
    answers = {(t.case_id, t.repeat): t.outcome for t in run.trials}
    epochs = 1 + max((trial.repeat for trial in run.trials), default=0)
    scores: dict[str, list[tuple[str, tuple[float, ...]]]] = {case.id: [] for case in run.cases}
    for metric, _version in run.fingerprint.metrics:
        for observation in observe(run, metric):
            if observation.values:
                scores[observation.case_id].append((metric, observation.values))

    def baseline_case(case: Case) -> BaselineCase:
        outcomes = [answers.get((case.id, repeat)) for repeat in range(epochs)]
        made = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
        return BaselineCase(
            id=case.id,
            cluster=case.cluster,
            scores=tuple(scores[case.id]),
            input_tokens=tuple(answer.usage.input_tokens for answer in made),
            output_tokens=tuple(answer.usage.output_tokens for answer in made),
            usd=tuple(answer.cost.usd for answer in made),
            latency_s=tuple(round(answer.latency_s, 4) for answer in made),
            answers=tuple(answer_digest(answer) for answer in made),
            passages=tuple(passages_digest(answer) for answer in made),
        )

    return Baseline(
        schema_version=SCHEMA_VERSION,
        evalkit_version=run.evalkit_version,
        commit=commit,
        promoted_at=run.started_at,
        promoted_by=by,
        because=because.strip(),
        epochs=epochs,
        fingerprint=run.fingerprint,
        cases=tuple(baseline_case(case) for case in sorted(run.cases, key=lambda case: case.id)),
        settings=run.settings,
    )


def _unfit(run: Run, epochs: int) -> Iterator[str]:
    """What else than its scores keeps a run from becoming a baseline."""
    if epochs < EPOCHS:
        yield f"{epochs} repeats, a baseline needs {EPOCHS}"
    if not run.cases:
        yield "the run has no cases"
    trials = {(trial.case_id, trial.repeat): trial.outcome for trial in run.trials}
    if len(trials) != len(run.trials):
        yield "a trial is recorded twice"
    for case in run.cases:
        for repeat in range(epochs):
            outcome = trials.get((case.id, repeat))
            if outcome is None:
                yield f"case {case.id}, repeat {repeat}: no trial"
            elif isinstance(outcome, Failure):
                yield f"case {case.id}, repeat {repeat}: {outcome.error_type} in {outcome.stage}"


def _unscored(run: Run, epochs: int) -> Iterator[str]:
    """The scores that a baseline of the run would lack."""
    absent: dict[tuple[str, str, int], str] = {
        (item.case_id, item.metric, item.repeat): item.reason
        for item in run.scores
        if isinstance(item, Unscored)
    }
    for metric, _version in run.fingerprint.metrics:
        observations = observe(run, metric)
        if not observations:
            yield f"{metric} applied to no case"
        for observation in observations:
            scored = {score.repeat for score in observation.scores}
            for repeat in sorted(set(range(epochs)) - scored):
                why = absent.get((observation.case_id, metric, repeat), "no score")
                yield f"case {observation.case_id}, repeat {repeat}: {metric} unscored: {why}"


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


def _means(baseline: Baseline) -> dict[str, float]:
    """The mean over cases of every metric, and of tokens and dollars a case."""
    by_metric: dict[str, list[float]] = {name: [] for name, _ in baseline.fingerprint.metrics}
    for case in baseline.cases:
        for name, values in case.scores:
            by_metric.setdefault(name, []).append(mean_of(values))
    for name in ("input_tokens", "output_tokens", "usd"):
        by_metric[f"{name} per case"] = [mean_of(getattr(case, name)) for case in baseline.cases]
    return {name: mean_of(values) for name, values in by_metric.items() if values}


def show(baseline: Baseline) -> str:
    """A baseline in words and numbers."""
    fingerprint = baseline.fingerprint
    size = f"{len(baseline.cases)} cases × {baseline.epochs} epochs"
    lines = [
        f"{fingerprint.suite} · {fingerprint.profile} profile · {size}",
        f"promoted {baseline.promoted_at} by {baseline.promoted_by} at {baseline.commit or '?'}",
        f"because {baseline.because}",
        f"dataset {fingerprint.dataset} {fingerprint.dataset_slice}".rstrip(),
        f"target {fingerprint.target}",
        f"generator {fingerprint.generator}",
        f"judge {fingerprint.judge}",
    ]
    lines += [f"{name} {value:.4g}" for name, value in _means(baseline).items()]
    lines += [f"setting {name} {value}" for name, value in baseline.settings]
    return "\n".join(lines)


def diff(old: Baseline, new: Baseline) -> tuple[str, ...]:
    """What changed between two baselines, a line each; empty where their numbers agree."""
    lines = [
        f"{name}: {before} → {after}"
        for name in ("commit", "because", "epochs")
        if (before := getattr(old, name)) != (after := getattr(new, name))
    ]
    lines += _differences(old, new)
    had, has = {case.id for case in old.cases}, {case.id for case in new.cases}
    lines += [f"case {case_id} added" for case_id in sorted(has - had)]
    lines += [f"case {case_id} removed" for case_id in sorted(had - has)]
    before_means, after_means = _means(old), _means(new)
    for name in dict.fromkeys((*before_means, *after_means)):
        earlier, later = before_means.get(name), after_means.get(name)
        if earlier is None or later is None:
            lines.append(f"{name}: {'added' if earlier is None else 'removed'}")
        elif earlier != later:
            lines.append(f"{name}: {earlier:.4g} → {later:.4g} ({later - earlier:+.4g})")
    return tuple(lines)


def _differences(old: Baseline, new: Baseline) -> Iterator[str]:
    """What the baselines were made of: settings by name, and what no setting explains."""
    found = changed(old.settings, new.settings)
    for change in found:
        yield f"{change.name}: {change.before or 'none'} → {change.now or 'none'}"
    for name in Fingerprint.__dataclass_fields__:
        before, after = getattr(old.fingerprint, name), getattr(new.fingerprint, name)
        if before == after or explained(found, name):
            continue
        yield f"{name}: {_only(before, after)} → {_only(after, before)}"


def _only(value: object, other: object) -> str:
    """A fingerprint's field on one line; of pairs those that the other side lacks."""
    if isinstance(value, tuple) and isinstance(other, tuple):
        return (
            ", ".join(f"{one}={item}" for one, item in value if (one, item) not in other) or "none"
        )
    return str(value) or "none"
