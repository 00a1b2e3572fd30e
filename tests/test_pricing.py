"""Tokens become dollars at a pinned price."""

from __future__ import annotations

import pytest

from evalkit.pricing import FREE, Price, cost_of
from evalkit.records import Cost, Usage


def test_cost_is_tokens_times_price():
    """1,000 fresh + 500 cached input at 2 and 0.2, 100 output at 10 USD per million."""
    usage = Usage(input_tokens=1500, cached_input_tokens=500, output_tokens=100)
    # (1000 × 2 + 500 × 0.2 + 100 × 10) / 1e6 = 3100 / 1e6
    expected = pytest.approx(0.0031)
    assert cost_of(usage, Price(input=2.0, cached_input=0.2, output=10.0)).usd == expected


def test_cached_tokens_cost_the_input_rate_without_a_rate_of_their_own():
    """1500 × 2 / 1e6: no rate for cached input means no discount."""
    usage = Usage(input_tokens=1500, cached_input_tokens=500)
    assert cost_of(usage, Price(input=2.0)).usd == pytest.approx(0.003)


def test_embedded_models_are_free():
    """A model in this process has no price, and says so in dollars."""
    assert cost_of(Usage(input_tokens=10**9), FREE) == Cost(usd=0.0)


def test_two_prices_have_two_names():
    """Runs at different prices must not compare, so the name carries each rate."""
    assert Price(input=1.0, output=2.0).table != Price(input=1.0, output=2.1).table


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_price_is_a_number_of_dollars(value):
    """Negative, NaN and infinite prices are refused."""
    with pytest.raises(ValueError, match="must be a price of 0 or more"):
        Price(input=value)
