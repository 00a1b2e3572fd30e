"""Prices come from the package that is installed, whole and pinned, or not at all.

The figures here are those of genai-prices 0.2.3; a release that changes them changes what runs
cost, and is to be looked at.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest
from genai_prices import data_snapshot, types

from evalkit import catalogue
from evalkit.errors import ConfigError
from evalkit.pricing import Price, Tier, cost_of
from evalkit.records import Usage

DAY = datetime.date(2026, 11, 22)


def known(*models, provider="openai", api="https://api.openai.example"):
    """A snapshot with these models alone."""
    return data_snapshot.DataSnapshot(
        providers=[types.Provider(id=provider, name="", api_pattern=api, models=list(models))],
        from_auto_update=False,
    )


def model(name, prices, **more):
    return types.ModelInfo(id=name, match=types.ClauseEquals(name), prices=prices, **more)


@pytest.fixture
def carrying(monkeypatch):
    """The catalogue with other contents: what a release may hold tomorrow."""

    def carries(*models, **how):
        monkeypatch.setattr(catalogue, "_bundled", lambda: known(*models, **how))

    return carries


# ── what the package says ────────────────────────────────────────────────────────────────────────


def test_a_price_has_cached_and_written_tokens_and_tiers():
    """Anthropic's: 3 and 15 dollars, a tenth for reads, a quarter more for writes, doubled long."""
    assert catalogue.price("anthropic", "claude-sonnet-4-5", on=DAY) == Price(
        input=3.0,
        output=15.0,
        cached_input=0.3,
        cache_write=3.75,
        tiers=(
            Tier(
                above_input_tokens=200_000,
                input=6.0,
                output=22.5,
                cached_input=0.6,
                cache_write=7.5,
            ),
        ),
    )


def test_a_dated_name_is_the_model_it_dates():
    dated = catalogue.price("openai", "gpt-5-2025-08-07", on=DAY)
    assert dated == catalogue.price("openai", "gpt-5", on=DAY)


@pytest.mark.parametrize("rates", ["batch", "flex"])
def test_batch_and_flex_cost_half(rates):
    """OpenAI's rates for the two, as listed, not as a factor of ours."""
    usage = Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=100)
    listed = cost_of(usage, catalogue.price("openai", "gpt-5", on=DAY)).usd
    cheap = catalogue.price("openai", "gpt-5", on=DAY, rates=rates)
    assert cost_of(usage, cheap).usd == pytest.approx(listed / 2)
    assert cheap.batch == 1.0
    assert cheap.source.endswith(f": openai/gpt-5, {rates}")


def test_a_price_says_where_it_is_from():
    """Package, release, and the entry that was found for the name asked for."""
    source = catalogue.price("openai", "gpt-5-2025-08-07", on=DAY).source
    assert source == f"genai-prices {catalogue.version()}: openai/gpt-5"


def test_an_embedder_has_no_rate_for_output():
    price = catalogue.price("openai", "text-embedding-3-small", on=DAY, embeds=True)
    assert price == Price(input=0.02)
    with pytest.raises(ConfigError, match="not by tokens in and out"):
        catalogue.price("openai", "text-embedding-3-small", on=DAY)


@pytest.mark.parametrize(
    ("tokens", "cached", "written", "output"),
    [(1000, 0, 0, 500), (150_000, 100_000, 20_000, 10), (250_000, 100_000, 50_000, 2000)],
)
@pytest.mark.parametrize(
    "name",
    ["anthropic/claude-sonnet-4-5", "openai/gpt-5.4", "openai/gpt-5", "google/gemini-2.5-pro"],
)
def test_costs_equal_the_packages_own(name, tokens, cached, written, output):
    """An oracle: genai-prices computes the same request by itself."""
    provider, _, ref = name.partition("/")
    written = written if provider == "anthropic" else 0
    ours = cost_of(
        Usage(
            input_tokens=tokens,
            cached_input_tokens=cached,
            cache_write_tokens=written,
            output_tokens=output,
        ),
        catalogue.price(provider, ref, on=DAY),
    )
    theirs = catalogue._bundled().calc(
        types.Usage(
            input_tokens=tokens,
            cache_read_tokens=cached,
            cache_write_tokens=written,
            output_tokens=output,
        ),
        ref,
        provider,
        None,
        datetime.datetime.combine(DAY, datetime.time(12), tzinfo=datetime.UTC),
    )
    assert ours.usd == pytest.approx(float(theirs.total_price), rel=1e-12)


# ── what depends on the day ──────────────────────────────────────────────────────────────────────


def changing():
    before = types.ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(4))
    after = types.ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2))
    start = types.StartDateConstraint(datetime.date(2026, 6, 1))
    return [
        types.ConditionalPrice(prices=before),
        types.ConditionalPrice(constraint=start, prices=after),
    ]


@pytest.mark.parametrize(
    ("day", "usd"), [(datetime.date(2026, 5, 31), 2.0), (datetime.date(2026, 6, 1), 1.0)]
)
def test_a_price_is_that_of_the_day(carrying, day, usd):
    carrying(model("m", changing()))
    assert catalogue.price("openai", "m", on=day).input == usd


def test_without_a_day_it_is_todays(carrying):
    carrying(model("m", changing()))
    assert catalogue.price("openai", "m").input == 1.0


