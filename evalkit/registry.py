"""Name → implementation, with unknown and duplicate names refused, and nothing imported early.

Built-in kinds are one line each in their folder's `__init__.py`, written `"module:Class"`; third
parties add theirs through the entry-point group `evalkit.<folder>`. Both are loaded on `get`, so
that importing a folder costs nothing and an optional dependency is needed only where it is named.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

T = TypeVar("T")


class UnknownName(LookupError):
    """The name is registered neither here nor by an installed package."""


class Registry(Generic[T]):
    """An ordered, immutable menu of implementations of one kind.

    `kind` is the noun used in messages ("metric"); `group` the entry-point group for plugins;
    `builtin` maps a name to `"module:Class"`; `refused` maps names that a user may well try, and
    that nothing can be registered under, to the reason.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        builtin: Mapping[str, str],
        *,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.group = group
        self._refused = dict(refused or {})
        self._builtin = {
            name: EntryPoint(name=name, value=value, group=group) for name, value in builtin.items()
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def names(self) -> tuple[str, ...]:
        """Every name that `get` accepts, built-in ones first. Loads nothing."""
        plugins = sorted({point.name for point in entry_points(group=self.group)})
        return (*self._builtin, *(name for name in plugins if name not in self._builtin))

    def get(self, name: str) -> T:
        """The implementation called `name`, imported now.

        Raises `UnknownName` with near matches, `ValueError` when two packages (evalkit being one
        of them for a built-in name) claim the name, and `ImportError` or `AttributeError` as they
        come when the implementation cannot be imported.
        """
        points = [point for point in entry_points(group=self.group) if point.name == name]
        if name in self._builtin:
            points.append(self._builtin[name])
        if len(points) > 1:
            # Neither wins silently: which one runs would depend on what else is installed.
            owners = ", ".join(sorted(point.value for point in points))
            raise ValueError(f"{self.kind} {name!r} is registered more than once: {owners}")
        if points:
            loaded: T = points[0].load()
            return loaded
        if name in self._refused:
            raise UnknownName(f"{self.kind} {name!r} cannot be used: {self._refused[name]}")
        near = difflib.get_close_matches(name, self.names(), n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        known = ", ".join(self.names())
        raise UnknownName(f"unknown {self.kind} {name!r}.{hint} Known: {known}.")
