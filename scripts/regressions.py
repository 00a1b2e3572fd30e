"""Break the shipped pipeline on purpose, one way at a time, and table what each gate says.

    make regressions        # writes docs/regressions.md

Each breakage is an edit somebody could make, in a copy of this project; the shipped suites are then
run through the command line. Exits 1 when a breakage is not caught by the gate that should catch
it, when the drop is laid at another side of the pipeline than was broken, or when the unchanged
project does not pass every time with the same bytes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalkit import codec
from evalkit.records import Attribution

TODAY = datetime.datetime.now(tz=datetime.UTC).date()
ROOT = Path(__file__).resolve().parent.parent
COPIED = ("pyproject.toml", "suites", "prompts", "datasets", "reports/baselines")

BROKEN_PARTS = '''\
"""Parts of a pipeline that a colleague could have written on a bad day."""

import random
from dataclasses import dataclass, replace

from evalkit.providers.extractive import extractive
from evalkit.providers.tokenizer import wordpiece
from evalkit.rag.chunkers.sentences import SentenceChunker
from evalkit.records import Passage


@dataclass(frozen=True)
class RandomSearch:
    """Returns passages without looking at the question."""

    async def build(self, chunks, *, embedder, index, cache=None):
        return RandomRetriever(chunks)


@dataclass(frozen=True)
class RandomRetriever:
    chunks: tuple

    async def retrieve(self, question, k):
        drawn = random.Random(question).sample(list(self.chunks), k)
        return tuple(
            Passage(document_id=c.document_id, chunk_id=c.id, text=c.text, title=c.title,
                    rank=i, similarity=0.0)
            for i, c in enumerate(drawn, start=1)
        )


@dataclass(frozen=True, kw_only=True)
class LossyChunker(SentenceChunker):
    """Loses three documents in ten."""

    def chunk(self, document):
        lost = random.Random(document.id).random() < 0.3
        return () if lost else super().chunk(document)


class PaddingGenerator:
    """The shipped generator, padding its answers by half."""

    name = "padding"
    filler = " Indeed so."

    def __init__(self, inner):
        self.inner, self.fingerprint = inner, f"padding+{inner.fingerprint}"

    async def complete(self, request):
        reply = await self.inner.complete(request)
        text, wanted = reply.text, reply.usage.output_tokens * 3 // 2
        while wordpiece().count(text) < wanted:
            text += self.filler
        usage = replace(reply.usage, output_tokens=wordpiece().count(text))
        return replace(reply, text=text, usage=usage)


def padding(spec, *, cache):
    return PaddingGenerator(extractive("embedded/extractive", cache=cache))
'''

FIRST_PASSAGE_ONLY = """\
+++
purpose = "Answer a question from the first passage alone."
variables = ["question", "passages"]
output_contract = "At most two sentences, or: I don't know."
why = "A deliberate breakage: four of five passages never reach the model."
+++
"""


@dataclass(frozen=True)
class Breakage:
    """`caught_by` names the gates (`suite/gate`) of which at least one must be red, or an error.

    `side` is the side of the pipeline that is broken; empty where no metric that is compared with
    the baseline drops by it, so that there is nothing to attribute.
    """

    name: str
    spoil: Callable[[Path], object]
    caught_by: tuple[str, ...]
    side: Literal["retriever", "generator", ""] = ""


def edit(name: str, old: str, new: str) -> Callable[[Path], object]:
    def spoil(root: Path) -> None:
        text = (root / name).read_text("utf-8")
        if old not in text:
            raise SystemExit(f"{name} no longer holds {old!r}; this script is out of date")
        (root / name).write_text(text.replace(old, new), "utf-8")

    return spoil


def first_passage_only(root: Path) -> None:
    """A v3 of the answer prompt, released properly, that shows only the first passage."""
    body = (root / "prompts/answer_from_context/v2.md").read_text("utf-8").split("+++\n", 2)[2]
    loop, end = "{% for passage in passages %}", "{% endfor %}"
    if loop not in body:
        raise SystemExit("answer_from_context/v2.md no longer loops over passages")
    shown = body.replace(loop, loop + "{% if passage.rank == 1 %}").replace(
        end, "{% endif %}" + end
    )
    (root / "prompts/answer_from_context/v3.md").write_text(FIRST_PASSAGE_ONLY + shown, "utf-8")
    released = evalkit(root, "prompts", "lock")
    if released.returncode != 0:
        raise SystemExit(f"the broken prompt could not be released: {released.stderr}")
    edit("pyproject.toml", "answer_from_context@2", "answer_from_context@3")(root)


BREAKAGES = (
    Breakage("answer prompt drops all but the first passage", first_passage_only,
             ("rag_quality/context_recall", "rag_quality/recall_at_k",
              "reading_quality/context_recall", "reading_quality/recall_at_k"),
             side="generator"),
    Breakage("top-k 5 → 1", edit("pyproject.toml", "k = 5", "k = 1"),
             ("rag_quality/recall_at_k", "rag_quality/context_recall",
              "reading_quality/recall_at_k"),
             side="retriever"),
    Breakage("chunk size cut to 30 tokens",
             edit("pyproject.toml", "tokens = 160, overlap = 32", "tokens = 30, overlap = 6"),
             ("rag_quality/context_recall", "rag_quality/answer_similarity"),
             side="retriever"),
    Breakage("retriever returns random passages",
             edit("pyproject.toml", 'mode = "hybrid"', 'mode = "broken_parts:RandomSearch"'),
             ("rag_quality/recall_at_k", "reading_quality/recall_at_k"),
             side="retriever"),
    Breakage("30 % of the corpus missing",
             edit("pyproject.toml", "chunk = {", 'chunk = { kind = "broken_parts:LossyChunker",'),
             ("rag_quality/recall_at_k", "reading_quality/recall_at_k"),
             side="retriever"),
    Breakage("generator pads answers by half",
             edit("pyproject.toml", '"embedded/extractive"', '"broken_parts:padding"'),
             ("rag_quality/tokens", "reading_quality/tokens"),
             side="generator"),
    Breakage("guardrails off",
             edit("pyproject.toml", '["injection_filter", "pii_redaction"]', "[]"),
             ("prompt_injection/attack_resistance", "pii_leakage/leak_free")),
    Breakage("a released prompt edited in place",
             edit("prompts/answer_from_context/v2.md", "most two sentences,", "most three,"),
             ("configuration",)),
)  # fmt: skip


@dataclass(frozen=True)
class Observed:
    """What one run of all suites said; verdicts and attributions by `suite/gate`."""

    exit_code: int
    verdicts: dict[str, tuple[str, str]]
    attributions: dict[str, Attribution]
    error: str
    digests: dict[str, str]


def evalkit(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evalkit.cli", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def observe(root: Path) -> Observed:
    """Run every suite and read what was saved."""
    shutil.rmtree(root / "reports/latest", ignore_errors=True)
    done = evalkit(root, "run")
    verdicts, attributions, digests = {}, {}, {}
    for path in sorted((root / "reports/latest/runs").glob("*.json")):
        data = json.loads(path.read_text("utf-8"))
        digests[path.stem] = codec.digest(codec.without_times(data))
        for verdict in data["decision"]["verdicts"]:
            name = f"{path.stem}/{verdict['gate']}"
            verdicts[name] = (verdict["outcome"], verdict["reason"])
        for one in data["attributions"]:
            attributions[f"{path.stem}/{one['gate']}"] = codec.decode(Attribution, one)
    return Observed(done.returncode, verdicts, attributions, done.stderr.strip(), digests)


def copy_project(folder: Path) -> Path:
    """The project as somebody else's checkout, sharing only the cache of embeddings."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    (folder / ".evalkit").mkdir()
    (folder / ".evalkit/cache").symlink_to(ROOT / ".evalkit/cache")
    (folder / "broken_parts.py").write_text(BROKEN_PARTS, "utf-8")
    return folder


