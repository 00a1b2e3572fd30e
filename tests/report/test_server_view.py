"""A server's record as the report says it."""

from __future__ import annotations

from dataclasses import replace

from evalkit.records import ServerRecord
from evalkit.report.server_view import server_view

RECORD = ServerRecord(
    fingerprint="f",
    target=(("weights", "abc"), ("quantization", "awq"), ("vllm", "0.32.0")),
    startup_s=95.0,
    samples=3,
    peak_kv_cache=0.34,
    peak_running=16,
    peak_waiting=3,
    preemptions=2,
    prefix_queries=200,
    prefix_hits=50,
    generation_tokens=1200,
    busy_s=2.0,
)


def test_the_gauges_are_in_words_with_their_units():
    """1,200 tokens in 2 s are 600 a second; 50 of 200 looked up are a quarter."""
    view = server_view(RECORD, show=str)
    assert view.served == "weights abc, quantization awq, vllm 0.32.0"
    facts = dict(view.facts)
    assert facts["tokens/s"] == "600"
    assert facts["KV cache, most"] == "34 %"
    assert facts["prefix cache hits"] == "25 %"
    assert (facts["running, most"], facts["waiting, most"], facts["preemptions"]) == (
        "16",
        "3",
        "2",
    )
    assert "restarts" not in facts


def test_a_restart_is_said_and_a_start_that_was_not_ours_is_not():
    """Near misses of each other: 0 is said of neither."""
    facts = dict(server_view(replace(RECORD, restarts=1, startup_s=0.0), show=str).facts)
    assert facts["restarts"] == "1"
    assert "started in" not in facts


def test_a_use_too_short_to_be_sampled_shows_no_peaks():
    """0 requests at most beside tokens that were generated would be a lie."""
    facts = dict(server_view(replace(RECORD, samples=0, busy_s=0.3), show=str).facts)
    assert facts["load"] == "not sampled, in use for 300 ms only"
    assert not any("most" in name for name in facts)


def test_names_are_shown_through_the_sink():
    hostile = replace(RECORD, target=(("weights", "\x1b[31mred"),))
    assert (
        server_view(hostile, show=lambda text: text.replace("\x1b", "?")).served[8:] == "?[31mred"
    )
