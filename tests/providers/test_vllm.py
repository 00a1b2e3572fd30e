"""The provider `vllm` over a stand-in for vLLM, with the real SDK; tests/vllm has the real one."""

from __future__ import annotations

import asyncio
import json
import signal
import time

import pytest

from evalkit import scope
from evalkit.errors import ConfigError, ProviderError, ServerFailed
from evalkit.providers.protocol import is_remote
from evalkit.providers.vllm import VllmModel
from evalkit.records import ModelRequest
from evalkit.serving.build import PYTHON_VARIABLE
from evalkit.serving.pool import POOL
from tests.serving.conftest import gone, standin_model, standin_python, until_down

__all__ = ["standin_model", "standin_python"]

SCHEMA = {"type": "object", "properties": {"verdict": {"enum": ["yes"]}}, "required": ["verdict"]}


@pytest.fixture
def model(standin_python, standin_model, monkeypatch):
    """Makes models over the stand-in."""
    monkeypatch.setenv(PYTHON_VARIABLE, str(standin_python))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    folder = str(standin_model("tiny", engine="plain"))

    def make(**options):
        return VllmModel(**({"model": folder, "seed": 11} | options))

    yield make
    POOL.close()


def using(model, use):
    """What `use(model)` gives; the model is closed on the same loop."""

    async def run():
        try:
            return await use(model)
        finally:
            await model.close()

    return asyncio.run(run())


def sent(model, repeat=0):
    """The body that the server was posted."""

    async def use(model):
        with scope.opened("case", repeat, "answer"):
            return await model.complete(ModelRequest(prompt="what was sent", schema=SCHEMA))

    return json.loads(using(model, use).text)


