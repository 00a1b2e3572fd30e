"""Tokens → dollars at a pinned price."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records import Cost, Usage

TOKENS_PER_UNIT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens; `cached_input` is the rate for tokens read from a cache."""

    input: float = 0.0
    output: float = 0.0
    cached_input: float | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < float("inf"):
                raise ValueError(f"{name} must be a price of 0 or more, got {value!r}")

    @property
    def table(self) -> str:
        """How a run names the price it was measured at; runs at other prices do not compare."""
        cached = self.input if self.cached_input is None else self.cached_input
        return f"usd-per-million:{self.input:g}/{cached:g}/{self.output:g}"


FREE = Price()
"""The price of models that run inside this process."""


def cost_of(usage: Usage, price: Price) -> Cost:
    """What the tokens cost; cached input tokens at their own rate where there is one."""
    cached_rate = price.input if price.cached_input is None else price.cached_input
    fresh = usage.input_tokens - usage.cached_input_tokens
    usd = (
        fresh * price.input
        + usage.cached_input_tokens * cached_rate
        + usage.output_tokens * price.output
    )
    return Cost(usd=usd / TOKENS_PER_UNIT)