def test_a_price_by_the_hour_is_refused(carrying):
    """Off-peak rates: one request would be cheaper than the next, and no run could pin it."""
    night = types.TimeOfDateConstraint(
        datetime.time(16, 30, tzinfo=datetime.UTC), datetime.time(0, 30, tzinfo=datetime.UTC)
    )
    cheap = types.ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(1))
    prices = [changing()[0], types.ConditionalPrice(constraint=night, prices=cheap)]
    carrying(model("m", prices))
    with pytest.raises(ConfigError, match="depends on the time of day"):
        catalogue.price("openai", "m", on=DAY)


# ── what it does not say ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("provider", "name", "complaint"),
    [
        ("opnai", "gpt-5", "no provider 'opnai'. Near: openai."),
        ("openai", "gpt-5x", "no openai model 'gpt-5x'. Near: gpt-5"),
        ("openai", "", "no openai model ''"),
        ("vllm", "Qwen/Qwen3-8B", "no provider 'vllm'"),
    ],
)
def test_what_is_unknown_is_no_price(provider, name, complaint):
    """Named, with near names, and with the way out."""
    with pytest.raises(ConfigError) as refused:
        catalogue.price(provider, name, on=DAY, where="pyproject.toml:7 profiles.provider.judge")
    assert str(refused.value).startswith("pyproject.toml:7 profiles.provider.judge: ")
    assert complaint in str(refused.value)
    assert "`price = { input = …, output = … }` in the profile or the target" in str(refused.value)


def test_rates_that_are_not_listed_are_not_made_up():
    with pytest.raises(ConfigError, match="no flex rates for anthropic/claude-sonnet-4-5"):
        catalogue.price("anthropic", "claude-sonnet-4-5", on=DAY, rates="flex")


def test_rates_that_began_later_are_not_made_up():
    """The package lists OpenAI's batch rates from 2026-10-14 on."""
    with pytest.raises(ConfigError, match="no batch rates"):
        catalogue.price("openai", "gpt-5", on=datetime.date(2026, 10, 13), rates="batch")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "by nothing, not by tokens in and out"),
        ({"input_audio_hours": Decimal(1)}, "by input_audio_hours, not by tokens"),
        ({"input_mtok": Decimal(1)}, "not by tokens in and out"),
        ({"output_mtok": Decimal(1)}, "not by tokens in and out"),
    ],
)
def test_a_model_that_is_not_priced_by_tokens_is_refused(carrying, fields, complaint):
    carrying(model("m", types.ModelPrice(**fields)))
    with pytest.raises(ConfigError, match=complaint):
        catalogue.price("openai", "m", on=DAY)


@pytest.mark.parametrize("extra", ["requests_kcount", "output_reasoning_mtok", "input_mchars"])
def test_a_charge_that_is_not_metered_is_refused(carrying, extra):
    """Its calls would come out cheaper than they are."""
    prices = {"input_mtok": Decimal(1), "output_mtok": Decimal(2), extra: Decimal(3)}
    carrying(model("m", types.ModelPrice(**prices)))
    with pytest.raises(ConfigError, match=f"also charged by {extra}"):
        catalogue.price("openai", "m", on=DAY)


@pytest.mark.parametrize(
    "extra", ["web_searches_kcount", "input_audio_mtok", "output_image_mtok", "cache_write_1h_mtok"]
)
def test_a_charge_that_no_request_causes_is_no_obstacle(carrying, extra):
    """No tools, no media, no caching for an hour."""
    prices = {"input_mtok": Decimal(1), "output_mtok": Decimal(2), extra: Decimal(3)}
    carrying(model("m", types.ModelPrice(**prices)))
    assert catalogue.price("openai", "m", on=DAY) == Price(input=1.0, output=2.0)


def test_where_only_the_input_has_tiers_the_rest_goes_on(carrying):
    tiered = types.TieredPrices(
        base=Decimal(1), tiers=[types.Tier(100, Decimal(2)), types.Tier(200, Decimal(3))]
    )
    carrying(model("m", types.ModelPrice(input_mtok=tiered, output_mtok=Decimal(5))))
    assert catalogue.price("openai", "m", on=DAY).tiers == (
        Tier(above_input_tokens=100, input=2.0, output=5.0),
        Tier(above_input_tokens=200, input=3.0, output=5.0),
    )


# ── where it looks ───────────────────────────────────────────────────────────────────────────────


def test_an_updater_of_the_package_changes_nothing():
    """Somebody's `UpdatePrices` has fetched others in this process: a run must not see them."""
    before = catalogue.price("openai", "gpt-5", on=DAY)
    fetched = known(model("gpt-5", types.ModelPrice(input_mtok=Decimal(9), output_mtok=Decimal(9))))
    data_snapshot.set_custom_snapshot(replace(fetched, from_auto_update=True))
    catalogue._bundled.cache_clear()
    try:
        assert catalogue.price("openai", "gpt-5", on=DAY) == before
    finally:
        data_snapshot.set_custom_snapshot(None)
        catalogue._bundled.cache_clear()


def test_importing_it_does_not_import_the_package():
    code = "import sys, evalkit.catalogue; print('genai_prices' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_without_the_package_a_price_must_be_stated(monkeypatch):
    monkeypatch.setattr(catalogue, "PACKAGE", "a-package-that-is-not-there")
    with pytest.raises(ConfigError, match="needs the package") as refused:
        catalogue.price("openai", "gpt-5")
    assert "pip install 'evalkit-gate[openai]'" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.anthropic.com", "anthropic"),
        ("http://127.0.0.1:8000/v1", None),
        ("https://gateway.example/api.openai.com/v1", None),
    ],
)
def test_an_address_says_whose_prices_hold(url, provider):
    """Behind a gateway or on one's own server the list price of OpenAI means nothing."""
    assert catalogue.provider_at(url) == provider
