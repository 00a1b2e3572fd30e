"""A Python function as the system under test."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import ConfigError, Problem
from evalkit.records import Answer, Document
from evalkit.targets.planted import refuse_planted
from evalkit.targets.replies import answer_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableTarget:
    """`function = "module:function"`, sync or async, from a question to an answer.

    It may return a text, a mapping `{"text", "passages": [{"document_id", "text", …}], "usage"}`,
    or an `Answer`; see `evalkit.targets.replies`. `ingest_function` takes the corpus, a list of
    mappings `{"id", "title", "text"}`. Sync functions run in a thread, several at a time.
    Modules are imported from `root` first. `version` belongs to the fingerprint: raise it when the
    function changes in a way its source file does not show.

    Raises `ConfigError` on the first use where a function cannot be imported.
    """

    function: str
    ingest_function: str = ""
    version: str = ""
    root: Path = Path()

    def __post_init__(self) -> None:
        for name in ("function", "ingest_function"):
            spec = getattr(self, name)
            module, _, attribute = spec.partition(":")
            if (spec or name == "function") and not (module and attribute):
                raise ValueError(f"{name} must be 'module:function', got {spec!r}")

    @property
    def fingerprint(self) -> str:
        """Covers the names, `version` and the source file of the function."""
        source = inspect.getsourcefile(inspect.unwrap(self._imported(self.function)))
        data = Path(source).read_bytes() if source else b""
        named = f"{self.function}\0{self.ingest_function}\0{self.version}\0".encode()
        return f"callable-{self.function}-{hashlib.sha256(named + data).hexdigest()[:12]}"

    async def ingest(self, documents: Sequence[Document]) -> None:
        if not self.ingest_function:
            remedy = "name a function with ingest_function"
            refuse_planted(documents, target=self.function, remedy=remedy)
            return
        rows = [{"id": d.id, "title": d.title, "text": d.text} for d in documents]
        await _called(self._imported(self.ingest_function), rows)

    async def answer(self, question: str) -> Answer:
        function = self._imported(self.function)
        started = time.perf_counter()
        reply = await _called(function, question)
        return answer_of(reply, latency_s=time.perf_counter() - started)

    def _imported(self, spec: str) -> Callable[..., Any]:
        return _imported(spec, str(self.root.resolve()))


async def _called(function: Callable[..., Any], argument: object) -> object:
    if inspect.iscoroutinefunction(function):
        return await function(argument)
    reply = await asyncio.to_thread(function, argument)
    # An object with an async __call__, or a function that returns a coroutine.
    return await reply if inspect.isawaitable(reply) else reply


@functools.cache
def _imported(spec: str, root: str) -> Callable[..., Any]:
    module, _, attribute = spec.partition(":")
    if root not in sys.path:
        sys.path.insert(0, root)
    try:
        found: Any = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except Exception as error:
        what = f"cannot be imported: {type(error).__name__}: {error}"
        raise ConfigError([Problem(where="target", what=what, value=repr(spec))]) from error
    if not callable(found):
        raise ConfigError([Problem(where="target", what="is no function", value=repr(spec))])
    function: Callable[..., Any] = found
    return function
