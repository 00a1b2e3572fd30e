"""Cards of judges: what people's labels say of each, committed with the project.

One file a judge and labelled set, `reports/judges/<judge>/<labels>.json`: counts and, for a suite's
own answers, both scores of each. No text. A judge is known by its fingerprint, so a judge that has
changed has no card until it is calibrated again. Cards of the embedded judge travel in the package.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from pathlib import Path

from evalkit import codec
from evalkit.errors import DataError, Problem
from evalkit.records import Calibration
from evalkit.stats.agreement import Agreement, Interval, agreement

SCHEMA_VERSION = 1
FOLDER = Path("reports") / "judges"

SHIPPED = Path(__file__).parent / "judges" / "cards"
"""Cards of the package's own judges; a project's card on the same labels takes their place."""

_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


def path_of(root: Path, calibration: Calibration, *, folder: Path = FOLDER) -> Path:
    """Where the card of this judge and these labels lies."""
    of = (calibration.suite, calibration.metric) if calibration.suite else ()
    about = (calibration.labels, *of)
    name = _slug(" ".join(filter(None, about)))
    return root / folder / _slug(calibration.judge) / f"{name}.json"


def save(root: Path, calibration: Calibration, *, folder: Path = FOLDER) -> Path:
    """Write the card, in place of an earlier one of the same judge and labels. Returns its path."""
    path = path_of(root, calibration, folder=folder)
    codec.dump(path, calibration)
    return path


def load_all(root: Path, judge_fingerprint: str) -> tuple[Calibration, ...]:
    """Every card of a judge, ordered by the names of the labels' files; none is no error.

    Raises `DataError` with every file that cannot be used.
    """
    problems: list[Problem] = []
    found: list[Calibration] = []
    folders = [folder / _slug(judge_fingerprint) for folder in (SHIPPED, root / FOLDER)]
    paths = {path.name: path for folder in folders for path in folder.glob("*.json")}
    for _name, path in sorted(paths.items()):
        try:
            found.append(_read(path, judge_fingerprint))
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    return tuple(found)


def _read(path: Path, judge_fingerprint: str) -> Calibration:
    calibration = codec.load(Calibration, path)
    faults = []
    if calibration.schema_version != SCHEMA_VERSION:
        got = f"schema version {calibration.schema_version}; evalkit reads {SCHEMA_VERSION}"
        faults.append(f"{got}: calibrate the judge again")
    if calibration.judge != judge_fingerprint:
        faults.append(f"is of the judge {calibration.judge!r}, not of {judge_fingerprint!r}")
    if not _is_time(calibration.made_at):
        faults.append(f"made_at is no time: {calibration.made_at!r}")
    if faults:
        raise DataError([Problem(where=str(path), what=fault) for fault in faults])
    return calibration


# ── what a card says ─────────────────────────────────────────────────────────────────────────────


def agreement_of(calibration: Calibration) -> Agreement | None:
    """The figures of a card; None where its labels are of one kind only."""
    supported = calibration.true_positives + calibration.false_negatives
    if not 0 < supported < calibration.n:
        return None
    return agreement(
        calibration.true_positives,
        calibration.false_negatives,
        calibration.true_negatives,
        calibration.false_positives,
    )


def line(calibration: Calibration) -> str:
    """A card in one line.

    `J = 0.65 [0.58, 0.72], balanced accuracy 0.825 [0.79, 0.86] on begin (215 labels, 2026-11-22)`
    """
    figures = agreement_of(calibration)
    of = f"on {calibration.labels} ({calibration.n} labels, {calibration.made_at[:10]})"
    if figures is None:
        return f"J unknown: labels of one kind only {of}"
    accuracy = _thousandths(figures.balanced_accuracy)
    return f"J = {figures.j}, balanced accuracy {accuracy} {of}"


def age_days(calibration: Calibration, now: datetime.datetime) -> int:
    """Whole days since the judge was calibrated; `now` has a time zone."""
    return (now - datetime.datetime.fromisoformat(calibration.made_at)).days


def _thousandths(figure: Interval) -> str:
    return f"{figure.value:.3f} [{figure.low:.2f}, {figure.high:.2f}]"


def _is_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _slug(text: str) -> str:
    """A file name for any text; texts that differ get names that differ."""
    if _PLAIN.fullmatch(text):
        return text
    plain = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:60]
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:10]}".lstrip("-")
