"""What the adapters of other evaluation libraries share: their pins, and a judge for their prompts.

Such a library brings prompts and formulas of its own. It reaches a model only through `Replies`, so
that cache, budget, limits, retries and prices hold for it as for evalkit's own metrics.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import importlib.util
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol, Self, TypeVar

from evalkit import codec
from evalkit.errors import DataError, JudgeError
from evalkit.providers.protocol import Model
from evalkit.records import Completion, ModelRequest

EXCERPT = 200
"""Characters of a reply that an error message quotes."""


class Shape(Protocol):
    """A pydantic model, as far as it is used here: evalkit itself does not depend on pydantic."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]: ...

    @classmethod
    def model_validate_json(cls, text: str, *, strict: bool) -> Self: ...


ShapeT = TypeVar("ShapeT", bound=Shape)


def check_installed(metric: str, package: str, *, release: str) -> None:
    """Raises `ValueError` unless exactly this release is installed; imports nothing.

    Exactly, because a patch release of these libraries may change prompts and even the direction
    of a score, and two runs would be compared that measured different things.
    """
    mend = f"pip install 'evalkit-gate[{package}]'"
    if importlib.util.find_spec(package) is None:
        raise ValueError(f"{metric} needs the package {package}, which is not installed: {mend}")
    found = importlib.metadata.version(package)
    if found != release:
        what = f"{metric} measures what {package} {release} measures, and {found} is installed"
        raise ValueError(f"{what}: {mend}")


class Replies:
    """One score's conversation with the judge's model, in the reply classes of a library.

    `given` are the replies so far, in the order in which they came. `failure` is the first error of
    a call: libraries wrap or swallow errors, and the engine must see a spent budget as one.
    """

    def __init__(self, model: Model, *, prompt_ref: str, max_output_tokens: int) -> None:
        self.model = model
        self.given: list[Any] = []
        self.failure: Exception | None = None
        self._prompt_ref = prompt_ref
        self._max_output_tokens = max_output_tokens
        self._draws: Counter[tuple[str, type]] = Counter()
        self._running: set[asyncio.Task[Any]] = set()

    async def reply(self, prompt: str, shape: type[ShapeT]) -> ShapeT:
        """The model's reply as a `shape`. Raises `JudgeError`, or what the model raises.

        The same prompt asked again is another draw: it must not be answered with the first reply.
        """
        draw = self._draws[prompt, shape]
        self._draws[prompt, shape] += 1
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
        try:
            request = ModelRequest(
                prompt=prompt,
                max_output_tokens=self._max_output_tokens,
                schema=closed_schema(shape),
                prompt_ref=self._prompt_ref,
                draw=draw,
            )
            reply = parsed(await self.model.complete(request), shape)
        except Exception as error:
            self.failure = self.failure or error
            raise
        finally:
            self._running.discard(task)
        self.given.append(reply)
        return reply

    def of(self, name: str) -> list[Any]:
        """The replies whose class is called `name`."""
        return [reply for reply in self.given if type(reply).__name__ == name]

    async def stop(self) -> None:
        """End the calls still in flight: a library leaves siblings running when one call fails."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@functools.cache
def closed_schema(shape: type[Shape]) -> Mapping[str, Any]:
    """The JSON Schema of a reply class, every object closed and every key required.

    That is the subset that providers enforce; a key with a default is asked for like any other.
    """
    schema: dict[str, Any] = _closed(shape.model_json_schema())
    return schema


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _closed(value) for key, value in node.items() if key != "default"}
    if isinstance(node.get("properties"), dict):
        # Under `properties` a key called "default" is a property and not a default.
        kept["properties"] = {key: _closed(value) for key, value in node["properties"].items()}
        kept |= {"additionalProperties": False, "required": list(node["properties"])}
    return kept


def parsed(completion: Completion, shape: type[ShapeT]) -> ShapeT:
    """A whole reply that is one JSON object of the shape, in its own types; else `JudgeError`."""
    if completion.stop_reason != "stop":
        raise JudgeError(f"the judge's reply ended with {completion.stop_reason!r}")
    text = completion.text
    try:
        codec.loads_strict(text, where=shape.__name__)
        # Strict: the string "1" is no number, and true is none either.
        return shape.model_validate_json(text, strict=True)
    except (DataError, ValueError) as error:  # pydantic's ValidationError is a ValueError
        reason = " ".join(str(error).split())[:EXCERPT]
        what = f"the judge's reply is no {shape.__name__} ({reason}): {text[:EXCERPT]!r}"
        raise JudgeError(what) from error
