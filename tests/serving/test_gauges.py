"""Differences of counters, peaks of levels, and the time in use."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from evalkit.serving.gauges import Gauges, parsed
from evalkit.serving.http import Address
from tests.serving.conftest import until

# Lines as vLLM 0.32.0 printed them, two engines in place of one, histograms left out.
METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
vllm:num_requests_running{{engine="0",model_name="m"}} {running}
vllm:num_requests_running{{engine="1",model_name="m"}} 2.0
vllm:num_requests_waiting{{engine="0",model_name="m"}} 1.0
vllm:num_requests_waiting_by_reason{{engine="0",model_name="m",reason="capacity"}} 9.0
vllm:kv_cache_usage_perc{{engine="0",model_name="m"}} 0.25
vllm:kv_cache_usage_perc{{engine="1",model_name="m"}} 0.5
vllm:num_preemptions_total{{engine="0",model_name="m"}} {count}
vllm:prefix_cache_queries_total{{engine="0",model_name="m"}} {count}
vllm:prefix_cache_hits_total{{engine="0",model_name="m"}} {count}
vllm:prompt_tokens_total{{engine="0",model_name="m"}} {count}
vllm:prompt_tokens_created{{engine="0",model_name="m"}} 1.79e+09
vllm:generation_tokens_total{{engine="0",model_name="m"}} {count}
vllm:generation_tokens_total{{engine="1",model_name="m"}} 1.0
"""


def test_engines_add_up_and_the_fullest_cache_counts():
    sample = parsed(METRICS.format(running=3.0, count=7.0))
    assert sample.levels == {"kv_cache": 0.5, "running": 5, "waiting": 1}
    assert sample.counters == {
        "preemptions": 7, "prefix_queries": 7, "prefix_hits": 7, "prompt_tokens": 7,
        "generation_tokens": 8,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "<html>", "vllm:num_requests_running NaN\n", "vllm:x y\n"])
def test_what_is_not_told_counts_as_nothing(text):
    sample = parsed(text)
    assert set(sample.levels.values()) | set(sample.counters.values()) == {0}


class Metrics:
    """A real server of one path, which says what it is told to say."""

    def __init__(self) -> None:
        self.running, self.count = 0.0, 100.0
        self.asked = 0
        told = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None: ...

            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/metrics" else 404)
                self.end_headers()
                text = METRICS.format(running=told.running, count=told.count)
                told.asked += 1
                self.wfile.write(text.encode())

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.address = Address(root=f"http://127.0.0.1:{self.http.server_port}")


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    made = Metrics()
    yield made
    made.http.shutdown()
    made.http.server_close()


def test_only_what_happened_since_the_start_counts(metrics):
    gauges = Gauges(lambda: metrics.address)
    gauges.start()
    metrics.count = 130.0
    gauges.sample()
    metrics.count = 4.0  # a new process counts from 0
    gauges.sample()
    record = gauges.record((("vllm", "0"),), startup_s=2.0, restarts=1)
    gauges.end()
    assert (record.prompt_tokens, record.generation_tokens) == (34, 34 + 1)
    assert record.prefix_hit_rate == 1.0
    assert (record.startup_s, record.restarts) == (2.0, 1)


def test_peaks_are_found_while_in_use(metrics):
    gauges = Gauges(lambda: metrics.address)
    gauges.start()
    before = time.monotonic()
    with gauges.used(), gauges.used():
        begun = time.monotonic()
        metrics.running = 40.0
        asked = metrics.asked
        until(lambda: metrics.asked >= asked + 3)  # the answers before the last were taken in
        metrics.running = 0.0
        ended = time.monotonic()
    after = time.monotonic()
    record = gauges.record((), startup_s=0, restarts=0)
    gauges.end()
    gauges.end()
    assert (record.peak_running, record.peak_waiting, record.peak_kv_cache) == (42, 1, 0.5)
    rounding = 0.001
    assert ended - begun - rounding <= record.busy_s <= after - before + rounding  # once, not twice
    after = gauges.record((), startup_s=0, restarts=0)
    assert after.busy_s == record.busy_s


def test_what_others_do_before_and_after_our_use_is_no_peak_of_ours(metrics):
    """A near miss: the same load, sampled with no request of ours in flight."""
    gauges = Gauges(lambda: metrics.address)
    metrics.running = 40.0
    gauges.start()
    gauges.sample()
    record = gauges.record((), startup_s=0, restarts=0)
    assert (record.samples, record.peak_running, record.peak_kv_cache) == (0, 0, 0.0)
    with gauges.used():
        gauges.sample()
    record = gauges.record((), startup_s=0, restarts=0)
    gauges.end()
    assert (record.samples, record.peak_running, record.peak_kv_cache) == (1, 42, 0.5)


def test_a_server_that_does_not_answer_is_sampled_another_time(metrics):
    gauges = Gauges(lambda: Address(root="http://127.0.0.1:9"))
    gauges.start()
    record = gauges.record((), startup_s=0, restarts=0)
    assert (record.samples, record.generation_tokens_per_s) == (0, 0.0)
    nowhere = Gauges(lambda: None)
    nowhere.sample()
    for one in (gauges, nowhere):
        one.end()
