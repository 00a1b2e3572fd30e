"""What goes once around every call to a model outside this process.

Key → recording, or cache → one request under way → slot, reservation, attempt, bill, again if it
failed → cache, recording → the account of the trial that asked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

from evalkit.calls.cache import ReplyCache
from evalkit.calls.embedder import CalledEmbedder
from evalkit.calls.flight import Flights
from evalkit.calls.key import request_key
from evalkit.calls.ledger import Ledger
from evalkit.calls.limiter import Limiter
from evalkit.calls.line import Line, most_tokens
from evalkit.calls.recording import Recorder, Replay
from evalkit.calls.retry import Retry, Taken
from evalkit.codec import encode
from evalkit.errors import NotRecorded
from evalkit.pricing import Price, cost_of, worst_case
from evalkit.providers.protocol import Embedder, Limits, Model, RemoteEmbedder, RemoteModel
from evalkit.records import Completion, Cost, ModelRequest
from evalkit.scope import current

Fetched = tuple[Completion, bool]
"""A reply, and whether it was bought just now rather than found in the cache."""


@dataclass(slots=True, kw_only=True, eq=False)
class Calls:
    """What the calls of one plan share. For the tasks of one event loop.

    `cache`, `ledger`, `replay` and `record` are None where there is none; `deadline` is an instant
    of `retry.clock` that ends the run. With `replay`, nothing is ever sent.
    """

    cache: ReplyCache | None = None
    ledger: Ledger | None = None
    replay: Replay | None = None
    record: Recorder | None = None
    retry: Retry = field(default_factory=Retry)
    deadline: float | None = None
    limiters: dict[str, Limiter] = field(default_factory=dict)
    """By endpoint; their history belongs in the report."""
    _surrounded: list[Caller | CalledEmbedder] = field(default_factory=list, repr=False)

    def around(self, model: RemoteModel, *, price: Price | None) -> Model:
        """The model with all of this around its calls; without a price it prices itself."""
        caller = Caller(model, price=price, calls=self)
        self._surrounded.append(caller)
        return caller

    def around_embedder(self, embedder: RemoteEmbedder, *, price: Price | None) -> Embedder:
        """As `around`, for an embedder."""
        called = CalledEmbedder(
            embedder,
            price=price,
            line=self.line(embedder.endpoint, embedder.limits),
            cache=self.cache,
            replay=self.replay,
            record=self.record,
        )
        self._surrounded.append(called)
        return called

    def line(self, endpoint: str, limits: Limits) -> Line:
        """The way to an endpoint. Models that share one share a limiter, the narrower of theirs."""
        limiter = self.limiters.get(endpoint)
        if limiter is None:
            limiter = self.limiters[endpoint] = Limiter(limits, clock=self.retry.clock)
        else:
            limiter.narrow(limits)
        return Line(limiter=limiter, retry=self.retry, ledger=self.ledger, deadline=self.deadline)

    async def close(self) -> None:
        """End what is under way, write what is cached. The models are their maker's to close."""
        for one in self._surrounded:
            await one.close()
        if self.cache is not None:
            self.cache.close()


