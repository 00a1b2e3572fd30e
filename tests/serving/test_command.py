"""Whatever the options, the command line holds nothing but what the tables allow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.serving import command
from evalkit.serving.build import VllmBuild
from evalkit.serving.options import DTYPES, KV_CACHE_DTYPES, QUANTIZATIONS, ServerOptions

FORBIDDEN = (
    "--trust-remote-code", "--api-key", "--enable-lora", "--tool-server", "--chat-template",
    "--model-loader-extra-config", "--hf-overrides", "--allowed-local-media-path", "--profiler",
    "--middleware", "--plugins", "--config",
)  # fmt: skip

HOSTILE = st.sampled_from(
    [
        "--trust-remote-code", "a/b --trust-remote-code", "a/b\n--config=x", "-m", "a/b;reboot",
        "$(id)", "a/../b", "http://evil.example/x", "a/b\0c", "--model=x", "owner/name=--config",
        "owner/--trust-remote-code", "ownér/name", "a/b/c",
    ]
)  # fmt: skip
NAMES = st.from_regex(r"[A-Za-z0-9][\w.-]{0,20}/[A-Za-z0-9][\w.-]{0,20}", fullmatch=True)
TEXTS = st.one_of(NAMES, HOSTILE, st.text(max_size=30))

RIGHT = st.fixed_dictionaries(
    {"model": NAMES},
    optional={
        "revision": st.just("a" * 40),
        "quantization": st.sampled_from(QUANTIZATIONS),
        "kv_cache_dtype": st.sampled_from(KV_CACHE_DTYPES),
        "dtype": st.sampled_from(DTYPES),
        "max_model_len": st.integers(0, 200_000),
        "gpu_memory_utilization": st.floats(0.05, 1.0),
        "max_num_seqs": st.integers(0, 5000),
        "prefix_caching": st.booleans(),
        "tensor_parallel": st.integers(1, 64),
        "seed": st.integers(0, 2**32 - 1),
    },
)
ANYTHING = st.fixed_dictionaries(
    {"model": TEXTS},
    optional={
        "revision": st.one_of(st.just("a" * 40), HOSTILE, st.text(max_size=20)),
        "quantization": st.one_of(st.sampled_from(QUANTIZATIONS), HOSTILE),
        "kv_cache_dtype": st.one_of(st.sampled_from(KV_CACHE_DTYPES), HOSTILE),
        "dtype": st.one_of(st.sampled_from(DTYPES), HOSTILE),
        "max_model_len": st.one_of(st.integers(-5, 200_000), st.booleans(), HOSTILE),
        "gpu_memory_utilization": st.one_of(st.floats(), HOSTILE),
        "max_num_seqs": st.integers(-1, 5000),
        "prefix_caching": st.one_of(st.booleans(), HOSTILE),
        "tensor_parallel": st.integers(0, 70),
        "seed": st.integers(-1, 2**33),
    },
)


def build(device="gpu"):
    return VllmBuild(python="/usr/bin/python3", version="0.32.0", device=device)


def argv(options, device="gpu"):
    return command.arguments(options, build(device), port=4321, nonce="evalkit-0123")


def test_argv_is_within_the_allow_list():
    """2,000 option sets, hostile ones among them: refused, or one allowed flag an argument."""
    tried = {"accepted": 0, "refused": 0}
    examples = 20 * settings.default.max_examples

    @settings(max_examples=examples)
    @given(given_options=st.one_of(RIGHT, ANYTHING), device=st.sampled_from(["cpu", "gpu"]))
    def of_any_options(given_options, device):
        try:
            options = ServerOptions(**given_options)
        except (ValueError, TypeError):
            tried["refused"] += 1
            return
        tried["accepted"] += 1
        check_argv(options, device)

    of_any_options()
    assert min(tried.values()) > examples / 10, "else it would hold for an empty reason"


def check_argv(options, device):
    python, minus_m, module, *rest = argv(options, device)
    assert (python, minus_m, module) == ("/usr/bin/python3", "-m", command.MODULE)
    for argument in rest:
        flag, _, value = argument.partition("=")
        allowed = argument in command.FIXED or argument in command.SWITCHES
        assert allowed or (flag in command.FLAGS and value)
        assert not argument.startswith(FORBIDDEN)
        assert argument.isprintable()
    flags = [argument.partition("=")[0] for argument in rest]
    assert len(flags) == len(set(flags))


def test_what_is_asked_for_is_in_the_command():
    options = ServerOptions(
        model="o/n", revision="a" * 40, quantization="awq", kv_cache_dtype="fp8", dtype="float16",
        max_model_len=8192, gpu_memory_utilization=0.5, max_num_seqs=32, prefix_caching=False,
        tensor_parallel=2, seed=7,
    )  # fmt: skip
    assert set(argv(options)[3:]) == {
        *command.FIXED, "--model=o/n", f"--revision={'a' * 40}", f"--tokenizer-revision={'a' * 40}",
        "--quantization=awq", "--kv-cache-dtype=fp8", "--dtype=float16", "--max-model-len=8192",
        "--gpu-memory-utilization=0.5", "--max-num-seqs=32", "--no-enable-prefix-caching",
        "--tensor-parallel-size=2", "--seed=7", "--port=4321",
        "--served-model-name=evalkit-0123",
    }  # fmt: skip


def test_a_cpu_build_gets_what_its_kernels_take():
    made = argv(ServerOptions(model="o/n"), "cpu")
    assert {"--dtype=bfloat16", "--enforce-eager"} <= set(made)
    assert not [a for a in made if a.startswith(("--gpu-memory", "--quantization", "--revision"))]


@pytest.mark.parametrize("flag", FORBIDDEN)
def test_no_table_holds_what_must_not_be_said(flag):
    assert flag not in command.FLAGS | command.SWITCHES | set(command.FIXED)


def test_the_environment_is_an_allow_list_too(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    given_environment = {
        "PATH": "/bin", "OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2",
        "VLLM_SERVER_DEV_MODE": "1", "VLLM_PLUGINS": "x", "PYTHONPATH": "/evil",
        "HF_TOKEN": "hf_1", "VLLM_API_KEY": "theirs", "LD_LIBRARY_PATH": "/lib",
    }  # fmt: skip

    def made(model, device="gpu"):
        return command.environment(
            ServerOptions(model=model), build(device), key="k", nonce="n", given=given_environment
        )

    local, hub = made(str(tmp_path)), made("o/n", "cpu")
    assert {"PATH", "LD_LIBRARY_PATH"} <= set(local)
    assert not {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "VLLM_SERVER_DEV_MODE", "PYTHONPATH"} & {
        *local, *hub,
    }  # fmt: skip
    assert (local["VLLM_API_KEY"], local[command.NONCE_VARIABLE]) == ("k", "n")
    assert (local["HF_HUB_OFFLINE"], hub["HF_HUB_OFFLINE"]) == ("1", "0")
    assert ("HF_TOKEN" in local, hub["HF_TOKEN"]) == (False, "hf_1")
    assert (hub["VLLM_CPU_KVCACHE_SPACE"], "VLLM_CPU_KVCACHE_SPACE" in local) == ("1", False)
    telemetry = ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY")
    assert [local[name] for name in telemetry] == ["1", "1", "1"]


def test_an_operators_kv_cache_stays():
    given_environment = {"VLLM_CPU_KVCACHE_SPACE": "4"}
    made = command.environment(
        ServerOptions(model="o/n"), build("cpu"), key="k", nonce="n", given=given_environment
    )
    assert made["VLLM_CPU_KVCACHE_SPACE"] == "4"


def test_flags_are_spelt_as_flags():
    assert all(re.fullmatch(r"--[a-z-]+", flag) for flag in command.FLAGS | command.SWITCHES)
