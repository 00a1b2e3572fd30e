"""Profiles, targets and suites on the pages are accepted by the code that reads them."""

from __future__ import annotations

import asyncio
import re
import shutil
import tomllib
from dataclasses import is_dataclass
from types import SimpleNamespace

import pytest

from evalkit import assemble, cli
from evalkit.assemble.models import JUDGING, OURS, stated_price
from evalkit.config import construct, load_project, load_suite, named
from evalkit.gates.versus import SavingGate, VersusGate
from evalkit.judges.llm import LlmJudge
from evalkit.providers import EMBEDDERS, MODELS
from evalkit.providers.scripted import ScriptedModel
from evalkit.records import ModelRequest
from tests.docs.pages import PAGES, ROOT, blocks, text_of

COMPARING = "docs/comparing-targets.md"


def settings(block, tmp_path):
    """The block as a project's evalkit.toml, or None where it has neither targets nor profiles."""
    tables = tomllib.loads(block.text)
    tables = tables.get("tool", {}).get("evalkit", tables)
    if not {"profiles", "targets"} & set(tables):
        return None
    text = re.sub(r"^\[tool\.evalkit\.", "[", block.text, flags=re.MULTILINE)
    (tmp_path / "evalkit.toml").write_text(text, "utf-8")
    return load_project(tmp_path)


def roles(project):
    """(registry, section) of everything that is bound to a model."""
    for profile in project.profiles.values():
        for role in ("generator", "judge"):
            section = profile.role(role)
            members = section.table.get("panel")
            for one in [section] if members is None else [
                named(member, section, "panel") for member in members
            ]:  # fmt: skip
                yield MODELS, one
        yield EMBEDDERS, profile.role("embedder")
    for target in project.targets.values():
        if "generator" in target.table:
            yield MODELS, named(target.table["generator"], target, "generator")


def faults(registry, section):
    """What the provider's class says of the options."""
    provider = section.table.get("provider")
    if not is_dataclass(registry.get(provider) if provider in registry._builtin else None):
        return []  # of this process, or of the project's own code
    if "price" in section.table:
        stated_price(section)
    problems = []
    ours = {*OURS, *JUDGING, "provider"}
    construct(registry.get(provider), section.without(*ours), problems)
    judging = section.without(*(key for key in section.table if key not in JUDGING))
    construct(LlmJudge, judging, problems, model=SimpleNamespace(fingerprint="m"), draw=None)
    return problems


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=f"{page}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, "toml"), start=1)
        if "profiles." in block.text or "provider = " in block.text
    ],
)
def test_every_model_on_a_page_can_be_made(block, tmp_path):
    """Its options are known and have the right types; no key is asked for, nobody is called."""
    project = settings(block, tmp_path)
    found = [] if project is None else [p for role in roles(project) for p in faults(*role)]
    assert found == []


def test_an_option_that_is_not_there_is_noticed(tmp_path):
    (tmp_path / "evalkit.toml").write_text(
        '[profiles.x]\ngenerator = { provider = "vllm", model = "m", trust_remote_code = true }\n'
        'judge = { provider = "openai", model = "m", thinking_tokens = -1 }\n',
        "utf-8",
    )
    said = [str(p) for role in roles(load_project(tmp_path)) for p in faults(*role)]
    assert len(said) == 2
    assert "unknown key 'trust_remote_code'" in said[0]
    assert "thinking_tokens" in said[1]


def test_the_function_on_the_page_is_a_model():
    """It answers a request, and its tokens are counted."""
    (shown,) = blocks("docs/running-against-a-provider.md", "python")
    names = {}
    exec(shown.text, names)
    model = ScriptedModel(names["reply"])
    made = asyncio.run(model.complete(ModelRequest(prompt="Hello.\nWhen does it open?")))
    assert made.text == "You asked: When does it open?"
    assert made.usage.output_tokens > 0


# ── comparing targets ────────────────────────────────────────────────────────────────────────────


def pairs():
    """The page's two projects, each with its suite."""
    shown = blocks(COMPARING, "toml")
    assert len(shown) == 4
    return [(shown[0], shown[1]), (shown[2], shown[3])]


@pytest.mark.parametrize("number", [0, 1])
def test_the_second_target_is_held_against_the_first(number, tmp_path):
    """The gates of the page compare what the page says; the first target has its coverage alone."""
    target, suite = pairs()[number]
    project = settings(target, tmp_path)
    path = tmp_path / "suites" / "passages.toml"
    path.parent.mkdir()
    path.write_text(suite.text, "utf-8")
    loaded = load_suite(path, root=tmp_path)
    first, second = (
        assemble.promise_of(loaded, name, project=project) for name in loaded.header.targets
    )
    assert [gate.kind for gate in first.gates] == ["coverage"]
    assert second.rivals == loaded.header.targets[:1]
    compared = [gate for gate in second.gates if isinstance(gate, VersusGate | SavingGate)]
    assert len(compared) == len(second.gates) - 1


@pytest.mark.slow
def test_the_comparison_is_what_the_page_shows(tmp_path, monkeypatch, capsys):
    """Offline, so every figure but the seconds is the same wherever it is run."""
    target, suite = pairs()[0]
    settings(target, tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "passages.toml").write_text(suite.text, "utf-8")
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    shutil.copytree(ROOT / "datasets" / "clapnq", tmp_path / "datasets" / "clapnq")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "suites/passages.toml"]) == 0
    duration = re.compile(r"tokens · .*$", re.MULTILINE)
    said = duration.sub("tokens", capsys.readouterr().out).splitlines()
    (shown,) = [b.text for b in blocks(COMPARING, "") if b.text.startswith("passages@five")]
    wanted = duration.sub("tokens", shown).splitlines()
    assert said[: len(wanted)] == wanted


# ── money ────────────────────────────────────────────────────────────────────────────────────────


def test_the_estimate_adds_up():
    """The sum of the rows is the sum that is shown, and the one that the README names."""
    (shown,) = [
        b.text for b in blocks("docs/running-against-a-provider.md", "") if "in all:" in b.text
    ]
    calls = [int(found.replace(",", "")) for found in re.findall(r": ([\d,]+) calls, \d", shown)]
    usd = [float(found) for found in re.findall(r"\$([\d.]+) \(", shown)]
    total = re.search(r"in all: ([\d,]+) calls, \$([\d.]+)", shown)
    assert len(calls) == len(usd) == 7
    assert sum(calls) == int(total[1].replace(",", ""))
    assert sum(usd) == pytest.approx(float(total[2]), abs=7 * 0.00005)
    assert f"${float(total[2]):.2f} for the four suites here" in text_of("README.md")


# ── layers ───────────────────────────────────────────────────────────────────────────────────────


def test_the_layers_on_the_page_are_those_that_are_checked():
    """Line by line, in the same order."""
    table = text_of("docs/concepts.md").partition("## Layers")[2].partition("## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    assert [re.findall(r"`(\w+)`", row) for row in rows] == [one.split(" | ") for one in layers]
