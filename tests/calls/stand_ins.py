"""Stand-ins for what is outside this process: scripted remote models, and a clock that jumps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evalkit.calls.retry import Retry
from evalkit.pricing import Price
from evalkit.providers.protocol import Embedding, Limits
from evalkit.records import Completion, Cost, ModelRequest, Usage

PRICE = Price(input=1.0, output=10.0)
"""A reply of 100 and 10 tokens costs $0.0002."""

USAGE = Usage(input_tokens=100, output_tokens=10)
USD = 0.0002


def completion(text="yes", **changes):
    given = {"model": "m", "usage": USAGE, "cost": Cost(), "latency_s": 0.25} | changes
    return Completion(text=text, **given)


@dataclass(kw_only=True)
class ScriptedRemote:
    """A remote model: each attempt takes the next step of the script, then echoes the prompt.

    A step is an error to raise, a completion to give, or an async function of the request.
    """

    steps: list[Any] = field(default_factory=list)
    takes_s: float = 0.0
    name: str = "remote"
    fingerprint: str = "remote-1"
    endpoint: str = "scripted"
    limits: Limits = field(default_factory=Limits)
    asked: list[ModelRequest] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0

    async def complete(self, request: ModelRequest) -> Completion:
        self.asked.append(request)
        step = self.steps.pop(0) if self.steps else completion(f"to {request.prompt}")
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            if self.takes_s:
                await asyncio.sleep(self.takes_s)
            if isinstance(step, BaseException):
                raise step
            return await step(request) if callable(step) else step
        finally:
            self.in_flight -= 1

    async def close(self) -> None: ...


@dataclass(kw_only=True)
class ScriptedRemoteEmbedder:
    """A remote embedder: unit vectors drawn from the text; steps as in `ScriptedRemote`."""

    steps: list[Any] = field(default_factory=list)
    takes_s: float = 0.0
    name: str = "remote-embedder"
    fingerprint: str = "remote-embedder-1"
    dimensions: int = 4
    endpoint: str = "scripted"
    limits: Limits = field(default_factory=Limits)
    batch: int = 3
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def embed_once(self, texts) -> Embedding:
        self.asked.append(tuple(texts))
        step = self.steps.pop(0) if self.steps else None
        if self.takes_s:
            await asyncio.sleep(self.takes_s)
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            return step
        usage = Usage(input_tokens=sum(len(text) for text in texts))
        return Embedding(
            vectors=np.stack([self.vector(text) for text in texts]), usage=usage, latency_s=0.1
        )

    def vector(self, text):
        row = np.frombuffer(text.encode()[:4].ljust(4, b"."), dtype=np.uint8).astype(np.float32)
        return row / np.linalg.norm(row)

    async def embed(self, texts):
        return (await self.embed_once(texts)).vectors

    async def close(self) -> None: ...


# ── a clock that jumps ───────────────────────────────────────────────────────────────────────────


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: when nothing can run, time jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self))
        self.now = 0.0

    def time(self) -> float:
        return self.now


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._jumping = loop

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing is left to wait for: the code under test hangs")
            self._jumping.now += timeout
        return ready


def jumping(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What `main()` returns, run in virtual time from 0."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


def virtual(**options) -> Retry:
    """A retry policy on the running loop's clock."""
    return Retry(clock=now, **options)
