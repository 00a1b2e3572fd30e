"""A baseline over time: every version that git holds, its age, its release, what moved in it.

Versions are read as they were committed, also those of an older layout; nothing is decided by them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit import baselines, git
from evalkit.errors import DataError, Problem
from evalkit.gates.limits import ROUNDING
from evalkit.gates.wording import count, score
from evalkit.records import Baseline
from evalkit.report.figures import age, day, signed
from evalkit.settings import changed, explained, in_words
from evalkit.stats.paired import mean_of

SHOWN_VERSIONS = 8
"""Columns that fit a terminal; older versions are still listed."""

SHOWN_MOVES = 5

NOT_COMMITTED = "not committed"

MADE_OF = ("target", "generator", "judge")
"""Fields of the fingerprint that a version without settings is compared by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a baseline file: who promoted it why, and each case's means over its epochs.

    `commit` is the one that brought it, or `not committed` for what lies in the folder and in no
    commit. `settings` are what it was made of, `digests` that as fingerprints, all there is of an
    older evalkit. `damage` says why a version could not be read; it then holds nothing else.
    """

    commit: str
    committed_at: str = ""
    promoted_at: str = ""
    promoted_by: str = ""
    because: str = ""
    epochs: int = 0
    cases: Mapping[str, Mapping[str, float]]
    settings: tuple[tuple[str, str], ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    damage: str = ""

    def mean(self, metric: str) -> float | None:
        """The mean of a metric over its cases; None where it has none."""
        values = [scores[metric] for scores in self.cases.values() if metric in scores]
        return mean_of(values) if values else None


# ── reading git ──────────────────────────────────────────────────────────────────────────────────


def versions(root: Path, profile: str, suite: str) -> tuple[Version, ...]:
    """Every version of a suite's baseline, oldest first, the folder's own last where it differs.

    Raises `DataError` where the project is in no git repository, and where there is no version.
    """
    path = baselines.path_of(root, profile, suite)
    shown = path.relative_to(root).as_posix()
    if git.said(root, "rev-parse", "--git-dir") is None:
        what = "history is read from git, and this project is in no repository"
        raise DataError([Problem(where=str(root), what=what)])
    log = git.said(root, "log", "--format=%H%x09%cI", "--", shown) or ""
    found: list[Version] = []
    text = ""
    for line in reversed(log.splitlines()):
        commit, _, committed_at = line.partition("\t")
        # A commit that removed the file has nothing to show.
        text = git.said(root, "show", f"{commit}:./{shown}") or ""
        if text:
            found.append(_version(text, commit=commit[:12], committed_at=committed_at))
    if path.is_file() and (now := path.read_text("utf-8", errors="replace")) != text:
        found.append(_version(now, commit=NOT_COMMITTED, committed_at=""))
    if not found:
        problem = Problem(where=shown, what="git holds no version of it, and neither does the disk")
        raise DataError([problem])
    return tuple(found)


def _version(text: str, *, commit: str, committed_at: str) -> Version:
    try:
        data: dict[str, Any] = json.loads(text)
        cases = {
            str(case["id"]): {str(name): mean_of(values) for name, values in case["scores"]}
            for case in data["cases"]
        }
        return Version(
            commit=commit,
            committed_at=committed_at,
            promoted_at=str(data["promoted_at"]),
            promoted_by=str(data["promoted_by"]),
            because=str(data["because"]),
            epochs=int(data["epochs"]),
            cases=cases,
            settings=tuple((str(name), str(value)) for name, value in data.get("settings", ())),
            digests=tuple((name, str(data["fingerprint"][name])) for name in MADE_OF),
        )
    except (ValueError, TypeError, KeyError) as error:
        damage = f"{type(error).__name__}: {error}"
        return Version(commit=commit, committed_at=committed_at, cases={}, damage=damage)


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


def told(found: Sequence[Version], *, now: str, case_id: str = "") -> str:
    """The versions in words: which there are, then each metric's means, or one case's.

    Raises `DataError` for a case that no version has.
    """
    known = {case for version in found for case in version.cases}
    if case_id and case_id not in known:
        problem = Problem(where="--case", what="no version has this case", value=case_id)
        raise DataError([problem])
    shown = found[-SHOWN_VERSIONS:]
    first = len(found) - len(shown) + 1
    rows = [("", *(f"#{number}" for number in range(first, len(found) + 1)))]
    for metric in _metrics(shown, case_id):
        values = [_value(version, metric, case_id) for version in shown]
        cells = ("—" if value is None else score(value) for value in values)
        rows.append((metric, *cells))
    what = f"case {case_id}: means over epochs" if case_id else "means over cases"
    left = f" (the last {len(shown)} versions)" if len(shown) < len(found) else ""
    heads: list[str] = []
    for number, version in enumerate(found, start=1):
        heads.append(_head(number, version, now))
        if number > 1 and (moved := _changed(found[number - 2], version)):
            heads.append(f"      changed: {moved}")
    return "\n".join([count(len(found), "version"), *heads, "", f"{what}{left}", *_table(rows)])


def _changed(old: Version, new: Version) -> str:
    """What another version was made of: settings by name, else digests; empty where nothing is."""
    named = changed(old.settings, new.settings)
    digests = changed(old.digests, new.digests)
    return in_words([*named, *(one for one in digests if not explained(named, one.name))])


def _head(number: int, version: Version, now: str) -> str:
    if version.damage:
        return f"  #{number}  {version.commit}  cannot be read: {version.damage}"
    size = f"{count(len(version.cases), 'case')} × {count(version.epochs, 'epoch')}"
    old = f" ({age(version.promoted_at, now)})" if age(version.promoted_at, now) else ""
    return (
        f"  #{number}  {version.commit}  {day(version.promoted_at)}{old} · {size} · "
        f"{version.promoted_by}: {version.because}"
    )


def _metrics(found: Sequence[Version], case_id: str) -> tuple[str, ...]:
    """The metrics of the versions, or of one case in them, in the order they came up."""
    names: dict[str, None] = {}
    for version in found:
        for case, scores in version.cases.items():
            if case_id in {"", case}:
                names.update(dict.fromkeys(scores))
    return tuple(names)


def _value(version: Version, metric: str, case_id: str) -> float | None:
    return version.cases.get(case_id, {}).get(metric) if case_id else version.mean(metric)


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def standing(root: Path, profile: str, suite: str, *, now: str) -> str:
    """How old a suite's baseline is, and which one its releases are compared with.

    Raises as `baselines.load_baseline` does.
    """
    baseline = baselines.load_baseline(root, profile, suite)
    old = age(baseline.promoted_at, now)
    lines = [f"{count(baseline.epochs, 'epoch')}{f', {old}' if old else ''}"]
    pinned = baselines.path_of(root, profile, baselines.release_of(suite))
    if not pinned.exists():
        command = baselines.pinning(f"{suite}.toml", profile)
        lines.append(f"release: none pinned; the release lane needs one: {command}")
        return "\n".join(lines)
    release = baselines.read(pinned)
    same = "this baseline" if release.cases == baseline.cases else "an earlier baseline"
    lines.append(
        f"release: {same}, of {release.promoted_at} ({age(release.promoted_at, now)}) at "
        f"{release.commit or '?'}, because {release.because}"
    )
    return "\n".join(lines)


def moved(old: Baseline, new: Baseline) -> tuple[str, ...]:
    """The cases of two baselines whose means over epochs moved most, a line a metric, drops first.

    It does not say that they moved by more than their noise: `evalkit noise` measures that.
    """
    before = {case.id: dict(case.scores) for case in old.cases}
    changes: dict[str, list[tuple[float, str, float, float]]] = {}
    for case in new.cases:
        for metric, values in case.scores:
            earlier = before.get(case.id, {}).get(metric)
            if earlier and values:
                was, now = mean_of(earlier), mean_of(values)
                changes.setdefault(metric, []).append((now - was, case.id, was, now))
    return tuple(
        line for metric, found in changes.items() for line in _moves(metric, found) if line
    )


def _moves(metric: str, changes: Sequence[tuple[float, str, float, float]]) -> list[str]:
    real = sorted(change for change in changes if abs(change[0]) > ROUNDING)
    most = sorted(real, key=lambda change: (-abs(change[0]), change[1]))[:SHOWN_MOVES]
    if not most:
        return []
    down = sum(change[0] < 0 for change in real)
    told = ", ".join(
        f"{case_id} {score(was)} → {score(now)} ({signed(delta)})"
        for delta, case_id, was, now in sorted(most)
    )
    return [f"{metric}: {down} down, {len(real) - down} up of {len(changes)}; most: {told}"]
