"""Tokens → dollars at a pinned price.

What models cost by default is in `evalkit.catalogue`; this module only multiplies.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from evalkit.records import Cost, Usage

TOKENS_PER_UNIT = 1_000_000


def _check_rates(rates: Price | Tier) -> None:
    for name in ("input", "output", "cached_input", "cache_write"):
        value = getattr(rates, name)
        if value is not None and not 0.0 <= value < float("inf"):
            raise ValueError(f"{name} must be a price of 0 or more, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Other rates for a long request, in US dollars per million tokens.

    They hold for *all* tokens of a request that has more than `above_input_tokens` input tokens,
    cached ones included, as providers bill long contexts. Rates left out fall back as in `Price`.
    """

    above_input_tokens: int
    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None

    def __post_init__(self) -> None:
        if self.above_input_tokens < 1:
            raise ValueError(f"above_input_tokens must be 1 or more, got {self.above_input_tokens}")
        _check_rates(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens.

    `cached_input` is the rate for tokens read from the provider's prompt cache, `cache_write` for
    those written to it; without one they cost what `input` costs. `tiers` hold the rates of longer
    requests, shortest first. `batch` is a factor on every rate: 0.5 where the run is billed as
    OpenAI's flex or batch, or Anthropic's batch. `source` says where the figures come from; it is
    shown, and no part of what a price is: the same figures from another place compare.
    """

    input: float = 0.0
    output: float = 0.0
    cached_input: float | None = None
    cache_write: float | None = None
    tiers: tuple[Tier, ...] = ()
    batch: float = 1.0
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _check_rates(self)
        if not 0.0 < self.batch <= 1.0:
            raise ValueError(f"batch must be a factor within (0, 1], got {self.batch!r}")
        starts = [tier.above_input_tokens for tier in self.tiers]
        if any(after <= before for before, after in itertools.pairwise(starts)):
            raise ValueError(f"tiers must rise by above_input_tokens, got {starts}")

    @property
    def table(self) -> str:
        """How a run names the price it was measured at; runs at other prices do not compare.

        Two prices under which some request costs differently never share a table.
        """
        tiers = "".join(f">{tier.above_input_tokens}:{_rates(tier)}" for tier in self.tiers)
        batch = "" if self.batch == 1.0 else f"*{_exact(self.batch)}"
        return f"usd-per-million:{_rates(self)}{tiers}{batch}"


FREE = Price()
"""The price of models that run inside this process."""

UNPRICED = "unpriced"
"""In place of the table of a target without a price: its dollars are what it says itself."""


def cost_of(usage: Usage, price: Price) -> Cost:
    """What the tokens cost; read and written cache tokens at their own rate where there is one.

    With tiers the usage must be that of one request: a sum over short ones is no long one.
    """
    rates: Price | Tier = price
    for tier in price.tiers:
        if usage.input_tokens > tier.above_input_tokens:
            rates = tier
    fresh = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    usd = (
        fresh * rates.input
        + usage.cached_input_tokens * _cached(rates)
        + usage.cache_write_tokens * _write(rates)
        + usage.output_tokens * rates.output
    )
    return Cost(usd=usd * price.batch / TOKENS_PER_UNIT)


def worst_case(prompt_tokens_upper_bound: int, max_output_tokens: int, price: Price) -> float:
    """US dollars that no request with at most so many input and output tokens can exceed.

    Every input token at the dearest input rate (writing to a cache costs more than reading fresh),
    the output at its full length, in the dearest tier that a request of that length may reach.
    """
    if prompt_tokens_upper_bound < 0 or max_output_tokens < 0:
        raise ValueError("a request has no negative number of tokens")
    dearest = max(
        tokens * max(rates.input, _cached(rates), _write(rates)) + max_output_tokens * rates.output
        for rates, tokens in _brackets(price, prompt_tokens_upper_bound)
    )
    return dearest * price.batch / TOKENS_PER_UNIT


def _brackets(price: Price, tokens: int) -> Iterator[tuple[Price | Tier, int]]:
    """The rates that a request of at most `tokens` may fall under, each with its longest input."""
    rates: Price | Tier = price
    for tier in price.tiers:
        if tokens <= tier.above_input_tokens:
            break
        yield rates, tier.above_input_tokens
        rates = tier
    yield rates, tokens


def _cached(rates: Price | Tier) -> float:
    return rates.input if rates.cached_input is None else rates.cached_input


def _write(rates: Price | Tier) -> float:
    return rates.input if rates.cache_write is None else rates.cache_write


def _rates(rates: Price | Tier) -> str:
    """`input/cached/output`, and `/w` with the rate for cache writes where that is another."""
    write = "" if _write(rates) == rates.input else f"/w{_exact(_write(rates))}"
    return f"{_exact(rates.input)}/{_exact(_cached(rates))}/{_exact(rates.output)}{write}"


def _exact(value: float) -> str:
    """Short where that loses nothing: two numbers never read alike. The sign of zero is none."""
    short = f"{value + 0.0:g}"
    return short if float(short) == value else repr(value)
