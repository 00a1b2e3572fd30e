"""A suite of several targets: items a target, gates between them, one report."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from tests.plugin.conftest import APP, SUITE, rows
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import TOWNS, said, write_served

pytestmark = pytest.mark.slow

N = 30

PROJECT = """\
[targets.full]
kind = "callable"
function = "app:answer"
price = { input = 3.0 }

[targets.small]
kind = "callable"
function = "app:small"
price = { input = 1.0 }

[profiles.offline]
judge = "app:judge"
embedder = "scripted"
"""

BOTH = SUITE.replace('target = "app"', 'targets = ["full", "small"]').replace(
    "floor = 0.8", "floor = 0.8\ncompare = false"
)

GATES = """
[gates.quality]
kind = "versus"
metric = "faithfulness"

[gates.saved]
kind = "saving"
min_saving = 0.3
"""

CODE = """
def used(question, say):
    passages = [{"document_id": "d1", "text": "All answers are known."}]
    return {"text": say, "passages": passages, "usage": {"input_tokens": 1000}}

def answer(question):
    return used(question, f"The answer to {question} is known.")

def small(question):
    return used(question, f"The answer to {question} is known.")
"""

NAMES = [f"{suite}::{name}" for suite in ("suites/tiny.toml",) for name in (
    "gate[faithfulness@full]", "gate[coverage@full]", "gate[faithfulness@small]",
    "gate[quality@small]", "gate[saved@small]", "gate[coverage@small]",
)]  # fmt: skip
N_ITEMS = 2 * N + len(NAMES)


@pytest.fixture
def both(tiny):
    """Two targets: the second as good as the first, at a third of its price."""
    tiny.write("evalkit.toml", PROJECT)
    tiny.write("suites/tiny.toml", BOTH + GATES)
    tiny.write("app.py", APP.partition("def answer")[0] + CODE)
    tiny.cases(rows(N))
    return tiny


def worse(project):
    """The second target starts to say wrong things."""
    head = "def small(question):\n    return used(question, f"
    project.edit("app.py", f'{head}"The answer', f'{head}"A wrong answer')
    return project


def outcomes(project):
    """(suite, gate) → outcome, from the saved runs of a build."""
    found = {}
    for name in ("tiny@full", "tiny@small"):
        decision = project.run_json(name)["decision"]
        found |= {(name, one["gate"]): one["outcome"] for one in decision["verdicts"]}
    return found


def test_items_are_named_by_case_and_target(both):
    """A gate between targets is an item of the later one alone."""
    listed = both.pytest("--collect-only", "-q").stdout.lines
    found = [line for line in listed if line.startswith("suites/")]
    assert len(found) == N_ITEMS
    assert {line for line in found if "gate[" in line} == set(NAMES)
    cases = {f"suites/tiny.toml::c{i:02d}@{name}" for i in range(N) for name in ("full", "small")}
    assert {line for line in found if "gate[" not in line} == cases


def test_a_good_saving_is_green_with_one_report_of_both(both):
    """Without a baseline: the other target is what it is held against."""
    result = both.pytest()
    assert result.ret == 0
    result.assert_outcomes(passed=N_ITEMS)
    result.stdout.fnmatch_lines(["*tiny@full*", "*tiny@small*", "*quality*PASS*", "*saved*PASS*"])
    page = (both.root / "reports/latest/report.html").read_text()
    assert "tiny@full" in page
    assert "tiny@small" in page


def test_a_loss_of_quality_is_red_at_the_gate_of_that_target(both):
    """And only there: the first target's gates pass, the saving is reached."""
    result = worse(both).pytest("--junitxml=out.xml")
    assert result.ret == 1
    result.assert_outcomes(passed=N_ITEMS - 2, failed=2)
    result.stdout.fnmatch_lines(["*dropped by 1.000*30 paired cases*"])
    suite = ElementTree.parse(both.root / "out.xml").getroot()[0]
    red = [case.get("name") for case in suite if case.find("failure") is not None]
    assert red == ["gate[faithfulness@small]", "gate[quality@small]"]
    failed = [line for line in result.stdout.lines if line.startswith("FAILED")]
    assert [line.split()[1] for line in failed] == [f"suites/tiny.toml::{name}" for name in red]