def unchanged(runs: int) -> list[Observed]:
    with tempfile.TemporaryDirectory() as name:
        root = copy_project(Path(name))
        return [observe(root) for _ in range(runs)]


def broken(breakage: Breakage) -> Observed:
    with tempfile.TemporaryDirectory() as name:
        root = copy_project(Path(name))
        breakage.spoil(root)
        return observe(root)


def is_caught(breakage: Breakage, observed: Observed) -> bool:
    if breakage.caught_by == ("configuration",):
        return observed.exit_code == 2
    outcomes = [observed.verdicts.get(name, ("", ""))[0] for name in breakage.caught_by]
    return observed.exit_code == 1 and "FAIL" in outcomes


def named(found: Attribution) -> str:
    """The side that took more of the metric, or neither."""
    if found.retriever == found.generator:
        return "neither side"
    return "retriever" if found.retriever < found.generator else "generator"


def is_attributed(breakage: Breakage, observed: Observed) -> bool:
    """Whether every gate that dropped lays it at the side that was broken."""
    sides = {one.why_not or named(one) for one in observed.attributions.values()}
    return sides == ({breakage.side} if breakage.side else set())


def attributed(breakage: Breakage, observed: Observed) -> list[str]:
    """What the document says of the sides."""
    if not breakage.side and not observed.attributions:
        return ["No metric fell against the baseline, so there is nothing to attribute.", ""]
    lines = []
    for name, one in sorted(observed.attributions.items()):
        sides = f"retriever {_effect(one.retriever)}, generator {_effect(one.generator)}"
        replay = f"{sides} (2×2 replay over {len(one.cases)} cases)"
        lines.append(f"- {name}: {one.why_not or replay}")
    right = "the attribution is right" if is_attributed(breakage, observed) else "NOT ATTRIBUTED"
    return [f"Broken: {breakage.side or 'neither side'}; {right}.", "", *lines, ""]


