"""What of the settings that made two runs is not the same, by name.

A fingerprint says that something changed; a person wants to know what. Settings are flat pairs of a
dotted name and a printable value (`target.retrieve.k`, `5`), gathered by `evalkit.assemble`.
Nothing is decided by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Settings = Sequence[tuple[str, str]]

ROOTS = ("target", "generator", "embedder", "judge", "attack")
"""First parts of names, what is under test first: the order in which changes are told."""

WITHOUT_EFFECT = frozenset(
    {
        *("timeout_s", "start_timeout_s", "limits", "stream"),
        *("api_key_env", "price", "usd_per_gpu_hour"),
    }
)
"""Parts of names of settings that shape no answer: they explain no other fingerprint."""

_EXPLAINED_BY = {
    "target": ("target", "generator", "embedder"),
    "generator": ("generator",),
    "embedder": ("embedder",),
    "judge": ("judge", "embedder"),
    "judge_card": ("judge", "embedder"),
    "dataset_digest": ("attack",),
}
"""Fields of a fingerprint → the roots of settings that go into it."""

MOST = 6
"""Changes that are told one by one."""

_WIDEST = 48
"""Characters of one side of a change that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting that is not what it was; None on the side that does not have it."""

    name: str
    before: str | None
    now: str | None

    @property
    def how(self) -> str:
        """Both values, each cut to what fits a line: `5 → 1`."""
        return f"{_cut(self.before)} → {_cut(self.now)}"


def changed(before: Settings, now: Settings) -> tuple[Change, ...]:
    """The settings that differ, what is under test first, what only one side has last.

    Empty where either side has no settings: it is of an older evalkit, and nothing is known.
    """
    if not before or not now:
        return ()
    was, made = dict(before), dict(now)
    found = [
        Change(name=name, before=was.get(name), now=made.get(name))
        for name in sorted({*was, *made})
        if was.get(name) != made.get(name)
    ]
    return tuple(sorted(found, key=_place))


def in_words(changes: Sequence[Change], *, most: int = MOST) -> str:
    """The changes on one line, `most` of them by name; empty without any."""
    named = [f"{change.name} {change.how}" for change in changes[:most]]
    left = len(changes) - len(named)
    return f"{', '.join(named)}{f' and {left} more' if left else ''}"


def explained(changes: Iterable[Change], field: str) -> bool:
    """Whether these changes say by name what another value of a fingerprint's field says by digest.

    It is a matter of names: that nothing else has changed as well is not proven by it.
    """
    parts = [change.name.split(".") for change in changes]
    if field == "prompts":
        return ["target", "prompt"] in parts
    if field == "config_digest":
        return bool(parts)
    roots = _EXPLAINED_BY.get(field, ())
    return any(first in roots and not WITHOUT_EFFECT & set(rest) for first, *rest in parts)


def _place(change: Change) -> tuple[int, bool, int, str]:
    first = change.name.partition(".")[0]
    root = ROOTS.index(first) if first in ROOTS else len(ROOTS)
    came_or_went = change.before is None or change.now is None
    return root, came_or_went, change.name.count("."), change.name


def _cut(value: str | None) -> str:
    if value is None:
        return "none"
    return value if len(value) <= _WIDEST else f"{value[: _WIDEST - 1].rstrip()}…"