def test_workers_and_the_command_decide_as_pytest_does(both):
    """-n 2 and `evalkit run` give the verdicts of a session alone, reason for reason."""
    worse(both).pytest()
    alone = outcomes(both), both.run_json("tiny@small")["decision"]
    spread = both.pytest("-n", "2")
    assert spread.ret == 1
    spread.assert_outcomes(passed=N_ITEMS - 2, failed=2)
    assert (outcomes(both), both.run_json("tiny@small")["decision"]) == alone
    command = both.evalkit("run")
    assert command.ret == 1
    command.stdout.fnmatch_lines(["FAIL: *"])
    assert (outcomes(both), both.run_json("tiny@small")["decision"]) == alone


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_a_gate_between_targets_needs_the_run_of_the_other(both, workers):
    """Only the second target's gates are selected: an ERROR, not a comparison with nothing."""
    result = both.pytest("-k", "small and (gate or c00)", *workers)
    assert result.ret == 1
    assert "there is no other target to compare with" in result.stdout.str()


def test_a_selection_of_one_target_still_reports_its_gates(both):
    """A case of `small` alone: its four gates are errors, those of `full` are not asked for."""
    result = both.pytest("-k", "c00 and small")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=4)
    assert "not decided: every gate was deselected" in result.stdout.str()


def test_last_failed_finds_the_gate_of_its_target_again(both):
    """--lf runs what was red and nothing else."""
    worse(both).pytest("-p", "cacheprovider")
    result = both.pytest("-p", "cacheprovider", "--lf", "--collect-only", "-q")
    found = [line for line in result.stdout.lines if line.startswith("suites/")]
    assert found == [name for name in NAMES if name.endswith(("s@small]", "quality@small]"))]


def test_a_baseline_is_promoted_for_each_target(both):
    """`--evalkit-update-baseline` of a suite with two targets writes two files."""
    both.edit("suites/tiny.toml", "compare = false\n", "")
    result = both.pytest("--evalkit-update-baseline", "first")
    assert result.ret == 0
    folder = both.root / "reports/baselines/offline"
    assert {path.name for path in folder.iterdir()} == {"tiny@full.json", "tiny@small.json"}
    assert both.pytest().ret == 0
    shown = both.evalkit("baseline", "show", "tiny@small")
    shown.stdout.fnmatch_lines(["tiny@small · offline profile · 30 cases × 5 epochs"])


def test_a_fault_of_the_suite_is_one_collection_error(both):
    """`than` names a target that comes later: the line, and what it could name."""
    both.edit("suites/tiny.toml", "min_saving = 0.3", 'min_saving = 0.3\nthan = "small"')
    result = both.pytest()
    assert result.ret == 2
    text = result.stdout.str()
    assert text.count("compares with a target measured before") == 1
    assert "suites/tiny.toml:17 gates.saved" in text
    assert both.evalkit("run").ret == 2


# ── models behind a server ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def server():
    with OpenAIServer(said) as running:
        yield running


@pytest.fixture
def served(tiny, server):
    """Two hosted models under test, one judge."""
    write_served(tiny, server.base_url)
    text = (tiny.root / "evalkit.toml").read_text()
    rag = text.partition("\n\n")[0]
    smaller = (f'generator = {{ provider = "openai", model = "tiny", base_url = "{server.base_url}"'
               ', api_key_env = "", price = { input = 0.1, output = 0.4 } }')  # fmt: skip
    small = rag.replace("[targets.app]", f"[targets.small]\n{smaller}")
    tiny.write("evalkit.toml", f"{text}\n{small}\n")
    tiny.edit("suites/tiny.toml", 'target = "app"', 'targets = ["app", "small"]')
    saved = '\n[gates.saved]\nkind = "saving"\nmin_saving = 0.3\n'
    tiny.write("suites/tiny.toml", (tiny.root / "suites/tiny.toml").read_text() + saved)
    return tiny


def asked(server):
    """Requests by model."""
    names = [seen.body["model"] for seen in server.requests]
    return {name: names.count(name) for name in sorted(set(names))}


def spends(project, name):
    return project.run_json(name)["run"]["spends"]


