"""A quantized and an unquantized target, served by real vLLM, compared in one build and report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from evalkit import assemble, codec, pipeline
from evalkit.config import load_project
from evalkit.plan import Effort
from evalkit.records import Answer, Saved

ROOT = Path(__file__).parents[2]
N = 40

PROJECT = """\
[targets.bf16]
kind = "rag"
prompt = "answer_from_context@2"
chunk = {{ tokens = 60, overlap = 0 }}
retrieve = {{ mode = "bm25", k = 1 }}
max_output_tokens = 16
generator = {{ provider = "vllm", model = "{models}/bf16", quantization = "none", max_model_len = 2048, usd_per_gpu_hour = 2.0 }}

[targets.w8a8]
kind = "rag"
prompt = "answer_from_context@2"
chunk = {{ tokens = 60, overlap = 0 }}
retrieve = {{ mode = "bm25", k = 1 }}
max_output_tokens = 16
generator = {{ provider = "vllm", model = "{models}/w8a8", quantization = "compressed-tensors", max_model_len = 2048, usd_per_gpu_hour = 1.0 }}

[profiles.gpu]
judge = "embedded/lexical-cosine"
"""  # noqa: E501 - an inline table of TOML stands on one line

SUITE = """\
[suite]
purpose = "Eight bits may cost little and must save."
dataset = "clapnq@1"
slice = "few"
targets = ["bf16", "w8a8"]

[metrics]
context_recall = {}
faithfulness = {}

[gates.same_contexts]
kind = "versus"
metric = "context_recall"
margin = 0.03

[gates.cheaper]
kind = "saving"
min_saving = 0.05
"""


@pytest.fixture
def root(tmp_path, whole, quantized):
    """The repository's prompts and some of its cases; the servers that already run are shared."""
    root = tmp_path.resolve()
    shutil.copytree(ROOT / "prompts", root / "prompts")
    shutil.copytree(ROOT / "datasets" / "clapnq", root / "datasets" / "clapnq")
    slices = root / "datasets" / "clapnq" / "1" / "slices.json"
    ci = json.loads(slices.read_text())["ci"]["ids"]
    slices.write_text(json.dumps({"few": {"seed": 1, "ids": ci[:N]}}))
    return root


def test_a_quantized_target_is_compared_with_the_whole_one_in_one_report(root, models):
    """Both answer through their server; the gates between them decide; one report shows both."""
    (root / "evalkit.toml").write_text(PROJECT.format(models=models))
    suite = root / "suites" / "quantization.toml"
    suite.parent.mkdir()
    suite.write_text(SUITE)
    plans = assemble.plans(suite, project=load_project(root), profile="gpu")
    place = pipeline.fresh_place(root / "latest", resume=False)
    built = pipeline.run_build(plans, place=place, effort=Effort(), report=root / "latest")

    saved = {item.run.fingerprint.suite: item for item in built.saved}
    assert list(saved) == ["quantization@bf16", "quantization@w8a8"]
    for item in saved.values():
        answers = [trial.outcome for trial in item.run.trials]
        assert all(isinstance(answer, Answer) and answer.cost.usd > 0 for answer in answers)
        assert len(answers) == N
        (server,) = item.run.servers
        assert server.generation_tokens >= N
    whole, small = (item.run for item in saved.values())
    assert whole.fingerprint.target != small.fingerprint.target
    assert whole.servers[0].fingerprint != small.servers[0].fingerprint

    first, second = (item.decision.verdicts for item in saved.values())
    assert [verdict.gate for verdict in first] == ["coverage"]
    verdicts = {verdict.gate: verdict for verdict in second}
    # What was retrieved does not hang on the model: the same contexts, so no drop is possible.
    assert verdicts["same_contexts"].outcome == "PASS", verdicts["same_contexts"].reason
    assert "-" in verdicts["cheaper"].reason or "−" in verdicts["cheaper"].reason
    assert verdicts["cheaper"].outcome in ("PASS", "FAIL", "INCONCLUSIVE")

    page = (root / "latest" / "report.html").read_text()
    assert "quantization@bf16" in page
    assert "quantization@w8a8" in page
    assert page.count("vLLM server") == 2
    assert codec.load(Saved, root / "latest" / "runs" / "quantization@w8a8.json").run == small
