"""Numbers as people read them: one place for digits, units, signs and ages."""

from __future__ import annotations

import datetime
from typing import Literal

Unit = Literal["score", "usd", "s", "tokens"]

NONE = "–"
"""What stands where there is no number; never 0."""


def unit_of(metric: str) -> Unit:
    """The unit of a metric or gate, from its name: scores unless it names money, time or tokens."""
    words = set(metric.replace("/", "_").split("_"))
    if words & {"cost", "usd"}:
        return "usd"
    if words & {"latency", "duration"} or metric.endswith("_s"):
        return "s"
    return "tokens" if "tokens" in words else "score"


def amount(value: float, unit: Unit = "score") -> str:
    """A value with its unit: `0.861`, `$0.00043`, `1.84 s`, `1,204`."""
    if unit == "usd":
        return usd(value)
    if unit == "s":
        return seconds(value)
    return f"{value:,.0f}" if unit == "tokens" else f"{value:.3f}"


def change(delta: float, unit: Unit, reference: float) -> str:
    """A difference with its sign: points for scores, per cent of the reference for the rest."""
    if unit == "score":
        return signed(delta)
    return percent(delta / reference) if reference else ("0" if delta == 0 else "new")


def interval(low: float, high: float, unit: Unit, reference: float) -> str:
    """The bounds of a difference, in the unit of `change`."""
    if unit == "score":
        return f"[{signed(low)}, {signed(high)}]"
    if not reference:
        return ""
    return f"[{signed(100 * low / reference, 1)}, {signed(100 * high / reference, 1)}] %"


def signed(value: float, digits: int = 3) -> str:
    """`−0.081`, `+0.003`, `0.000`: a true minus sign, and no sign on what rounds to nothing."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+") + text


def percent(ratio: float) -> str:
    """`+4.9 %`, for a relative change."""
    return f"{signed(100 * ratio, 1)} %"


def usd(value: float) -> str:
    """Dollars with as many digits as the size needs: `$0.00041`, `$0.0172`, `$3.20`."""
    if value == 0:
        return "$0"
    digits = 5 if value < 0.01 else 4 if value < 1 else 2
    return f"${value:,.{digits}f}" if round(value, digits) else f"< ${10**-digits:.{digits}f}"


def seconds(value: float) -> str:
    """`212 ms`, `1.84 s`, `2 min 05 s`, `1 h 12 min`."""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.995:
        return f"{value:.2f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def moment(text: str) -> datetime.datetime | None:
    """An ISO 8601 time in UTC; None where the text is none."""
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.astimezone(datetime.UTC) if when.tzinfo else when.replace(tzinfo=datetime.UTC)


def day(text: str) -> str:
    """`22 Nov 2026, 08:29 UTC`; the text itself where it is no time."""
    when = moment(text)
    return text if when is None else f"{when.day} {when:%b %Y, %H:%M} UTC"


def age(then: str, now: str) -> str:
    """How old `then` was at `now`: `3 days old`. Empty where either is no time."""
    start, end = moment(then), moment(now)
    if start is None or end is None or end < start:
        return ""
    hours = int((end - start).total_seconds() // 3600)
    if hours < 1:
        return "under an hour old"
    return f"{plural(hours, 'hour')} old" if hours < 48 else f"{plural(hours // 24, 'day')} old"


def plural(count: int, noun: str) -> str:
    """`1 case`, `80 cases`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
