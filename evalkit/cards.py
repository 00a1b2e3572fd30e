"""Cards of judges: what people's labels say of each, committed with the project.

One file a judge and labelled set, `reports/judges/<judge>/<labels>.json`: counts and, for a suite's
own answers, both scores of each. No text. A judge is known by its fingerprint, so a judge that has
changed has no card until it is calibrated again. Cards of the embedded judge travel in the package.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from evalkit import codec
from evalkit.errors import DataError, Problem
from evalkit.records import Calibration
from evalkit.stats.agreement import Agreement, agreement

SCHEMA_VERSION = 1
FOLDER = Path("reports") / "judges"

SHIPPED = Path(__file__).parent / "judges" / "cards"
"""Cards of the package's own judges; a project's card on the same labels takes their place."""

ENOUGH_OF_A_SUITE = 50
"""Labels of a suite's own answers from which they count before those of other texts."""

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


def is_own(calibration: Calibration, *, suite: str, metric: str) -> bool:
    """Whether the labels are of this metric on this suite's answers, of whichever target."""
    names = (suite, suite.partition("@")[0])
    return calibration.metric == metric and calibration.suite in names


def telling(calibrations: Iterable[Calibration], *, suite: str, metric: str) -> Calibration | None:
    """The card to go by for a metric of a suite; None where no labels say anything of it.

    The suite's own labels of the metric count before any other set once there are 50 of them: with
    a handful most judges look perfect. Of several sets it is the one with the lowest J. Labels of
    another metric, and a set of one kind of label, say nothing.
    """
    seen = [(found.j.value, card.labels, card) for card in calibrations
            if card.metric in ("", metric) and (found := agreement_of(card))]  # fmt: skip
    own = [
        (j, labels, card)
        for j, labels, card in seen
        if card.n >= ENOUGH_OF_A_SUITE and is_own(card, suite=suite, metric=metric)
    ]
    return min(own or seen, key=lambda one: one[:2])[2] if seen else None


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
