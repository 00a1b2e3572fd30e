"""Tokens become dollars at a pinned price."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config import Section, TomlFile, construct
from evalkit.pricing import FREE, Price, Tier, cost_of, worst_case
from evalkit.records import Cost, Usage

LONG = Price(
    input=3.0,
    output=15.0,
    cached_input=0.3,
    cache_write=3.75,
    tiers=(
        Tier(above_input_tokens=200_000, input=6.0, output=22.5, cached_input=0.6, cache_write=7.5),
    ),
)


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


def test_written_cache_tokens_cost_more():
    """Of 1,000 input tokens 400 are written to the cache at 3.75 and 100 read from it at 0.3."""
    usage = Usage(input_tokens=1000, cached_input_tokens=100, cache_write_tokens=400)
    # (500 × 3 + 100 × 0.3 + 400 × 3.75) / 1e6 = (1500 + 30 + 1500) / 1e6
    assert cost_of(usage, LONG).usd == pytest.approx(0.00303)


@pytest.mark.parametrize(
    ("input_tokens", "usd"),
    [
        (200_000, 0.6 + 0.015),  # 200,000 × 3 + 1,000 × 15
        (200_001, 1.200006 + 0.0225),  # 200,001 × 6 + 1,000 × 22.5: all of it, not the last token
    ],
)
def test_beyond_a_tier_the_whole_request_costs_other_rates(input_tokens, usd):
    usage = Usage(input_tokens=input_tokens, output_tokens=1000)
    assert cost_of(usage, LONG).usd == pytest.approx(usd)


def test_a_long_request_pays_the_long_rates_for_its_cache_too():
    usage = Usage(input_tokens=300_000, cached_input_tokens=100_000, cache_write_tokens=100_000)
    # 100,000 × (6 + 0.6 + 7.5) / 1e6
    assert cost_of(usage, LONG).usd == pytest.approx(1.41)


def test_work_billed_as_batch_costs_the_factor():
    usage = Usage(input_tokens=1000, output_tokens=1000)
    half = Price(input=2.0, output=10.0, batch=0.5)
    # (1000 × 2 + 1000 × 10) × 0.5 / 1e6
    assert cost_of(usage, half).usd == pytest.approx(0.006)
    assert worst_case(1000, 1000, half) == pytest.approx(0.006)


def test_embedded_models_are_free():
    """A model in this process has no price, and says so in dollars."""
    assert cost_of(Usage(input_tokens=10**9), FREE) == Cost(usd=0.0)
    assert worst_case(10**9, 10**9, FREE) == 0.0


# ── the worst case ───────────────────────────────────────────────────────────────────────────────


def test_the_worst_case_writes_every_token_to_the_cache():
    """1,000 × 3.75 + 500 × 15, though most calls read their input at 3 or 0.3."""
    assert worst_case(1000, 500, LONG) == pytest.approx(0.01125)


def test_the_worst_case_of_a_long_request_is_at_the_long_rates():
    """200,001 × 7.5 + 10 × 22.5."""
    assert worst_case(200_001, 10, LONG) == pytest.approx(1.5000075 + 0.000225)


def test_a_cheaper_tier_does_not_hide_a_dearer_request():
    """A request that stays just below the tier costs more than one twice as long."""
    falling = Price(input=10.0, tiers=(Tier(above_input_tokens=100, input=1.0, output=0.0),))
    assert worst_case(200, 0, falling) == pytest.approx(100 * 10 / 1e6)


RATE = st.floats(0, 100, allow_nan=False)
MAYBE = st.none() | RATE


@st.composite
def prices(draw):
    starts = sorted(draw(st.sets(st.integers(1, 500), max_size=3)))
    tiers = tuple(
        Tier(
            above_input_tokens=start,
            input=draw(RATE),
            output=draw(RATE),
            cached_input=draw(MAYBE),
            cache_write=draw(MAYBE),
        )
        for start in starts
    )
    return Price(
        input=draw(RATE),
        output=draw(RATE),
        cached_input=draw(MAYBE),
        cache_write=draw(MAYBE),
        tiers=tiers,
        batch=draw(st.sampled_from([1.0, 0.5, 1 / 3])),
    )


@given(price=prices(), data=st.data())
def test_no_request_within_the_bounds_costs_more_than_the_worst_case(price, data):
    bound = data.draw(st.integers(0, 600))
    most_output = data.draw(st.integers(0, 50))
    tokens = data.draw(st.integers(0, bound))
    cached = data.draw(st.integers(0, tokens))
    usage = Usage(
        input_tokens=tokens,
        cached_input_tokens=cached,
        cache_write_tokens=data.draw(st.integers(0, tokens - cached)),
        output_tokens=data.draw(st.integers(0, most_output)),
    )
    worst = worst_case(bound, most_output, price)
    assert cost_of(usage, price).usd <= worst * (1 + 1e-12)


@pytest.mark.parametrize(("tokens", "output"), [(-1, 0), (0, -1)])
def test_a_worst_case_of_fewer_than_no_tokens_is_refused(tokens, output):
    """A negative bound would make a call look like a refund."""
    with pytest.raises(ValueError, match="negative"):
        worst_case(tokens, output, LONG)


# ── what a run pins ──────────────────────────────────────────────────────────────────────────────


def test_a_plain_price_is_named_as_it_ever_was():
    """Committed baselines carry these strings."""
    assert FREE.table == "usd-per-million:0/0/0"
    assert Price(input=2.5, output=10.0, cached_input=0.25).table == "usd-per-million:2.5/0.25/10"
    assert Price(input=1.0, output=2.0).table == "usd-per-million:1/1/2"


def test_a_full_price_is_named_in_full():
    half = Price(input=3.0, output=15.0, cache_write=3.75, tiers=LONG.tiers, batch=0.5)
    assert half.table == "usd-per-million:3/3/15/w3.75>200000:6/0.6/22.5/w7.5*0.5"


def test_two_prices_have_two_names():
    """Runs at different prices must not compare, so the name carries each rate."""
    assert Price(input=1.0, output=2.0).table != Price(input=1.0, output=2.1).table


def test_rates_that_differ_in_the_seventh_digit_have_two_names():
    assert Price(input=0.1234567).table != Price(input=0.12345674).table


def effective(price):
    """Every rate that a request may meet, with the fallbacks resolved."""

    def rates(one):
        cached = one.input if one.cached_input is None else one.cached_input
        write = one.input if one.cache_write is None else one.cache_write
        return one.input, cached, write, one.output

    tiers = [(tier.above_input_tokens, rates(tier)) for tier in price.tiers]
    return rates(price), tiers, price.batch


@given(one=prices(), other=prices(), data=st.data())
def test_a_name_stands_for_one_set_of_rates(one, other, data):
    """Two prices that hypothesis draws, and a price with one of its rates moved a little."""
    near = data.draw(st.sampled_from([one.input, one.output, *(t.input for t in one.tiers)]))
    moved = Price(input=near, output=one.output, cached_input=one.cached_input, tiers=other.tiers)
    for a, b in ((one, other), (one, moved), (other, moved)):
        assert (a.table == b.table) == (effective(a) == effective(b))


def test_where_a_price_comes_from_is_no_part_of_it():
    """The same figures, once from a catalogue and once from a suite, compare."""
    known, stated = Price(input=1.0, source="genai-prices 0.2.3"), Price(input=1.0)
    assert known == stated
    assert known.table == stated.table


# ── what is no price ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["input", "output", "cached_input", "cache_write"])
def test_a_price_is_a_number_of_dollars(name, value):
    """Negative, NaN and infinite prices are refused, in a tier too."""
    with pytest.raises(ValueError, match=f"{name} must be a price of 0 or more"):
        Price(**{name: value})
    with pytest.raises(ValueError, match=f"{name} must be a price of 0 or more"):
        Tier(**{"above_input_tokens": 1, "input": 0.0, "output": 0.0, name: value})


@pytest.mark.parametrize("value", [0.0, -0.5, 1.5, float("nan")])
def test_a_batch_factor_makes_cheaper_and_never_free(value):
    with pytest.raises(ValueError, match=r"batch must be a factor within \(0, 1\]"):
        Price(input=1.0, batch=value)


@pytest.mark.parametrize("starts", [(200, 100), (100, 100)])
def test_tiers_rise(starts):
    """Out of order, the last one would win by accident."""
    tiers = tuple(Tier(above_input_tokens=start, input=1.0, output=1.0) for start in starts)
    with pytest.raises(ValueError, match="tiers must rise"):
        Price(tiers=tiers)


def test_a_tier_begins_somewhere():
    with pytest.raises(ValueError, match="above_input_tokens must be 1 or more, got 0"):
        Tier(above_input_tokens=0, input=1.0, output=1.0)


def test_a_suite_can_state_a_whole_price(tmp_path):
    """What the documentation shows reads into the record."""
    path = tmp_path / "pyproject.toml"
    path.write_text(
        "[price]\ninput = 3\noutput = 15\ncached_input = 0.3\ncache_write = 3.75\nbatch = 0.5\n"
        "tiers = [{ above_input_tokens = 200000, input = 6, output = 22.5 }]\n",
        "utf-8",
    )
    file = TomlFile(path, shown="pyproject.toml")
    problems = []
    price = construct(Price, Section(file, ("price",), file.data["price"]), problems)
    assert problems == []
    assert price.table == "usd-per-million:3/0.3/15/w3.75>200000:6/6/22.5*0.5"


def stated_prices(data):
    """Every table under a key `price`, however deep."""
    for key, value in data.items():
        if key == "price":
            yield value
        elif isinstance(value, dict):
            yield from stated_prices(value)


def test_the_prices_in_the_documentation_are_prices():
    """docs/cost.md shows two and names what the second one becomes in a run."""
    page = (Path(__file__).parents[1] / "docs" / "cost.md").read_text("utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    tables = [table for block in blocks for table in stated_prices(tomllib.loads(block))]
    file = TomlFile(Path(__file__).parents[1] / "pyproject.toml", shown="pyproject.toml")
    problems = []
    prices = [construct(Price, Section(file, ("price",), table), problems) for table in tables]
    assert problems == []
    assert len(prices) == 2
    assert f"`{prices[1].table}`" in page
