"""A saved run as a flat table, for the analysis that no report foresees.

One row a case, repeat and metric. Texts stay in the saved run: a table travels further than a run,
and questions, answers and passages are where personal data and planted secrets are.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit import codec
from evalkit.errors import ConfigError, Problem
from evalkit.records import (
    Answer,
    Case,
    Decision,
    Failure,
    Outcome,
    Run,
    Saved,
    Score,
    Trial,
    Unscored,
)
from evalkit.report.redact import redactor
from evalkit.report.sinks import csv_cell

Row = dict[str, str | int | float | bool | None]

SUFFIXES = (".csv", ".parquet")
_HINT = "pip install evalkit-gate[export]"


def export(run_json: Path, out: Path) -> Path:
    """Write the run saved at `run_json` as CSV or Parquet, by the suffix of `out`. Returns `out`.

    What was not measured is an empty cell beside its reason, never 0. Raises `ConfigError` for
    another suffix and where pandas (for Parquet also pyarrow) is not installed, `DataError` where
    the run cannot be read.
    """
    if out.suffix not in SUFFIXES:
        problem = Problem(
            where=str(out), what="an export is named by its format.",
            value=out.suffix or "no suffix", allowed=", ".join(SUFFIXES),
        )  # fmt: skip
        raise ConfigError([problem])
    pandas = _needed("pandas", out)
    if out.suffix == ".parquet":
        _needed("pyarrow", out)
    saved = codec.load(Saved, run_json)
    found = list(rows(saved))
    if out.suffix == ".csv":
        found = [{csv_cell(key): _safe(value) for key, value in row.items()} for row in found]
    # Columns become nullable, so that a missing count stays a missing whole number.
    frame = pandas.DataFrame(found).convert_dtypes()
    codec.write_atomic(out, _bytes(frame, out.suffix))
    return out


def _needed(name: str, out: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        problem = Problem(where=str(out), what=f"exporting needs {name}. Install it with: {_HINT}.")
        raise ConfigError([problem]) from error


def _safe(value: str | float | bool | None) -> str | float | bool | None:
    return csv_cell(value) if isinstance(value, str) else value


def _bytes(frame: Any, suffix: str) -> bytes:
    if suffix == ".csv":
        text: str = frame.to_csv(index=False, lineterminator="\n")
        return text.encode()
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, engine="pyarrow")
    return buffer.getvalue()


def rows(saved: Saved) -> Iterator[Row]:
    """A row for each score, and for each trial that has none; in the run's order."""
    run, decision = saved.run, saved.decision
    hide = redactor(run.cases)
    cases = {case.id: case for case in run.cases}
    verdicts = _verdicts(decision)
    parts = sorted({name for s in run.scores if isinstance(s, Score) for name, _ in s.parts})
    scores: dict[tuple[str, int], list[Score | Unscored]] = {}
    for score in run.scores:
        scores.setdefault((score.case_id, score.repeat), []).append(score)
    for trial in run.trials:
        about = _about(run, cases[trial.case_id], trial, hide)
        for found in scores.get((trial.case_id, trial.repeat), [None]):
            yield {
                **about,
                **_score(found, trial, hide),
                "verdict": verdicts.get(found.metric, "") if found is not None else "",
                **_parts(found, parts),
            }


def _about(run: Run, case: Case, trial: Trial, hide: Callable[[str], str]) -> Row:
    """What every metric of a trial shares: the case, and what its answer took."""
    answer = trial.outcome if isinstance(trial.outcome, Answer) else None
    usage = answer.usage if answer is not None else None
    return {
        "suite": run.fingerprint.suite,
        "profile": run.fingerprint.profile,
        "commit": run.commit,
        "started_at": run.started_at,
        "case_id": hide(case.id),
        "cluster": hide(case.cluster),
        "tags": hide(" ".join(case.tags)),
        "expect": case.expect,
        "attack": hide(case.attack.technique) if case.attack is not None else "",
        "repeat": trial.repeat,
        "n_retrieved": len(answer.retrieved) if answer is not None else None,
        "n_passages": len(answer.passages) if answer is not None else None,
        "input_tokens": usage.input_tokens if usage is not None else None,
        "cached_input_tokens": usage.cached_input_tokens if usage is not None else None,
        "output_tokens": usage.output_tokens if usage is not None else None,
        "cost_usd": answer.cost.usd if answer is not None else None,
        "latency_s": answer.latency_s if answer is not None else None,
    }


def _score(found: Score | Unscored | None, trial: Trial, hide: Callable[[str], str]) -> Row:
    value, reason = None, ""
    if isinstance(found, Score):
        value = found.value
    elif isinstance(found, Unscored):
        reason = found.reason
    if isinstance(trial.outcome, Failure):
        failure = trial.outcome
        reason = f"{failure.error_type} in {failure.stage}: {failure.message}"
    return {
        "metric": found.metric if found is not None else "",
        "value": value,
        "n_judged": len(found.judgements) if isinstance(found, Score) else None,
        "reason": hide(reason),
    }


def _parts(found: Score | Unscored | None, names: list[str]) -> Row:
    """A column for each part that any score has, so that every row has the same columns."""
    own = dict(found.parts) if isinstance(found, Score) else {}
    return {f"part_{name}": own.get(name) for name in names}


def _verdicts(decision: Decision) -> Mapping[str, Outcome]:
    """What the gate on each metric said, under the metric's name."""
    found: dict[str, Outcome] = {}
    for verdict in decision.verdicts:
        found[verdict.gate] = verdict.outcome
        for check in verdict.checks:
            if check.comparison is not None:
                found[check.comparison.metric] = verdict.outcome
    return found
