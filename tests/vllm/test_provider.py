"""The provider `vllm` over real vLLM, with the real SDK: what a suite gets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket

import pytest

from evalkit.errors import BadRequest, ConfigError, ProviderError, ServerFailed
from evalkit.providers.vllm import VllmModel
from evalkit.records import ModelRequest
from evalkit.serving import leftovers
from evalkit.serving.noise import measured_noise
from evalkit.serving.pool import POOL
from tests.serving.conftest import gone, until, until_down
from tests.vllm.test_lifecycle import ENGINE, named

VERDICTS = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["krill", "whale"]},
        "supported": {"type": "boolean"},
        "ids": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "maxItems": 2},
    },
    "required": ["verdict", "supported", "ids"],
    "additionalProperties": False,
}


def managed(models, name="bf16", **others):
    """The same options as those of conftest's servers: the server is shared."""
    method = {"bf16": "none", "w8a8": "compressed-tensors"}[name]
    return VllmModel(model=str(models / name), quantization=method, max_model_len=2048, **others)


def asked(model, *requests):
    async def run():
        try:
            return [await model.complete(request) for request in requests]
        finally:
            await model.close()

    return asyncio.run(run())


def prompt(text, tokens=16, **others):
    return ModelRequest(prompt=text, max_output_tokens=tokens, **others)


def test_a_completion_is_counted_timed_and_priced(models, whole):
    (reply,) = asked(
        managed(models, usd_per_gpu_hour=3.6), prompt("What do whales eat?", system="Be brief.")
    )
    assert reply.text
    assert (reply.model, reply.stop_reason) == ("vllm/bf16", "length")
    assert reply.usage_known
    assert reply.usage.output_tokens == 16
    assert reply.usage.input_tokens > 5
    # Alone, a request has all of the server's time: $3.60 an hour is a tenth of a cent a second.
    assert 0.8 <= reply.cost.usd / (reply.latency_s * 0.001) <= 1.25


def test_a_schema_is_kept_by_every_served_model(models, whole, quantized):
    """Random weights would never say it by themselves."""
    for name in ("bf16", "w8a8"):
        (reply,) = asked(managed(models, name), prompt("Judge.", 128, schema=VERDICTS))
        said = json.loads(reply.text)
        assert list(said) == ["verdict", "supported", "ids"]
        assert said["verdict"] in ("krill", "whale")
        assert type(said["supported"]) is bool
        assert reply.stop_reason == "stop"


def test_greedy_replies_repeat_and_seeded_ones_differ_by_repeat(models, whole):
    from evalkit import scope

    one = prompt("Whales", 24)
    first, second = asked(managed(models), one, one)
    assert first.text == second.text
    warm = managed(models, temperature=1.0, seed=3)

    async def drawn():
        texts = []
        for repeat in (0, 1, 0):
            with scope.opened("case", repeat, "answer"):
                texts.append((await warm.complete(one)).text)
        await warm.close()
        return texts

    draws = asyncio.run(drawn())
    assert draws[0] == draws[2] != draws[1]


def test_the_servers_own_errors_are_typed(models, whole, monkeypatch):
    too_long = prompt("whale " * 4000)
    with pytest.raises(BadRequest, match=r"2048|context|length"):
        asked(managed(models), too_long)
    monkeypatch.setenv("WRONG_KEY", "wrong")
    attached = VllmModel(model=whole.model, base_url=whole.base_url, api_key_env="WRONG_KEY")
    with pytest.raises(ConfigError, match="refuses the key"):
        asked(attached, prompt("hi"))


def test_a_running_server_can_be_attached_to(models, whole, monkeypatch):
    monkeypatch.setenv("OUR_KEY", whole.api_key)
    attached = VllmModel(model=whole.model, base_url=whole.base_url, api_key_env="OUR_KEY")
    (ours,) = asked(managed(models), prompt("Whales"))
    (theirs,) = asked(attached, prompt("Whales"))
    assert theirs.text == ours.text
    assert leftovers.processes(whole.model)  # closing did not stop it
    port = whole.base_url.rpartition(":")[2].removesuffix("/v1")
    assert port not in attached.fingerprint


