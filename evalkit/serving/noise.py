"""The noise floor of a server: how far two runs of the same thing differ (an A/A run).

Greedy decoding does not make a server repeat itself: which requests share a batch changes the order
of additions, and with it, now and then, a near-tied token. A gate finer than this floor measures
the batching. The same requests are sent several times, alone and together, past every cache.
"""

from __future__ import annotations

import asyncio
import math
import re
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from evalkit.records import Completion, ModelRequest

Ask = Callable[[ModelRequest], Awaitable[Completion]]
ScoreOf = Callable[[ModelRequest, str], float]

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRow:
    """Runs at one concurrency, each reply beside the reply of the first run of all.

    `identical` is the share of replies that are the same text, in [0, 1]. `same_tokens` is the mean
    share of a reply's tokens (words and marks) before the first difference, 1 where there is none.
    `score_sd` is the standard deviation of the score's difference a request, `score_shift` the mean
    difference over all requests; both None without a score function.
    """

    at_once: int
    runs: int
    pairs: int
    identical: float
    same_tokens: float
    score_sd: float | None = None
    score_shift: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The rows in the order they were run, and over how many requests."""

    model: str
    fingerprint: str
    requests: int
    rows: tuple[NoiseRow, ...]

    def __str__(self) -> str:
        """A text table."""
        lines = [
            f"{self.model} ({self.fingerprint}): {self.requests} requests, the same each time",
            " at once  runs  identical  same tokens  score sd  score shift",
        ]
        for row in self.rows:
            sd = "" if row.score_sd is None else f"{row.score_sd:.4f}"
            shift = "" if row.score_shift is None else f"{row.score_shift:+.4f}"
            lines.append(
                f"{row.at_once:>8}{row.runs:>6}{row.identical:>11.1%}{row.same_tokens:>13.1%}"
                f"{sd:>10}{shift:>13}"
            )
        return "\n".join(lines)


async def measured_noise(
    ask: Ask,
    requests: Sequence[ModelRequest],
    *,
    model: str,
    fingerprint: str,
    at_once: Sequence[int] = (1, 16),
    runs: int = 2,
    score: ScoreOf | None = None,
) -> Noise:
    """Send all requests `runs` times at each concurrency, and compare with the first run.

    `ask` must reach the server: a cached reply is the same by construction. Raises `ValueError` for
    fewer than one request or two runs in all, and what `ask` raises.
    """
    if not requests or runs < 1 or runs * len(at_once) < 2 or min(at_once, default=0) < 1:
        raise ValueError("noise needs at least one request, and two runs to compare")
    reference: list[str] | None = None
    rows = []
    for width in at_once:
        texts = [await _run(ask, requests, width) for _ in range(runs)]
        if reference is None:
            reference, *texts = texts
        if texts:
            rows.append(_row(width, requests, reference, texts, score))
    return Noise(model=model, fingerprint=fingerprint, requests=len(requests), rows=tuple(rows))


async def _run(ask: Ask, requests: Sequence[ModelRequest], width: int) -> list[str]:
    slots = asyncio.Semaphore(width)

    async def one(request: ModelRequest) -> str:
        async with slots:
            return (await ask(request)).text

    return list(await asyncio.gather(*(one(request) for request in requests)))


def _row(
    width: int,
    requests: Sequence[ModelRequest],
    reference: Sequence[str],
    texts: Sequence[Sequence[str]],
    score: ScoreOf | None,
) -> NoiseRow:
    triples = [
        (request, first, other)
        for run in texts
        for request, first, other in zip(requests, reference, run, strict=True)
    ]
    pairs = [(first, other) for _, first, other in triples]
    sd = shift = None
    if score is not None:
        changes = [score(r, other) - score(r, first) for r, first, other in triples]
        sd = statistics.pstdev(changes)
        shift = math.fsum(changes) / len(changes)
    return NoiseRow(
        at_once=width,
        runs=len(texts),
        pairs=len(pairs),
        identical=sum(first == other for first, other in pairs) / len(pairs),
        same_tokens=math.fsum(same_tokens(first, other) for first, other in pairs) / len(pairs),
        score_sd=sd,
        score_shift=shift,
    )


def same_tokens(first: str, other: str) -> float:
    """Share of the longer text's tokens before the first difference; 1 for two empty texts.

    Example: "the cat sat" and "the cat ran" share 2 of 3.
    """
    if first == other:
        return 1.0
    a, b = _TOKEN.findall(first), _TOKEN.findall(other)
    same = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        same += 1
    return same / max(len(a), len(b), 1)
