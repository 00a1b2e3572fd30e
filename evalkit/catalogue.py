"""What models cost: the list prices that the package `genai-prices` carries, never the network.

A price is looked up once, when a run is put together, and pinned in the run (`Price.table`). A
newer release of the package that gives the same rates gives the same table, so runs stay
comparable; one that gives others is a change of price, and says so. `Price.source` names the
release.
"""

from __future__ import annotations

import datetime
import difflib
import functools
import importlib.metadata
import re
from collections.abc import Iterable
from typing import Any, Literal, NoReturn

from evalkit.errors import ConfigError, Problem
from evalkit.pricing import Price, Tier

PACKAGE = "genai-prices"
STATED = "`price = { input = …, output = … }` in the profile or the target states it"
"""How a user answers every error of this module."""

Rates = Literal["standard", "batch", "flex", "priority"]
"""How the provider bills: `batch` its batch interface, the other two a service tier."""

_METERED = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
_NOT_CAUSED = re.compile(r".*(audio|image|video|web_search|storage_search|cache_write_1h|kpages).*")
"""What no request of evalkit causes: media, hosted tools, caching for an hour."""


def price(
    provider: str,
    model: str,
    *,
    on: datetime.date | None = None,
    rates: Rates = "standard",
    embeds: bool = False,
    where: str = "",
) -> Price:
    """What `model` costs at `provider` (`openai`, `anthropic`, `groq`, …) on a day (UTC, today).

    `embeds` allows a model without a rate for output. `where` is the place in a file that an error
    names. Raises `ConfigError` for what the catalogue does not know, does not know at these rates,
    or knows only by something that is not metered here (per request, per minute, per time of day).
    """
    where = where or f"price of {provider}/{model}"
    known, entry = _entry(provider, model, where)
    found = f"{known.id}/{entry.id}"
    stated = _values(entry, on or datetime.datetime.now(datetime.UTC).date(), rates, found, where)
    needed = ("input_mtok",) if embeds else ("input_mtok", "output_mtok")
    if any(stated.get(name) is None for name in needed):
        by = ", ".join(stated) or "nothing"
        _refuse(where, f"{PACKAGE} prices {found} by {by}, not by tokens in and out")
    unmetered = [n for n in stated if n not in _METERED and not _NOT_CAUSED.fullmatch(n)]
    if unmetered:
        what = f"{found} is also charged by {', '.join(unmetered)}, which evalkit does not meter"
        _refuse(where, what)
    terms = "" if rates == "standard" else f", {rates}"
    return _price(stated, source=f"{PACKAGE} {version(where)}: {found}{terms}")


def provider_at(url: str) -> str | None:
    """Whose prices hold at an API's address (`https://api.groq.com/…` is `groq`), if anyone's.

    None for a gateway or a server of one's own: what a model costs there, only its user knows.
    """
    providers = _snapshot(f"price at {url}").providers
    return next((p.id for p in providers if re.match(p.api_pattern, url)), None)


def version(where: str = "prices") -> str:
    """The release of the package. Raises `ConfigError` where it is not installed."""
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        what = f"needs the package {PACKAGE}: pip install 'evalkit-gate[openai]'; or {STATED}."
        raise ConfigError([Problem(where=where, what=what)]) from error


def _entry(provider: str, model: str, where: str) -> tuple[Any, Any]:
    """The package's provider and model. Raises `ConfigError` with near names."""
    snapshot = _snapshot(where)
    providers = {one.id: one for one in snapshot.providers}
    if provider not in providers:
        _refuse(where, f"{PACKAGE} knows no provider {provider!r}", near=(provider, providers))
    try:
        found: tuple[Any, Any] = snapshot.find_provider_model(model, None, provider, None)
    except LookupError:
        known = [one.id for one in providers[provider].models]
        _refuse(where, f"{PACKAGE} knows no {provider} model {model!r}", near=(model, known))
    return found


def _values(entry: Any, day: datetime.date, rates: Rates, found: str, where: str) -> dict[str, Any]:
    """The model's rates by the package's names. Raises `ConfigError` where the day has several."""
    context = _context(entry, day, rates, found, where)
    midnight = datetime.datetime.combine(day, datetime.time(), tzinfo=datetime.UTC)
    hours = (midnight + datetime.timedelta(minutes=30 * n) for n in range(48))
    prices = [entry.get_prices(hour, context) for hour in hours]
    if any(one != prices[0] for one in prices):
        _refuse(where, f"what {found} costs depends on the time of day")
    return {name: value for name, value in vars(prices[0]).items() if value is not None}


def _context(
    entry: Any, day: datetime.date, rates: Rates, found: str, where: str
) -> dict[str, str]:
    if rates == "standard":
        return {}
    name = "processing" if rates == "batch" else "service_tier"
    context: dict[str, str] = {name: rates}
    noon = datetime.datetime.combine(day, datetime.time(12), tzinfo=datetime.UTC)
    if not any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(noon))
        for variant in entry.price_variants or ()
    ):
        _refuse(where, f"{PACKAGE} knows no {rates} rates for {found} on {day}")
    return context


def _price(stated: dict[str, Any], *, source: str) -> Price:
    """Where only some rates have tiers, the others go on at what they were."""
    starts = sorted({tier.start for n in _METERED for tier in getattr(stated.get(n), "tiers", ())})
    tiers = tuple(Tier(above_input_tokens=start, **_at(stated, start)) for start in starts)
    return Price(**_at(stated, 0), tiers=tiers, source=source)


def _at(stated: dict[str, Any], start: int) -> dict[str, Any]:
    """The four rates just above `start` input tokens."""

    def rate(name: str) -> float | None:
        value = stated.get(name)
        passed = [tier.price for tier in getattr(value, "tiers", ()) if tier.start <= start]
        value = passed[-1] if passed else getattr(value, "base", value)
        return None if value is None else float(value)

    return {
        "input": rate("input_mtok"),
        "output": rate("output_mtok") or 0.0,
        "cached_input": rate("cache_read_mtok"),
        "cache_write": rate("cache_write_mtok"),
    }


def _refuse(where: str, what: str, *, near: tuple[str, Iterable[str]] | None = None) -> NoReturn:
    names = difflib.get_close_matches(near[0], list(near[1]), n=3) if near else []
    hint = f" Near: {', '.join(names)}." if names else ""
    raise ConfigError([Problem(where=where, what=f"{what}.{hint} {STATED}.")])


@functools.cache
def _bundled() -> Any:
    # An optional dependency that takes a third of a second: only for runs that ask for a price.
    from genai_prices import data, data_snapshot  # noqa: PLC0415 - as the line above says

    # Not get_snapshot(): that one may have been replaced by an updater that reads the network.
    return data_snapshot.DataSnapshot(providers=data.providers, from_auto_update=False)


def _snapshot(where: str) -> Any:
    version(where)
    return _bundled()