class Caller:
    """A remote model as a model of this process, calls and money taken care of.

    Raises the `ProviderError` of the last attempt, `NotRecorded` where a replay has no such
    request, `BudgetExceeded` where the ledger has too little left.
    """

    def __init__(self, model: RemoteModel, *, price: Price | None, calls: Calls) -> None:
        self._model = model
        self._price = price
        self._calls = calls
        self._line = calls.line(model.endpoint, model.limits)
        self._flights: Flights[Fetched] = Flights()
        # A server that must start first takes minutes, which no attempt is given.
        self._ready: Callable[[], Awaitable[None]] | None = getattr(model, "ready", None)

    @property
    def name(self) -> str:
        """The model's own name."""
        return self._model.name

    @property
    def fingerprint(self) -> str:
        """The model's own fingerprint: what surrounds a call does not shape its reply."""
        return self._model.fingerprint

    async def complete(self, request: ModelRequest) -> Completion:
        """One reply, from wherever it is to be had; what it took is on the scope's account."""
        here = current()
        key = request_key(
            request, model=self.name, fingerprint=self.fingerprint, repeat=here.repeat
        )
        # Told now, not when the reply is there: whose request it was must not be a race.
        shared = key in here.asked
        here.asked.add(key)
        if self._calls.replay is not None:
            reply, ours = self._replayed(self._calls.replay, key, request), False
        elif self._calls.cache is None and self._calls.record is None:
            reply, ours, shared = await self._bought(request), True, False
        else:
            reply, ours = await self._shared(key, request)
        if self._calls.record is not None:
            # By the token it is priced anew when it is replayed.
            kept = reply if self._price is None else replace(reply, cost=Cost())
            self._calls.record.add(key, request, kept, self.name)
        here.calls += 1
        here.cached_calls += not ours
        here.shared_calls += shared
        if not shared:
            here.usage += reply.usage
            here.cold_usd += reply.cost.usd
        return reply

    async def close(self) -> None:
        """End the requests under way; the model is its maker's to close."""
        await self._flights.close()

    # ── where a reply may come from ──────────────────────────────────────────────────────────────

    def _replayed(self, replay: Replay, key: str, request: ModelRequest) -> Completion:
        found = replay.get(key)
        if found is None:
            asked = request.prompt_ref or "a request without a prompt's name"
            what = "a reply with a secret in it" if replay.redacted(key) else "no recording"
            raise NotRecorded(f"{what} of {self.name} to {asked} (key {key[:12]})")
        return self._priced(found, request)

    async def _bought(self, request: ModelRequest) -> Completion:
        taken = Taken()
        try:
            return await self._fetch(request, taken)
        finally:
            taken.charge(current())

    async def _shared(self, key: str, request: ModelRequest) -> tuple[Completion, bool]:
        """A stored reply, or that of the one request for it under way; whether we bought it."""
        found = self._stored(key, request)
        if found is not None:
            return found, False
        flight = self._flights.find(key)
        if flight is None:
            flight = self._flights.start((key,), partial(self._fly, key, request))
        try:
            reply, bought = await flight.join()
        finally:
            paid = flight.pay(current())
        return reply, bought and paid

    async def _fly(self, key: str, request: ModelRequest, taken: Taken) -> Fetched:
        """The reply, asked for by one process only, and kept if it is worth keeping."""
        cache = self._calls.cache
        if cache is None:
            return await self._fetch(request, taken), True
        found = await cache.found_or_claimed(Completion, key)
        if found is not None:
            return self._priced(found, request), False
        try:
            reply = await self._fetch(request, taken)
        except BaseException:
            cache.release(key)
            raise
        if _worth_keeping(reply):
            cache.put(key, reply)
        else:
            cache.release(key)
        return reply, True

    def _stored(self, key: str, request: ModelRequest) -> Completion | None:
        cache = self._calls.cache
        found = None if cache is None else cache.get(Completion, key)
        if cache is None or found is None:
            return None
        if not _worth_keeping(found):
            cache.discard(key, "it is one that is never stored")
            return None
        return self._priced(found, request)

    # ── buying one ───────────────────────────────────────────────────────────────────────────────

    async def _fetch(self, request: ModelRequest, taken: Taken) -> Completion:
        async def attempt() -> tuple[Completion, float]:
            reply = self._priced(await self._model.complete(request), request)
            return reply, reply.cost.usd

        if self._ready is not None:
            await self._ready()
        # Reserved only where it is asked for: encoding a prompt to count its bytes takes time.
        worst_usd = 0.0 if self._calls.ledger is None else self._worst_usd(request)
        return await self._line.fetch(attempt, price=self._price, worst_usd=worst_usd, taken=taken)

    def _priced(self, reply: Completion, request: ModelRequest) -> Completion:
        """The reply at our price; at the worst there is where its usage is not known."""
        if self._price is None:
            return reply
        cost = cost_of(reply.usage, self._price)
        if not reply.usage_known:
            cost = Cost(usd=max(cost.usd, self._worst_usd(request)))
        return replace(reply, cost=cost)

    def _worst_usd(self, request: ModelRequest) -> float:
        if self._price is None:
            return 0.0
        schema = "" if request.schema is None else json.dumps(encode(request.schema))
        tokens = most_tokens(request.system, request.prompt, schema)
        return worst_case(tokens, request.max_output_tokens, self._price)


def _worth_keeping(reply: Completion) -> bool:
    """Refusals and truncated replies are asked for again: the next one may be whole."""
    return reply.stop_reason == "stop" and 0.0 <= reply.latency_s < math.inf
