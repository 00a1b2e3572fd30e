"""Which attempt the code that runs now belongs to, and what its model calls have taken.

The engine opens a scope around every answer and every score; whatever calls a model inside it, in
whatever task, finds the repeat it belongs to (repeats are independent draws) and adds what it took.
A context variable, because targets are the user's own code: nothing can be handed through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from evalkit.records import Cost, Spend, Usage, added


@dataclass(slots=True)
class Scope:
    """One part of one trial, being done; `spend` is what it has come to.

    `asked` holds the keys of the requests made so far, by all parts of the trial together.
    """

    case_id: str = ""
    repeat: int = 0
    part: str = ""
    calls: int = 0
    cached_calls: int = 0
    shared_calls: int = 0
    retries: int = 0
    waited_s: float = 0.0
    usage: Usage = field(default_factory=Usage)
    billed_usd: float = 0.0
    cold_usd: float = 0.0
    asked: set[str] = field(default_factory=set, repr=False)

    @property
    def spend(self) -> Spend:
        """What was spent so far, as a record."""
        return Spend(
            case_id=self.case_id,
            repeat=self.repeat,
            part=self.part,
            calls=self.calls,
            cached_calls=self.cached_calls,
            shared_calls=self.shared_calls,
            retries=self.retries,
            waited_s=round(self.waited_s, 6),
            usage=self.usage,
            billed=Cost(usd=self.billed_usd),
            cold=Cost(usd=self.cold_usd),
        )


_current: ContextVar[Scope] = ContextVar("evalkit_scope")
_gathering: ContextVar[list[Scope]] = ContextVar("evalkit_scopes")


def current() -> Scope:
    """The scope around the running code; outside any, a fresh one that nobody reads."""
    return _current.get(None) or Scope()


@contextmanager
def opened(case_id: str, repeat: int, part: str) -> Iterator[Scope]:
    """A scope around a block; tasks started inside belong to it.

    Inside another scope of the same trial it knows what that one has asked.
    """
    scope = Scope(case_id=case_id, repeat=repeat, part=part)
    gathering = _gathering.get(None)
    if gathering is not None:
        gathering.append(scope)
    outer = _current.get(None)
    if outer is not None and (outer.case_id, outer.repeat) == (case_id, repeat):
        scope.asked = outer.asked
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


@contextmanager
def gathered() -> Iterator[list[Scope]]:
    """Every scope that is opened inside the block: what a piece of work outside a run has taken."""
    scopes: list[Scope] = []
    token = _gathering.set(scopes)
    try:
        yield scopes
    finally:
        _gathering.reset(token)


def total(scopes: list[Scope], part: str) -> Spend | None:
    """What these came to, under one name; None where they called nothing."""
    found: Spend | None = None
    for scope in scopes:
        if scope.calls or scope.retries:
            found = added(found, replace(scope.spend, part=part))
    return found
