"""The silent-pass matrix: every fault, through every way in, ends red and names its cause.

Each cell starts from the same project, which is green through every way in (the first test), spoils
one thing, and runs it. A cell fails when the exit code is 0, or when the output does not say why.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.plugin.conftest import Tiny, rows

pytestmark = pytest.mark.slow

WAYS = {
    "pytest": lambda tiny, extra: tiny.pytest(*extra),
    "xdist": lambda tiny, extra: tiny.pytest("-n", "2", *extra),
    "cli": lambda tiny, extra: tiny.evalkit("run", *(e.replace("--evalkit-", "--") for e in extra)),
}


@dataclass(frozen=True)
class Fault:
    """What is spoiled, what the output must say, and the ways in where it can happen."""

    name: str
    spoil: Callable[[Tiny], object]
    says: str
    options: tuple[str, ...] = ()
    ways: tuple[str, ...] = ("pytest", "xdist", "cli")


def app(body: str) -> Callable[[Tiny], object]:
    """A target whose `answer` has this body."""
    indented = body.replace("\n", "\n    ")
    return lambda tiny: tiny.write(
        "app.py",
        "import os, sys\nfrom evalkit.judges.scripted import ScriptedJudge\n"
        f"judge = lambda embedder: ScriptedJudge()\n\ndef answer(question):\n    {indented}\n",
    )


def judge(definition: str) -> Callable[[Tiny], object]:
    """A judge made by this expression; `fail(error)` makes a function that raises."""
    return lambda tiny: tiny.write(
        "app.py",
        "from evalkit.errors import JudgeError\nfrom evalkit.judges.scripted import ScriptedJudge\n"
        "def fail(error):\n    def call(*args):\n        raise error\n    return call\n"
        f"judge = lambda embedder: {definition}\n"
        "PASSAGES = [{'document_id': 'd1', 'text': 'All answers are known.'}]\n"
        "def answer(question): return {'text': f'It is {question}.', 'passages': PASSAGES}\n",
    )


def suite(old: str, new: str) -> Callable[[Tiny], object]:
    return lambda tiny: tiny.edit("suites/tiny.toml", old, new)


def cases(change: Callable[[list[dict[str, object]]], object]) -> Callable[[Tiny], object]:
    def spoil(tiny: Tiny) -> None:
        table = rows()
        change(table)
        tiny.cases(table)

    return spoil


def raw_cases(data: bytes) -> Callable[[Tiny], object]:
    return lambda tiny: (tiny.root / "datasets/tiny/1/cases.jsonl").write_bytes(data)


def baseline(change: Callable[[str], str]) -> Callable[[Tiny], object]:
    def spoil(tiny: Tiny) -> None:
        path = tiny.root / "reports/baselines/offline/tiny.json"
        before = path.read_text()
        after = change(before)
        assert after != before, "the baseline was not spoiled"
        path.write_text(after)

    return spoil


def nan_embedder(tiny: Tiny) -> None:
    """answer_relevancy over an embedder whose vectors are NaN."""
    tiny.edit("suites/tiny.toml", "faithfulness = {}", "faithfulness = {}\nanswer_relevancy = {}")
    tiny.edit("suites/tiny.toml", "[gates.faith", "[gates.answer_relevancy]\ncompare = false\n"
              "floor = 0.1\n[gates.faith")  # fmt: skip
    tiny.edit("evalkit.toml", 'embedder = "scripted"', 'embedder = "app:embedder"')
    text = (tiny.root / "app.py").read_text()
    tiny.write("app.py", text + (
        "\nimport numpy as np\nclass Nan:\n    name = fingerprint = 'nan'\n    dimensions = 4\n"
        "    async def embed(self, texts): return np.full((len(texts), 4), np.nan, np.float32)\n"
        "def embedder(spec, *, cache): return Nan()\n"))  # fmt: skip


def killed_then_broken(tiny: Tiny) -> None:
    """A journal with half the cases of a run that was killed; the target's index is gone since."""
    app("""if os.path.exists('gone'): raise RuntimeError('index gone since the kill')
return {'text': 'The answer.', 'passages': [{'document_id': 'd1', 'text': 'Yes.'}]}""")(tiny)
    assert tiny.evalkit("run").ret == 0
    [path] = (tiny.root / "reports/latest/journal").glob("tiny.*")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:31]) + lines[31][:20])
    tiny.write("gone", "")


def foreign_journal(tiny: Tiny) -> None:
    """The journal in the report folder is of a run with another metric configuration."""
    assert tiny.evalkit("run").ret == 0
    tiny.edit("suites/tiny.toml", "faithfulness = {}", "faithfulness = {}\nabstention = {}")