def test_fingerprints_tell_targets_apart_and_no_addresses(models, whole, quantized):
    fingerprints = {whole.fingerprint, quantized.fingerprint}
    assert len(fingerprints) == 2
    assert managed(models).fingerprint != managed(models, temperature=0.5).fingerprint
    assert managed(models).fingerprint == managed(models).fingerprint
    shown = json.dumps(whole.record().target)
    for secret in (whole.api_key, whole.base_url.split(":")[2][:-3], str(models)):
        assert secret not in shown
    assert dict(whole.record().target)["vllm"] == "0.32.0"


def test_gauges_show_the_work(models, whole):
    model = managed(models, usd_per_gpu_hour=1.0)
    shared = "Whales are the largest animals that ever lived on earth. " * 24
    requests = [prompt(f"{shared}Question {n}?", 400) for n in range(64)]

    async def run():
        before = whole.record()
        replies = await asyncio.gather(*(model.complete(request) for request in requests))
        after = whole.record()
        await model.close()
        return before, replies, after

    before, replies, after = asyncio.run(run())
    tokens = sum(reply.usage.output_tokens for reply in replies)
    assert after.generation_tokens - before.generation_tokens == tokens
    prompts = sum(reply.usage.input_tokens for reply in replies)
    assert after.prompt_tokens - before.prompt_tokens == prompts
    assert 2 <= after.peak_running <= 64
    assert 0 < after.peak_kv_cache <= 1
    assert after.prefix_hits > 0
    assert any(reply.usage.cached_input_tokens for reply in replies)
    assert after.generation_tokens_per_s > 50
    assert after.startup_s > 5
    busy_s = after.busy_s - before.busy_s
    assert sum(reply.cost.usd for reply in replies) == pytest.approx(busy_s / 3600, rel=0.1)


def test_the_noise_floor_is_measured(models, whole):
    model = managed(models)
    requests = [prompt(f"Whale {n} eats", 32) for n in range(12)]

    async def run():
        try:
            return await measured_noise(
                model.complete, requests, model=model.name, fingerprint=model.fingerprint,
                at_once=(1, 12), score=lambda request, text: float(len(text)),
            )  # fmt: skip
        finally:
            await model.close()

    noise = asyncio.run(run())
    alone, together = noise.rows
    assert (alone.identical, alone.same_tokens, alone.score_sd) == (1.0, 1.0, 0.0)
    assert 0 <= together.identical <= 1
    assert "identical" in str(noise)


def test_the_models_close_leaves_the_fixtures_server_running(whole):
    assert whole.server.is_up


def test_a_server_that_dies_mid_run_is_started_once_and_then_given_up(models, whole):
    """Last in the file: it takes the shared server down for good."""
    model = managed(models)
    server = whole.server

    async def run():
        long = [prompt(f"Whales {n}", 1900) for n in range(48)]
        first = server.served_name
        engine = named(first, ENGINE)
        for pid in engine:
            os.kill(pid, signal.SIGSTOP)  # so that no reply is whole before it dies
        flying = [asyncio.create_task(model.complete(request)) for request in long]
        await asyncio.to_thread(until, lambda: server._gauges._in_use == len(long))
        for pid in engine:
            os.kill(pid, signal.SIGKILL)
        failed = await asyncio.gather(*flying, return_exceptions=True)
        assert all(isinstance(error, ProviderError) for error in failed), failed
        assert not any(isinstance(error, ServerFailed) for error in failed)
        await asyncio.to_thread(until_down, server)  # the API server takes a moment to notice
        assert gone(first) == []
        again = await model.complete(prompt("Whales"))
        assert again.text
        assert server.restarts == 1
        second = server.served_name
        for pid in named(second, b"--served-model-name"):
            os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(until_down, server)
        assert gone(second) == []
        with pytest.raises(ServerFailed, match="died again"):
            await model.complete(prompt("Whales"))
        await model.close()

    asyncio.run(run())
    assert server.record().restarts == 1
    assert any(record.restarts == 1 for record in POOL.records())


def test_the_loopback_is_all_these_tests_need():
    with pytest.raises(RuntimeError, match="stay on this machine"):
        socket.create_connection(("192.0.2.1", 80))