def _effect(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def table(same: list[Observed], found: list[tuple[Breakage, Observed]], command: str) -> str:
    """The committed document."""
    gates = sorted(same[0].verdicts)
    identical = all(run.digests == same[0].digests for run in same)
    passed = sum(run.exit_code == 0 for run in same)
    same_bytes = "byte-identical" if identical else "NOT identical"
    lines = [
        "# What each gate says of a deliberate breakage",
        "",
        f"Made by `{command}`, on the offline profile; 2 shared cores, Python 3.11, {TODAY}.",
        "",
        (
            f"Unchanged: {passed} of {len(same)} runs in a row PASS; their `run.json` files are "
            f"{same_bytes}, times aside."
        ),
        "",
        (
            "Where a metric fell, the cases that moved are tried with old and new passages and old "
            "and new generator: `retriever` is what other passages did to them, `generator` what "
            "another prompt, model or guardrail did. A side that is the baseline's to the byte is "
            "not tried again: its part is 0."
        ),
        "",
    ]
    for breakage, observed in found:
        caught = "caught" if is_caught(breakage, observed) else "NOT CAUGHT"
        lines += [f"## {breakage.name}: {caught} (exit {observed.exit_code})", ""]
        if not observed.verdicts:
            lines += ["```", observed.error.replace("evalkit: ", ""), "```", ""]
            continue
        lines += attributed(breakage, observed)
        lines += ["| gate | verdict | why |", "|---|---|---|"]
        for name in gates:
            outcome, reason = observed.verdicts.get(name, ("absent", ""))
            bold = f"**{outcome}**" if outcome != "PASS" else outcome
            why = "" if outcome == "PASS" else reason.replace("|", "\\|").replace("\n", " ")
            lines.append(f"| {name} | {bold} | {why} |")
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/regressions.md")
    parser.add_argument("--runs", type=int, default=20, help="unchanged runs in a row")
    options = parser.parse_args()
    same = unchanged(options.runs)
    found = []
    for breakage in BREAKAGES:
        found.append((breakage, broken(breakage)))
        print(breakage.name, "→", "caught" if is_caught(*found[-1]) else "NOT CAUGHT", flush=True)
        if found[-1][1].verdicts:
            print(*attributed(*found[-1])[:-1], sep="\n", flush=True)
    command = "make regressions" + (f" ARGS='--runs {options.runs}'" if options.runs != 20 else "")
    options.out.write_text(table(same, found, command), "utf-8")
    steady = all(run.exit_code == 0 and run.digests == same[0].digests for run in same)
    right = all(is_caught(*pair) and is_attributed(*pair) for pair in found)
    return 0 if steady and right else 1


if __name__ == "__main__":
    sys.exit(main())
