"""An embedder outside this process: each text is paid for once, many travel in one request."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from evalkit.calls.cache import ReplyCache
from evalkit.calls.flight import Flight, Flights
from evalkit.calls.key import text_key
from evalkit.calls.line import Line, most_tokens
from evalkit.calls.recording import Recorder, Replay
from evalkit.calls.retry import Taken
from evalkit.errors import BadReply, NotRecorded
from evalkit.pricing import Price, cost_of, worst_case
from evalkit.providers.protocol import Embedding, RemoteEmbedder, Vectors
from evalkit.records import Completion, Cost, ModelRequest, Usage
from evalkit.scope import Scope, current

MAX_BATCH_BYTES = 200_000
"""UTF-8 bytes of text in one request; providers bound the tokens of a request too."""

Batch = dict[str, Completion]
"""By key: a vector as it is cached and recorded, base64 of little-endian float32 for a text."""


class CalledEmbedder:
    """A remote embedder as one of this process, calls and money taken care of.

    Two processes that want the same text at the same moment both ask: that costs less than waiting.
    """

    def __init__(
        self,
        embedder: RemoteEmbedder,
        *,
        price: Price | None,
        line: Line,
        cache: ReplyCache | None = None,
        replay: Replay | None = None,
        record: Recorder | None = None,
    ) -> None:
        self._embedder = embedder
        self._price = price
        self._line = line
        self._cache = cache
        self._replay = replay
        self._record = record
        self._flights: Flights[Batch] = Flights()

    @property
    def name(self) -> str:
        """The embedder's own name."""
        return self._embedder.name

    @property
    def fingerprint(self) -> str:
        """The embedder's own fingerprint."""
        return self._embedder.fingerprint

    @property
    def dimensions(self) -> int:
        """Those of the embedder."""
        return self._embedder.dimensions

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions), float32, unit rows. Raises as a `Caller` does."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        here = current()
        name, fingerprint = self.name, self.fingerprint
        keys = [text_key(text, model=name, fingerprint=fingerprint) for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        stored = {key: self._stored(key) for key in by_key}
        known: Batch = {key: found for key, found in stored.items() if found is not None}
        missing = {key: text for key, text in by_key.items() if key not in known}
        if missing:
            known |= await self._fetched(missing, here)
        else:
            here.calls += 1
            here.cached_calls += 1
        for key, text in by_key.items():
            here.usage += known[key].usage
            here.cold_usd += self._usd(known[key].usage)
            if self._record is not None:
                self._record.add(key, ModelRequest(prompt=text), known[key], name)
        return np.stack([_row(known[key].text) for key in keys])

    async def close(self) -> None:
        """End the requests under way; the embedder is its maker's to close."""
        await self._flights.close()

    # ── what is there ────────────────────────────────────────────────────────────────────────────

    def _stored(self, key: str) -> Completion | None:
        """From the recordings alone where there are any, else from the cache."""
        if self._replay is not None:
            return self._replayed(self._replay, key)
        if self._cache is None:
            return None
        found = self._cache.get(Completion, key)
        if found is not None and not self._fits(found):
            self._cache.discard(key, "it is no vector of this embedder")
            return None
        return found

    def _replayed(self, replay: Replay, key: str) -> Completion:
        found = replay.get(key)
        if found is None:
            raise NotRecorded(f"no recording of a text to {self.name} (key {key[:12]})")
        if not self._fits(found):
            raise NotRecorded(f"what is recorded for {self.name} is no vector (key {key[:12]})")
        return found

    def _fits(self, found: Completion) -> bool:
        try:
            row = _row(found.text)
        except ValueError:
            return False
        return len(row) == self.dimensions and abs(float(np.linalg.norm(row)) - 1.0) < 1e-3

    # ── what is asked for ────────────────────────────────────────────────────────────────────────

    async def _fetched(self, missing: Mapping[str, str], here: Scope) -> Batch:
        """From requests under way, and from new ones for the rest."""
        under_way = {key: self._flights.find(key) for key in missing}
        flights = {flight for flight in under_way.values() if flight is not None}
        rest = {key: text for key, text in missing.items() if under_way[key] is None}
        flights |= {self._sent(batch) for batch in _batches(rest, self._embedder.batch)}
        joined = [(flight, asyncio.ensure_future(flight.join())) for flight in flights]
        try:
            await asyncio.wait([waiting for _, waiting in joined])
        finally:
            for flight, waiting in joined:
                waiting.cancel()  # of no effect unless this one was cancelled
                ours = flight.pay(here)
                if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                    here.calls += 1
                    here.cached_calls += not ours
        found: Batch = {}
        for _, waiting in joined:
            found |= waiting.result()
        return {key: found[key] for key in missing}

    def _sent(self, batch: Mapping[str, str]) -> Flight[Batch]:
        return self._flights.start(list(batch), partial(self._fly, batch))

    async def _fly(self, batch: Mapping[str, str], taken: Taken) -> Batch:
        texts = list(batch.values())
        worst_usd = 0.0
        if self._price is not None:
            worst_usd = worst_case(most_tokens(*texts), 0, self._price)

        async def attempt() -> tuple[Embedding, float]:
            reply = await self._embedder.embed_once(texts)
            if reply.vectors.shape != (len(texts), self.dimensions):
                raise BadReply(f"{len(texts)} texts came back as {reply.vectors.shape} numbers")
            usd = self._usd(reply.usage)
            return reply, usd if reply.usage_known else max(usd, worst_usd)

        reply = await self._line.fetch(attempt, price=self._price, worst_usd=worst_usd, taken=taken)
        shares = _shares(reply.usage.input_tokens, [len(text) + 1 for text in texts])
        rows: Batch = {}
        for key, vector, tokens in zip(batch, reply.vectors, shares, strict=True):
            rows[key] = Completion(
                text=base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii"),
                model=self.name,
                usage=Usage(input_tokens=tokens),
                cost=Cost(),
                latency_s=reply.latency_s,
                usage_known=reply.usage_known,
            )
            if self._cache is not None:
                self._cache.put(key, rows[key])
        return rows

    def _usd(self, usage: Usage) -> float:
        return 0.0 if self._price is None else cost_of(usage, self._price).usd


def _row(text: str) -> Vectors:
    """The vector in a base64 text. Raises `ValueError` for anything else."""
    row = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
    if not np.isfinite(row).all():
        raise ValueError("a vector has finite numbers")
    return row


def _batches(texts: Mapping[str, str], most: int) -> Iterator[dict[str, str]]:
    """The texts in their order, at most `most` and `MAX_BATCH_BYTES` together, at least one."""
    batch: dict[str, str] = {}
    size = 0
    for key, text in texts.items():
        length = len(text.encode("utf-8", "surrogatepass"))
        if batch and (len(batch) >= most or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = {}, 0
        batch[key] = text
        size += length
    if batch:
        yield batch


def _shares(total: int, weights: Sequence[int]) -> list[int]:
    """Whole shares of a total by weight; they add up to it."""
    shares = []
    seen, given, whole = 0, 0, sum(weights)
    for weight in weights:
        seen += weight
        upto = total * seen // whole
        shares.append(upto - given)
        given = upto
    return shares
