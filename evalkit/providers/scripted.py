"""A function as a model: the stand-in for tests and examples."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from evalkit.providers.tokenizer import wordpiece
from evalkit.records import Completion, Cost, ModelRequest, Usage

Reply = str | Completion


@dataclass(frozen=True, slots=True)
class ScriptedModel:
    """Replies with what `function` returns for the request: a text, or a whole `Completion`.

    For a text, tokens are counted by the shipped tokenizer and the price is 0. The function may be
    async, and may raise a `ProviderError` as a provider would. `name` is also the fingerprint: give
    functions that answer differently different names.

        shouting = ScriptedModel(lambda request: request.prompt.upper(), name="shouting")
        (await shouting.complete(ModelRequest(prompt="hello"))).text == "HELLO"
    """

    function: Callable[[ModelRequest], Reply | Awaitable[Reply]]
    name: str = "scripted"

    @property
    def fingerprint(self) -> str:
        return self.name

    async def complete(self, request: ModelRequest) -> Completion:
        started = time.perf_counter()
        reply = self.function(request)
        if inspect.isawaitable(reply):
            reply = await reply
        if isinstance(reply, Completion):
            return reply
        asked = f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
        return Completion(
            text=reply,
            model=self.name,
            usage=Usage(
                input_tokens=wordpiece().count(asked), output_tokens=wordpiece().count(reply)
            ),
            cost=Cost(),
            latency_s=time.perf_counter() - started,
        )


def echo(
    spec: str = "scripted",
    *,
    cache: Path | None = None,  # noqa: ARG001 - ModelFactory fixes the signature
) -> ScriptedModel:
    """What the bare name `scripted` stands for: it replies with the last line of its prompt."""
    return ScriptedModel(lambda request: request.prompt.strip().rpartition("\n")[2], name=spec)