def test_nothing_starts_before_the_first_call_and_nothing_stays_after_the_last(model):
    one = model()
    assert is_remote(one)
    assert one.name == "vllm/tiny"
    assert one.record() is None
    nonces = []

    async def use(model):
        reply = await model.complete(ModelRequest(prompt="hello"))
        nonces.append(model._link._serving.served_name)
        return reply, model.record()

    reply, record = using(one, use)
    assert (reply.text, reply.model, reply.stop_reason) == ("hello", "vllm/tiny", "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (5, 3)
    assert record.generation_tokens == 3
    assert gone(nonces[0]) == []
    assert using(one, use)[0].text == "hello"  # a call after close starts another
    assert nonces[0] != nonces[1]


def test_what_is_sent(model):
    greedy = sent(model())
    assert greedy.pop("model").startswith("evalkit-")
    schema = greedy.pop("response_format")["json_schema"]["schema"]
    assert (greedy, schema) == ({"max_tokens": 512, "temperature": 0.0, "top_p": 1.0}, SCHEMA)


def test_repeats_are_independent_draws_that_can_be_drawn_again(model):
    warm = model(temperature=0.7)
    assert [sent(warm, repeat)["seed"] for repeat in (0, 2, 0)] == [11, 13, 11]


def test_many_first_calls_start_one_server(model):
    one, other = model(), model(temperature=0.5, seed=5)

    async def use(_):
        requests = [ModelRequest(prompt=f"{n}") for n in range(12)]
        replies = await asyncio.gather(*(m.complete(r) for m in (one, other) for r in requests))
        assert one._link._serving is other._link._serving
        await other.close()
        return [reply.text for reply in replies]

    assert using(one, use) == [str(n) for n in range(12)] * 2


def test_a_call_that_gives_up_does_not_stop_the_start(model, standin_model, tmp_path):
    go = tmp_path / "go"

    async def use(model):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(model.complete(ModelRequest(prompt="early")), 0.05)
        go.touch()
        return await model.complete(ModelRequest(prompt="late"))

    one = model(model=str(standin_model("held", waits_for=str(go))))
    assert using(one, use).text == "late"
    assert len(POOL.records()) >= 1


def test_a_server_that_dies_in_a_call_is_started_by_the_next_and_then_given_up(model):
    async def use(model):
        server = model._link
        request = ModelRequest(prompt="die")
        for _ in range(2):
            with pytest.raises(ProviderError) as caught:
                await model.complete(request)
            assert type(caught.value) is not ServerFailed
            await asyncio.to_thread(until_down, server._serving)
            if server._serving.restarts == 0:
                reply = await model.complete(ModelRequest(prompt="again"))
                assert (reply.text, server._serving.restarts) == ("again", 1)
        for _ in range(2):
            with pytest.raises(ServerFailed, match="died again"):
                await model.complete(ModelRequest(prompt="never"))
        return model.record()

    using(model(), use)


def test_replies_share_the_cost_of_the_time_in_use(model):
    async def use(model):
        await model.ready()
        started = time.perf_counter()
        replies = await asyncio.gather(
            *(model.complete(ModelRequest(prompt=str(n))) for n in range(8))
        )
        return replies, time.perf_counter() - started

    replies, wall_s = using(model(usd_per_gpu_hour=3600.0, tensor_parallel=2), use)
    total = sum(reply.cost.usd for reply in replies)  # 2 GPUs at a dollar a second
    assert 0 < total <= 2 * wall_s
    assert total < sum(reply.latency_s for reply in replies) * 2
    assert using(model(), use)[0][0].cost.usd == 0


def test_a_running_server_is_attached_to_and_left_running(model, monkeypatch):
    async def use(managed):
        await managed.ready()
        serving = managed._link._serving
        monkeypatch.setenv("THEIR_KEY", serving.address.key)
        attached = VllmModel(
            model=serving.served_name, base_url=serving.address.base_url, api_key_env="THEIR_KEY",
            quantization="awq",
        )  # fmt: skip
        reply = await attached.complete(ModelRequest(prompt="hello"))
        fingerprint = attached.fingerprint
        await attached.close()
        assert serving.is_up
        return reply, fingerprint, serving

    reply, fingerprint, serving = using(model(), use)
    assert reply.text == "hello"
    assert reply.model == f"vllm/{serving.served_name}"
    assert fingerprint.startswith("vllm/")


def test_the_fingerprint_needs_no_server_and_covers_what_is_sent(model):
    prints = [
        model().fingerprint, model(temperature=0.1).fingerprint, model(top_p=0.5).fingerprint,
        model(seed=12, temperature=0.1).fingerprint, model(max_model_len=512).fingerprint,
        model(opened_reasoning=True).fingerprint,
    ]  # fmt: skip
    assert len(set(prints)) == len(prints)
    assert model().fingerprint == model(max_num_seqs=3, timeout_s=9.0).fingerprint == prints[0]
    assert model(seed=12).fingerprint == prints[0]  # greedy: no seed is sent
    assert POOL._servers == {}, "nobody has even asked for one"


def test_limits_are_static(model):
    assert model().limits.max == 64
    limits = model(max_num_seqs=8).limits
    assert (limits.start, limits.max, limits.adaptive) == (8, 8, False)


def test_endpoints_are_servers(model):
    assert model().endpoint == model(temperature=1.0).endpoint
    assert model().endpoint != model(max_model_len=99).endpoint
    attached = VllmModel(model="m", base_url="http://127.0.0.1:8000/v1")
    assert attached.endpoint == "127.0.0.1:8000 m"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": "--config"}, "model must be"),
        ({"quantization": "int2"}, "quantization must be one of"),
        ({"temperature": -1.0}, "temperature must be"),
        ({"top_p": 0.0}, "top_p"),
        ({"usd_per_gpu_hour": -1.0}, "usd_per_gpu_hour"),
        ({"api_key_env": "KEY"}, "api_key_env is for base_url"),
        ({"base_url": "ftp://x"}, "base_url must be"),
        ({"timeout_s": 0.0}, "timeout_s must be"),
    ],
)
def test_what_is_wrong_is_said_when_the_suite_is_read(model, wrong, said):
    with pytest.raises(ValueError, match=said):
        model(**wrong)


def test_no_vllm_is_the_users_to_mend(model, monkeypatch):
    one = model()
    monkeypatch.delenv(PYTHON_VARIABLE)
    with pytest.raises(ConfigError, match="no vLLM"):
        _ = one.fingerprint
    with pytest.raises(ConfigError, match="no vLLM"):
        using(one, lambda model: model.complete(ModelRequest(prompt="x")))


def test_an_interrupted_process_takes_its_server_along(model):
    """SIGINT, as Ctrl-C sends it: the server has a session of its own, and goes by our hand."""
    import subprocess
    import sys

    script = (
        "import asyncio, signal, sys, time\n"
        "from evalkit.providers.vllm import VllmModel\n"
        # A shell starts what it puts in the background with SIGINT ignored, for all below it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "model = VllmModel(model=sys.argv[1])\n"
        "async def main():\n"
        "    await model.ready()\n"
        "    print(model._link._serving.served_name, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, model().model],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        nonce = process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert gone(nonce) == []
