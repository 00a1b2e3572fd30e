"""vLLM: a server that evalkit starts, watches and stops, or one that runs already."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from evalkit import scope
from evalkit.errors import ServerFailed
from evalkit.providers import chat_completions, exchange
from evalkit.providers.connections import Connections, Opened, check_address, check_timeout
from evalkit.providers.gpu_clock import GpuClock, GpuRate
from evalkit.providers.openai import open_openai
from evalkit.providers.protocol import Limits
from evalkit.records import Completion, Cost, ModelRequest, ServerRecord
from evalkit.serving import identity as identities
from evalkit.serving.attached import AttachedServer
from evalkit.serving.build import installed_build
from evalkit.serving.checkpoint import pinned
from evalkit.serving.http import Address
from evalkit.serving.options import ServerOptions
from evalkit.serving.pool import POOL
from evalkit.serving.server import Server, Serving

MOST_AT_ONCE = 64
_SERVER_FIELDS = tuple(field.name for field in fields(ServerOptions) if field.name != "seed")
_DECLARED = ("revision", "quantization", "dtype", "kv_cache_dtype")
_CLOCKS: weakref.WeakKeyDictionary[Serving, dict[GpuRate, GpuClock]] = weakref.WeakKeyDictionary()
_CLOCKS_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class VllmModel:
    """A model served by vLLM on this machine; with `base_url`, by a vLLM that runs already.

    Up to `start_timeout_s` the options are those of `ServerOptions`; models that agree in them
    share a server. It starts with the
    first call and stops with `close` of its last user, or with the process. Attached, `model` is
    the name the server uses, `api_key_env` names the variable with its key, and `revision`,
    `quantization` and the dtypes are what you declare of it: a server does not tell them.

    `temperature` and `top_p` are sent with every request; where they leave room for chance, so is a
    seed, `seed` plus the number of the repeat: repeats are independent draws, and each can be drawn
    again. `opened_reasoning` is for chat templates that write `<think>` themselves.

    Each reply costs its share of the time in which the server was busy with ours, at
    `usd_per_gpu_hour` for each GPU. Without one the role needs a price by the token.

    `complete` makes one attempt and raises a `ProviderError`: `ServerFailed` where the server did
    not start, or died twice. A server that died is started again by the next attempt.
    """

    model: str
    revision: str = ""
    quantization: str = ""
    kv_cache_dtype: str = "auto"
    dtype: str = "auto"
    max_model_len: int = 0
    gpu_memory_utilization: float = 0.9
    max_num_seqs: int = 0
    prefix_caching: bool = True
    tensor_parallel: int = 1
    start_timeout_s: float = 900.0
    base_url: str = ""
    api_key_env: str = ""
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    opened_reasoning: bool = False
    timeout_s: float = 300.0
    usd_per_gpu_hour: float = 0.0
    _link: _Link = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_timeout(self.timeout_s)
        if not 0 <= self.temperature <= 2 or not 0 < self.top_p <= 1:
            raise ValueError(
                "temperature must be within [0, 2] and top_p within (0, 1], "
                f"got {self.temperature} and {self.top_p}"
            )
        if not 0 <= self.usd_per_gpu_hour < 1e6:
            raise ValueError(f"usd_per_gpu_hour must not be negative, got {self.usd_per_gpu_hour}")
        if self.base_url:
            check_address(self.base_url)
        elif self.api_key_env:
            raise ValueError("api_key_env is for base_url: a managed server's key is drawn")
        else:
            self.server_options()
        object.__setattr__(self, "_link", _Link(self))

    @property
    def name(self) -> str:
        """The model's repository, or its folder's name, under `vllm/`."""
        local = not self.base_url and self.server_options().folder is not None
        return f"vllm/{PurePath(self.model).name if local else self.model}"

    @property
    def fingerprint(self) -> str:
        """Covers the weights, what computes them, and every parameter sent; no address."""
        return self._link.fingerprint()

    @property
    def endpoint(self) -> str:
        """The server: attached ones by their address, ours by what they are."""
        if self.base_url:
            return f"{urlsplit(self.base_url).netloc} {self.model}"
        digest = hashlib.sha256(repr(self.server_options()).encode()).hexdigest()
        return f"{self.name} {digest[:12]}"

    @property
    def limits(self) -> Limits:
        """As many as the server runs at once: a local server queues, and never says 429."""
        most = self.max_num_seqs or MOST_AT_ONCE
        return Limits(start=most, max=most, adaptive=False)

    @property
    def price_table(self) -> str:
        """How a run names the rate it was measured at; empty where none is given."""
        rate = self.usd_per_gpu_hour
        return f"usd-per-gpu-hour:{rate:g}x{self.tensor_parallel}" if rate else ""

    async def ready(self) -> None:
        """Wait until the server is ready, and start it first where it is ours.

        `complete` does this, too; whoever times attempts does it outside of them.
        """
        await self._link.ready()

    async def complete(self, request: ModelRequest) -> Completion:
        serving = await self._link.ready()
        opened, name = await self._link.opened(serving)
        body = chat_completions.body(
            request, {"model": name, **self._sent()}, output_limit="max_tokens",
            structured="json_schema",
        )  # fmt: skip
        reading = chat_completions.Reading(model=name, opened_reasoning=self.opened_reasoning)
        with serving.used(), self._link.clock(serving).share() as share:
            started = time.perf_counter()
            found = await exchange.posted(opened, chat_completions.PATH, body)
            latency_s = time.perf_counter() - started
        reply = reading.reply(found, request)
        completion = reply.completion(request, name=self.name, latency_s=latency_s)
        return replace(completion, cost=Cost(usd=share.usd))

    def record(self) -> ServerRecord | None:
        """What the server has done so far; None before the first call."""
        return self._link.record()

    async def close(self) -> None:
        await self._link.close()

    def server_options(self) -> ServerOptions:
        """What its server is asked for. Raises `ValueError` for what none can do."""
        return ServerOptions(**{name: getattr(self, name) for name in _SERVER_FIELDS})

    def _sent(self) -> Mapping[str, Any]:
        sent: dict[str, Any] = {"temperature": self.temperature, "top_p": self.top_p}
        if self.temperature:
            sent["seed"] = self.seed + scope.current().repeat
        return sent


class _Link:
    """What a model holds while it is in use: its server, and the connections to it."""

    def __init__(self, model: VllmModel) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._serving: Serving | None = None
        self._address: Address | None = None
        self._connections = Connections()
        self._fingerprint = ""

    def fingerprint(self) -> str:
        with self._lock:
            if not self._fingerprint:
                model = self._model
                sent = (
                    model.temperature, model.top_p, model.seed if model.temperature else None,
                    model.opened_reasoning,
                )  # fmt: skip
                shaped = json.dumps((identities.fingerprint(self._identity()), *sent))
                digest = hashlib.sha256(shaped.encode()).hexdigest()
                self._fingerprint = f"{self._model.name}-{digest[:16]}"
            return self._fingerprint

    def _identity(self) -> identities.Identity:
        if self._model.base_url:
            return self._served().identity
        return identities.identity(pinned(self._model.server_options()), installed_build())

    def _served(self) -> Serving:
        """The server, not yet started; a user of it until `close`. Call with the lock held."""
        if self._serving is None:
            model = self._model
            if model.base_url:
                declared = tuple((n, v) for n in _DECLARED if (v := getattr(model, n)) != "auto")
                self._serving = AttachedServer(
                    model.base_url,
                    model=model.model,
                    api_key_env=model.api_key_env,
                    declared=declared,
                )
            else:
                self._serving = POOL.take(model.server_options())
        return self._serving

    async def ready(self) -> Serving:
        serving = self._serving
        if serving is None:
            serving = await asyncio.to_thread(self._take)
        future = serving.readying()
        if not future.done():
            # Whoever stops waiting does not stop the start: others wait for it, too.
            await asyncio.shield(asyncio.wrap_future(future))
        future.result()
        return serving

    def _take(self) -> Serving:
        with self._lock:
            serving = self._served()
        serving.served_name  # noqa: B018 - an attached server is asked here, off the event loop
        return serving

    def clock(self, serving: Serving) -> GpuClock:
        """What divides the server's busy time; one for all models at this rate on it."""
        rate = GpuRate(usd_per_hour=self._model.usd_per_gpu_hour, gpus=self._model.tensor_parallel)
        with _CLOCKS_LOCK:
            clocks = _CLOCKS.setdefault(serving, {})
            return clocks.setdefault(rate, GpuClock(rate))

    async def opened(self, serving: Serving) -> tuple[Opened, str]:
        """The client for where the server is now, and the name it serves the model under."""
        address, name = serving.address, serving.served_name
        if address is None:
            raise ServerFailed("the server was stopped")
        if address != self._address:  # the first call, or the first after a restart
            old, self._connections = self._connections, Connections()
            self._address = address
            await old.close()
        return self._connections.get(lambda: self._open(address)), name

    def _open(self, address: Address) -> Opened:
        authorization = {"Authorization": f"Bearer {address.key}"} if address.key else {}
        return open_openai(
            where=f"model {self._model.name}",
            base_url=address.base_url,
            api_key_env="",
            headers=authorization,
            organization="",
            timeout_s=self._model.timeout_s,
        )

    def record(self) -> ServerRecord | None:
        serving = self._serving
        return None if serving is None or serving.address is None else serving.record()

    async def close(self) -> None:
        with self._lock:
            serving, self._serving = self._serving, None
            connections, self._connections = self._connections, Connections()
            self._address = None
        await connections.close()
        if isinstance(serving, Server):
            await asyncio.to_thread(POOL.release, serving)
        elif serving is not None:
            await asyncio.to_thread(serving.stop)
