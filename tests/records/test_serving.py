"""A server's record holds what can be, and gives two rates."""

from __future__ import annotations

import pytest

from evalkit.records import ServerRecord


def made(**values):
    return ServerRecord(fingerprint="vllm-1", target=(("vllm", "0.32.0"),), **values)


def test_rates_are_shares_and_tokens_a_second():
    record = made(prefix_queries=200, prefix_hits=50, generation_tokens=300, busy_s=1.5)
    assert record.prefix_hit_rate == 0.25
    assert record.generation_tokens_per_s == 200


def test_a_server_never_used_has_rates_of_zero():
    assert (made().prefix_hit_rate, made().generation_tokens_per_s) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [{"startup_s": -1.0}, {"peak_kv_cache": 1.2}, {"preemptions": -1}, {"busy_s": float("nan")}],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        made(**wrong)
