"""The filters of the prompt language, and the budget that they, loops and comparisons draw on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from jinja2.filters import do_default
from jinja2.runtime import Undefined

MAX_OUTPUT = 1_000_000
"""Characters of a rendered prompt, of any text on the way there, and of the data put in."""
MAX_WORK = 10_000_000
"""Steps of one rendering: characters a filter gives or a comparison reads, nodes a loop repeats."""


class TooMuch(ValueError):
    """A rendering exceeded one of the limits above."""


@dataclass(slots=True)
class Budget:
    """The steps one rendering has taken; see `MAX_WORK`."""

    work: int = 0

    def spend(self, amount: int) -> None:
        """Take `amount` more steps. Raises `TooMuch` when there are none left."""
        self.work += amount
        if self.work > MAX_WORK:
            raise TooMuch(f"needs more than {MAX_WORK} steps")


BUDGET: ContextVar[Budget] = ContextVar("evalkit_prompt_budget")


def charged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose result is bounded and paid for."""

    def charged(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        size = len(result) if isinstance(result, (str, list)) else 1
        if size > MAX_OUTPUT:
            raise TooMuch(f"a filter gives more than {MAX_OUTPUT} characters")
        BUDGET.get().spend(size)
        return result

    return charged


def _a(kind: type, value: Any, *others: type) -> Any:
    """The value, when it has one of these types; a missing one raises as strict Jinja does."""
    if isinstance(value, Undefined):
        str(value)
    if type(value) not in (kind, *others):
        names = " or ".join(allowed.__name__ for allowed in (kind, *others))
        raise TypeError(f"expected {names}, got {type(value).__name__}")
    return value


def _join(values: Any, separator: str = "") -> str:
    texts = [str(_a(str, value, int, float)) for value in _a(list, values, tuple)]
    # Before joining: a long separator between many short texts must not be built to be measured.
    if sum(map(len, texts)) + len(_a(str, separator)) * len(texts) > MAX_OUTPUT:
        raise TooMuch(f"join gives more than {MAX_OUTPUT} characters")
    return separator.join(texts)


def _tojson(value: Any) -> str:
    """JSON as a model reads it: no HTML escapes, unlike Jinja's own filter of this name."""
    return _JSON.encode(value)


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # `json.dumps` would make one a call

FILTERS: Mapping[str, Callable[..., Any]] = {
    "default": do_default,
    "first": lambda value: _a(list, value, tuple, str)[0],
    "items": lambda value: list(_a(dict, value).items()),
    "join": _join,
    "last": lambda value: _a(list, value, tuple, str)[-1],
    "length": lambda value: len(_a(list, value, tuple, dict, str)),
    "lower": lambda value: _a(str, value).lower(),
    "tojson": _tojson,
    "trim": lambda value: _a(str, value).strip(),
    "upper": lambda value: _a(str, value).upper(),
}


def rounds(values: Any, weight: int) -> Iterator[Any]:
    """What every `for` goes over; a round costs the number of nodes it repeats."""
    for value in _a(list, values, tuple, dict):
        BUDGET.get().spend(weight)
        yield value


def read(value: Any) -> Any:
    """What a comparison reads, paid by its size."""
    BUDGET.get().spend(_size(value))
    return value


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(len(key) + _size(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return 1 + sum(map(_size, value))
    return len(value) if type(value) is str else 1
