"""What a model server did while a run used it, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from evalkit.records import ServerRecord
from evalkit.report import figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """One server: what it served, and (name, value) pairs of what its gauges showed."""

    served: str
    facts: tuple[tuple[str, str], ...]


def server_view(record: ServerRecord, *, show: Callable[[str], str]) -> ServerView:
    """The view of one server; `show` makes what its names hold safe."""
    served = ", ".join(f"{name} {value}" for name, value in record.target)
    return ServerView(served=show(served), facts=tuple(_facts(record)))


def _facts(record: ServerRecord) -> Iterator[tuple[str, str]]:
    if record.startup_s:
        yield "started in", figures.seconds(record.startup_s)
    yield "tokens/s", f"{record.generation_tokens_per_s:,.0f}"
    if record.samples:
        yield "KV cache, most", _share(record.peak_kv_cache)
        yield "running, most", f"{record.peak_running:,}"
        yield "waiting, most", f"{record.peak_waiting:,}"
    else:
        yield "load", f"not sampled, in use for {figures.seconds(record.busy_s)} only"
    yield "preemptions", f"{record.preemptions:,}"
    yield "prefix cache hits", _share(record.prefix_hit_rate)
    if record.restarts:
        yield "restarts", f"{record.restarts:,}"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"
