"""What a model server did while a run used it."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records.invariants import finite, require


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRecord:
    """A vLLM server in use: what it served, how long it took to start, what its gauges showed.

    `target` says what was served as (name, value) pairs (weights, quantization, vllm, dtype, …),
    `fingerprint` is their digest; no address, port or key. Peaks are the largest values of the
    `samples` taken while in use, 0 where the use was too short for one; `peak_kv_cache` is a share
    of the KV cache in [0, 1]. Counts are of this run alone; `busy_s` is the
    time with at least one of our requests in flight. `startup_s` is 0 for a server that somebody
    else started, and sums all starts of one that died and was started again.
    """

    fingerprint: str
    target: tuple[tuple[str, str], ...]
    startup_s: float = 0.0
    restarts: int = 0
    samples: int = 0
    peak_kv_cache: float = 0.0
    peak_running: int = 0
    peak_waiting: int = 0
    preemptions: int = 0
    prefix_queries: int = 0
    prefix_hits: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    busy_s: float = 0.0

    def __post_init__(self) -> None:
        finite("startup_s", self.startup_s, low=0.0)
        finite("busy_s", self.busy_s, low=0.0)
        finite("peak_kv_cache", self.peak_kv_cache, low=0.0, high=1.0)
        for name in (
            "restarts", "samples", "peak_running", "peak_waiting", "preemptions",
            "prefix_queries", "prefix_hits", "prompt_tokens", "generation_tokens",
        ):  # fmt: skip
            require(getattr(self, name) >= 0, f"{name} must not be negative")

    @property
    def prefix_hit_rate(self) -> float:
        """Share of the prompt tokens looked up that the prefix cache held; 0 where none was."""
        return self.prefix_hits / self.prefix_queries if self.prefix_queries else 0.0

    @property
    def generation_tokens_per_s(self) -> float:
        """Tokens generated per second in use; 0 where the server was never in use."""
        return self.generation_tokens / self.busy_s if self.busy_s else 0.0
