"""evalkit on the workload. The answers are given; judge and embedder are the stub."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import workload

TOML = """\
[targets.given]
kind = "callable"
function = "given:answer"

[profiles.stub.judge]
provider = "openai"
model = "stub"
base_url = "{base}/v1"
api_key_env = ""
price = {{ input = 1.0, output = 2.0 }}
limits = {{ start = {concurrency}, max = {concurrency} }}

[profiles.stub.embedder]
provider = "openai"
model = "stub"
base_url = "{base}/v1"
api_key_env = ""
dimensions = 8
price = {{ input = 1.0 }}
limits = {{ start = {concurrency}, max = {concurrency} }}
"""
SUITE = """\
[suite]
purpose = "What judging costs."
dataset = "refunds@1"
target = "given"

[metrics]
faithfulness = {}
answer_relevancy = {}
context_precision = {}
context_recall = {}

[gates.faithfulness]
floor = 0.1
compare = false
"""
GIVEN = """\
import workload


async def answer(question):
    row = workload.row(int(question.rpartition(" ")[2].rstrip("?")))
    return {"text": row.answer, "passages": [
        {"document_id": name, "text": text}
        for name, text in zip(("a", "b", "c"), row.contexts)]}
"""


def project(folder: Path, n: int) -> Path:
    """A project whose target returns the workload's answers."""
    (folder / "suites").mkdir(parents=True)
    data = folder / "datasets" / "refunds" / "1"
    data.mkdir(parents=True)
    config = TOML.format(base=workload.BASE, concurrency=workload.CONCURRENCY)
    (folder / "evalkit.toml").write_text(config)
    (folder / "suites" / "judging.toml").write_text(SUITE)
    (folder / "given.py").write_text(GIVEN)
    (data / "CARD.md").write_text("# refunds\n\nMade up, for timing.\n")
    cases = [
        {"id": row.id, "input": row.question, "references": [row.reference]}
        for row in workload.rows(n)
    ]
    (data / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    return folder


def judge(root: Path, n: int, name: str) -> None:
    """Measure `n` cases: four metrics each, the journal and the reply cache written."""
    from evalkit import assemble, pipeline  # noqa: PLC0415 - the start of the process is timed
    from evalkit.config import load_project  # noqa: PLC0415 - as above
    from evalkit.plan import Effort  # noqa: PLC0415 - as above

    folder = project(root / str(n), n)
    suite = folder / "suites" / "judging.toml"
    (plan,) = assemble.plans(suite, project=load_project(folder), profile="stub")
    place = pipeline.fresh_place(folder / "report", resume=False)
    with workload.Phase(name, cases=n):
        run = pipeline.measure(plan, place=place, effort=Effort())
    assert len(run.scores) == 4 * n
    unscored = [score for score in run.scores if not hasattr(score, "value")]
    assert not unscored, unscored[0]


def main() -> None:
    if sys.argv[1:2] == ["project"]:  # left for a command to run in
        project(Path(sys.argv[2]), workload.CASES)
        return
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        judge(root, 1, "evalkit, first case")
        judge(root, workload.CASES, "evalkit")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
