"""Each quantized checkpoint loads and computes: in one process, without a server."""

from __future__ import annotations

import json
import os
import subprocess

from evalkit.serving.build import installed_build

SCRIPT = """
import gc, json, sys
from vllm import LLM, SamplingParams
said = {}
for name in sys.argv[2:]:
    llm = LLM(model=f"{sys.argv[1]}/{name}", dtype="bfloat16", enforce_eager=True,
              max_model_len=256, load_format="safetensors")
    sampling = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True)
    said[name] = list(llm.generate(["The whale is"], sampling)[0].outputs[0].token_ids)
    del llm
    gc.collect()
print("\\n" + json.dumps(said))
"""
NAMES = ("w4a16", "awq", "gptq")


def test_the_four_bit_layouts_load_and_say_the_same(models):
    """W4A16, AWQ and GPTQ hold the same 4-bit weights; W8A8 is served in test_provider.py."""
    environment = {
        **os.environ, "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "TORCHDYNAMO_DISABLE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
    }  # fmt: skip
    done = subprocess.run(
        [installed_build().python, "-c", SCRIPT, str(models), *NAMES],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=420,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert [len(tokens) for tokens in said.values()] == [8, 8, 8]
    assert said["w4a16"] == said["awq"] == said["gptq"]