def test_each_target_asks_its_own_model_and_both_the_judge(served, server):
    """6 answers each; the judge is asked once about the same answer, whoever gave it.

    Calls are requests and what was cached, over both targets and two workers.
    """
    n = len(TOWNS)
    result = served.pytest("--evalkit-profile", "provider", "-n", "2")
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines([f"*{2 * n + 3} passed, 2 inconclusive*"])  # 6 are too few
    assert asked(server) == {"large": 3 * n, "small": n, "tiny": n}
    rows = [row for name in ("tiny@app", "tiny@small") for row in spends(served, name)]
    calls, cached = (sum(row[key] for row in rows) for key in ("calls", "cached_calls"))
    assert (calls, cached) == (8 * n, 3 * n)
    assert served.run_json("tiny@small")["run"]["fingerprint"]["generator"] == "openai/tiny"
    saved = served.run_json("tiny@small")["decision"]["verdicts"][1]
    assert (saved["gate"], saved["outcome"]) == ("saved", "PASS")
    assert "−90.0 %" in saved["reason"]


def test_the_estimate_of_the_command_asks_nobody(served, server):
    """Both targets and the judge are listed, before anything is spent."""
    result = served.evalkit("run", "--profile", "provider", "--estimate")
    assert result.ret == 0
    assert server.requests == []
    text = result.stdout.str()
    for part in ("tiny@app target: 6 calls", "tiny@app judge: 18 calls",
                 "tiny@small target: 6 calls", "tiny@small judge: 18 calls",
                 "in all: 48 calls, $"):  # fmt: skip
        assert part in text
    assert not (served.root / "reports").exists()


def test_a_budget_is_one_for_both_targets(served, server):
    """What it refuses is red, and what was spent stays under it."""
    result = served.pytest("--evalkit-profile", "provider", "--evalkit-max-usd", "0.012")
    assert result.ret == 1
    assert "BudgetExceeded" in json.dumps(served.run_json("tiny@app")["run"]["scores"])
    rows = [row for name in ("tiny@app", "tiny@small") for row in spends(served, name)]
    billed = sum(row["billed"]["usd"] for row in rows)
    assert 0.0 < billed <= 0.012


def test_options_that_contradict_each_other_end_both_ways_of_running(served, server):
    """Nothing is collected, nobody is asked."""
    together = ["replay", "record"]
    result = served.pytest(*(f"--evalkit-{name}=rec" for name in together))
    assert result.ret == 2
    assert "replay, record: choose one of the two" in result.stdout.str()
    command = served.evalkit("run", *(f"--{name}=rec" for name in together))
    assert command.ret == 2
    assert "replay, record: choose one of the two" in command.stderr.str()
    assert server.requests == []


HOSTED = """
from dataclasses import dataclass
from evalkit.providers.protocol import Limits
from evalkit.records import Completion, Cost, Usage

def note(line):
    with open("models.log", "a") as log:
        log.write(line + "\\n")

@dataclass(frozen=True, kw_only=True)
class Hosted:
    model: str
    endpoint: str = "here"
    limits: Limits = Limits()

    @property
    def name(self):
        return f"hosted/{self.model}"

    @property
    def fingerprint(self):
        return self.name

    async def complete(self, request):
        note(f"call {self.model}")
        return Completion(
            text="Bees.", model=self.name, usage=Usage(input_tokens=9), cost=Cost(), latency_s=0.0
        )

    async def close(self):
        note(f"close {self.model}")
"""


def test_one_target_s_models_are_let_go_of_before_the_next_one_s_are_called(tiny):
    """Two servers may not fit on one GPU: at no time are both open, and at the end neither is."""
    write_served(tiny, "http://127.0.0.1:9/v1")
    tiny.write("app.py", APP + HOSTED)
    rag = (tiny.root / "evalkit.toml").read_text().partition("\n\n")[0]
    targets = [
        rag.replace("targets.app]", f"targets.{name}]")
        + f'\ngenerator = {{ provider = "app:Hosted", model = "{name}", price = {{ input = 1 }} }}'
        for name in ("one", "two")
    ]
    profile = '[profiles.offline]\njudge = "app:judge"\nembedder = "scripted"\n'
    tiny.write("evalkit.toml", "\n".join([*targets, profile]))
    tiny.edit("suites/tiny.toml", 'target = "app"', 'targets = ["one", "two"]')
    assert tiny.pytest().ret in (0, 1)
    lines = (tiny.root / "models.log").read_text().splitlines()
    n = len(TOWNS)
    assert lines[: n + 1] == ["call one"] * n + ["close one"]
    assert [line for line in lines[n + 1 :] if line.startswith("call")] == ["call two"] * n
    assert lines[-1].startswith("close")
    assert {"close one", "close two"} <= set(lines)
