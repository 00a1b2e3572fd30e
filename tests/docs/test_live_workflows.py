"""The workflows that cost money or hold a key: trusted refs only, and never green by absence."""

from __future__ import annotations

import os
import subprocess
import tomllib

import pytest
import yaml

from evalkit.providers import MODELS
from tests.docs.pages import ROOT
from tests.docs.test_pages import options

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
LIVE = ("eval-provider", "eval-gpu")


def workflow(name):
    loaded = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8"))
    (job,) = loaded["jobs"].values()
    return loaded[True], job  # YAML reads the key `on` as true


def step(job, name):
    (found,) = [one for one in job["steps"] if one["name"].startswith(name)]
    return found


def ran(script, **environ):
    """As a runner does it: bash, ending at the first failure."""
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", LIVE)
def test_no_pull_request_starts_it(name):
    """And it runs in an environment, which can have reviewers."""
    triggers, job = workflow(name)
    assert set(triggers) <= {"push", "merge_group", "workflow_dispatch"}
    assert triggers["push"] == {"branches": ["main"]}
    assert job["environment"]
    assert job["permissions"] == {"contents": "read"}


@pytest.mark.parametrize(
    ("there", "missing"), [((), KEYS), (KEYS[:1], KEYS[1:]), (KEYS[1:], KEYS[:1]), (KEYS, ())]
)
def test_a_missing_key_fails_with_a_sentence(there, missing):
    """Each one that is missing is named; only with both does the job go on."""
    look = step(workflow("eval-provider")[1], "Look for the keys")
    assert set(look["env"]) == {f"HAS_{name}" for name in KEYS}
    has = {f"HAS_{name}": "true" if name in there else "false" for name in KEYS}
    done = ran(look["run"], **has)
    assert done.returncode == (1 if missing else 0)
    assert [name for name in KEYS if f"has no secret {name}: nothing" in done.stdout] == [*missing]


def test_the_keys_are_those_of_the_profile_and_one_step_sees_them():
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    profile = shipped["tool"]["evalkit"]["profiles"]["provider"]
    named = [profile["generator"].partition("/")[0], profile["judge"]["provider"]]
    assert sorted(MODELS.get(one)(model="m").api_key_env for one in named) == sorted(KEYS)
    _, job = workflow("eval-provider")
    assert "env" not in job
    assert [one["name"] for one in job["steps"] if set(KEYS) & set(one.get("env", {}))] == [
        "Run the suites"
    ]


def test_the_run_has_a_profile_a_cap_and_a_deadline():
    run = step(workflow("eval-provider")[1], "Run the suites")["run"]
    words = run.replace('"', " ").split()
    assert {word for word in words if word.startswith("--")} == {
        "--evalkit-profile", "--evalkit-max-usd", "--evalkit-deadline"
    } <= options()  # fmt: skip
    assert words[:2] == ["make", "gate"]


def test_a_runner_without_a_vllm_fails_with_a_sentence():
    look = step(workflow("eval-gpu")[1], "Look for vLLM")
    done = ran(look["run"], EVALKIT_VLLM_PYTHON="")
    assert done.returncode == 1
    assert "no variable EVALKIT_VLLM_PYTHON: nothing was measured" in done.stdout


def test_a_runner_without_a_gpu_fails(tmp_path):
    """No nvidia-smi: the step ends there, whatever vLLM there is."""
    look = step(workflow("eval-gpu")[1], "Look for vLLM")
    bash = tmp_path / "bash"
    bash.symlink_to("/bin/bash")
    done = ran(look["run"], EVALKIT_VLLM_PYTHON="/bin/true", PATH=str(tmp_path))
    assert done.returncode != 0
    assert "nvidia-smi" in done.stderr


def test_what_is_deselected_on_a_gpu_is_there():
    run = step(workflow("eval-gpu")[1], "Lifecycle")["run"]
    path, _, test = run.partition("--deselect ")[2].split()[0].partition("::")
    assert f"def {test}(" in (ROOT / path).read_text("utf-8")