def damaged_journal(tiny: Tiny) -> None:
    assert tiny.evalkit("run").ret == 0
    [path] = (tiny.root / "reports/latest/journal").glob("tiny.*")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:5], b'{"score": 1}\n', *lines[5:]]))


def priced(tiny: Tiny) -> None:
    """Every answer costs a dollar, and the run may spend half of one."""
    tiny.edit("evalkit.toml", 'function = "app:answer"',
              'function = "app:answer"\nprice = { input = 1.0 }')  # fmt: skip
    app('return {"text": "The answer.", "usage": {"input_tokens": 1000000}}')(tiny)


WRONG = "return 'A claim.' if 'question 1' not in question else 'wrong claim'"

FAULTS = [
    Fault("target raises", app("raise RuntimeError('boom')"), "boom|no answer"),
    Fault("target raises in two of thirty", app(
        "if question in ('question 3', 'question 4'): raise RuntimeError('boom')\nreturn 'Yes.'"),
        "2 of 30|2 cases"),
    Fault("target exits the process with 0", app("sys.exit(0)"), "SystemExit|no answer"),
    Fault("target dies without a word", app("os._exit(0)"), "crashed|gw", ways=("xdist",)),
    Fault("target returns nothing", app("return None"), "no answer|None"),
    Fault("target returns a number", app("return 1"), "no answer|int"),
    Fault("target answers with nothing", app("return ''"), "dropped|below|floor"),
    Fault("target answers wrongly", app("return 'x'"), "dropped|floor"),
    Fault("target module does not exist",
          lambda t: t.edit("evalkit.toml", "app:answer", "gone:answer"), "gone"),
    Fault("target function does not exist",
          lambda t: t.edit("evalkit.toml", "app:answer", "app:gone"), "gone"),
    Fault("target module has a syntax error", lambda t: t.write("app.py", "def ("), "app|syntax"),
    Fault("target kind unknown", lambda t: t.edit("evalkit.toml", '"callable"', '"calable"'),
          "calable.*callable"),
    Fault("target option misspelt", lambda t: t.edit("evalkit.toml", "function", "funktion"),
          "funktion"),
    Fault("target not configured", suite('"app"', '"ap"'), "'ap'"),
    Fault("judge raises", judge("ScriptedJudge(supports=fail(JudgeError('judge down')))"),
          "judge down|not scored"),
    Fault("judge breaks", judge("ScriptedJudge(supports=fail(KeyError('verdict')))"),
          "KeyError|not scored"),
    Fault("judge exits the process", judge("ScriptedJudge(supports=fail(SystemExit(0)))"),
          "SystemExit|not scored"),
    Fault("judge speaks another language", judge("ScriptedJudge(supports='oui')"),
          "not scored|oui"),
    Fault("judge is missing", lambda t: t.edit("evalkit.toml", "app:judge", "app:jugde"), "jugde"),
    Fault("judge unknown", lambda t: t.edit("evalkit.toml", "app:judge", "embeded/lexical"),
          "embeded"),
    Fault("scores are NaN", nan_embedder, "not scored|missing"),
    Fault("dataset empty", raw_cases(b""), "no cases|empty"),
    Fault("dataset not UTF-8", raw_cases(b'{"id": "\xff"}\n'), "UTF-8"),
    Fault("dataset not JSON", raw_cases(b"{]\n"), "JSON"),
    Fault("dataset with a case twice", cases(lambda t: t.append(t[0])), "c00"),
    Fault("dataset with an unknown field", cases(lambda t: t[3].update(refrences=[])), "refrences"),
    Fault("dataset missing", suite("tiny@1", "tiny@2"), "tiny"),
    Fault("dataset outside the project", suite("tiny@1", "../../etc@1"), "etc"),
    Fault("slice unknown", suite('target = "app"', 'target = "app"\nslice = "cj"'), "cj"),
    Fault("gate key misspelt", suite("floor", "flor"), "Did you mean floor"),
    Fault("gate key twice", suite("floor = 0.8", "floor = 0.8\nfloor = 0.0"), "not valid TOML"),
    Fault("gate value of the wrong type", suite("floor = 0.8", 'floor = "0.8"'), "wrong type"),
    Fault("gate floor out of range", suite("floor = 0.8", "floor = 80"), "within"),
    Fault("gate floor NaN", suite("floor = 0.8", "floor = nan"), "within|finite"),
    Fault("gate of a metric not measured", suite("[gates.faithfulness]", "[gates.mrr]"), "mrr"),
    Fault("gate of an unknown kind", suite("floor = 0.8", 'kind = "flor"'), "flor"),
    Fault("no gates", suite("[gates.faithfulness]\nfloor = 0.8\n", ""), "promises nothing"),
    Fault("metric unknown", suite("faithfulness = {}", "faithfullness = {}"),
          "Did you mean faithfulness"),
    Fault("metric option unknown", suite("faithfulness = {}", "faithfulness = { k = 3 }"), "'k'"),
    Fault("suite not TOML", lambda t: t.write("suites/tiny.toml", "[suite"), "not valid TOML"),
    Fault("suite table misspelt", suite("[metrics]", "[metircs]"), "metircs"),
    Fault("profile unknown", lambda t: None, "ofline", options=("--evalkit-profile=ofline",)),
    Fault("baseline missing", lambda t: shutil.rmtree(t.root / "reports/baselines"),
          "baseline promote"),
    Fault("baseline of another dataset", cases(lambda t: t[0].update(input="another")),
          "baseline promote"),
    Fault("baseline of another metric version", baseline(
        lambda text: re.sub(r'("faithfulness",\s*)"?1', r'\g<1>"0', text, count=1)), "baseline"),
    Fault("baseline with NaN", baseline(lambda text: text.replace("[1.0,", "[NaN,", 1)),
          "NaN|JSON"),
    Fault("baseline cut off", baseline(lambda text: text[: len(text) // 2]), "JSON"),
    Fault("most cases not in the baseline", cases(
        lambda t: [row.update(id=f"new{i}") for i, row in enumerate(t)]), "baseline promote"),
    Fault("killed and resumed on a broken target", killed_then_broken, "not scored|no answer",
          options=("--evalkit-resume",)),
    Fault("resumed from another run", foreign_journal, "belongs to another run",
          options=("--evalkit-resume",)),
    Fault("resumed from a damaged journal", damaged_journal, "tiny.*jsonl:6",
          options=("--evalkit-resume",)),
    Fault("budget spent", priced, "BudgetExceeded|not scored|no answer",
          options=("--evalkit-max-usd=0.5",)),
    Fault("ten bad cases deselected", app(WRONG.replace("wrong claim", "")), "dropped|floor",
          options=tuple(f"--deselect=suites/tiny.toml::c1{i}" for i in range(10)),
          ways=("pytest", "xdist")),
    Fault("gates deselected", lambda t: None, "not decided", options=("-k", "c07"),
          ways=("pytest", "xdist")),
    Fault("everything deselected", lambda t: None, "deselected|no tests ran",
          options=("-k", "no-such-case"), ways=("pytest", "xdist")),
    Fault("no suites at all", lambda t: (t.root / "suites/tiny.toml").unlink(),
          "no suite|no tests ran"),
    Fault("report folder is a file", lambda t: t.write("reports/latest", ""), "reports/latest"),
]  # fmt: skip

CELLS = [(fault, way) for fault in FAULTS for way in fault.ways]


@pytest.fixture
def copy(green_project, pytester):
    """A copy of the green project for one cell."""
    shutil.copytree(green_project, pytester.path, dirs_exist_ok=True)
    return Tiny(pytester.path, pytester)


def run(tiny: Tiny, way: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    result = WAYS[way](tiny, options)
    return int(result.ret), result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("way", WAYS)
def test_the_unspoiled_project_is_green(copy, way):
    """Otherwise every cell below would be red for nothing."""
    code, output = run(copy, way)
    assert code == 0, output


@pytest.mark.parametrize(("fault", "way"), CELLS, ids=[f"{f.name}-{way}" for f, way in CELLS])
def test_no_fault_ends_green(copy, fault, way):
    """Not green, and the output names the cause."""
    fault.spoil(copy)
    code, output = run(copy, way, fault.options)
    assert code != 0, output
    assert re.search(fault.says, output, re.DOTALL), output


def test_the_matrix_is_as_large_as_it_claims():
    """At least 60 cells."""
    assert len(CELLS) >= 60


def test_a_saved_run_that_was_edited_is_not_decided_again(copy):
    """`evalkit regate` reads run.json as strictly as anything else."""
    assert run(copy, "cli")[0] == 0
    path = copy.root / "reports/latest/runs/tiny.json"
    assert copy.evalkit("regate", str(path)).ret == 0
    data = json.loads(path.read_text())
    data["run"]["scores"] = data["run"]["scores"][1:]
    path.write_text(json.dumps(data))
    assert copy.evalkit("regate", str(path)).ret == 11  # a score is missing: coverage
    path.write_text(path.read_text().replace('"value": 1.0', '"value": NaN'))
    assert copy.evalkit("regate", str(path)).ret == 2
