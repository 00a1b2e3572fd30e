"""kill -9 at twenty points of a run, then resume: the same verdicts, and nothing done twice."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time

import pytest

from evalkit import codec
from tests.plugin.conftest import Tiny

pytestmark = pytest.mark.slow

SLOW_APP = """\
import time
from evalkit.judges.scripted import ScriptedJudge

def judge(embedder):
    return ScriptedJudge(supports=lambda claim: "unsupported" if "wrong" in claim else "supported")

def answer(question):
    with open("asked.log", "a") as log:
        log.write(question + "\\n")
    time.sleep(0.05)
    wrong = int(question.split()[1]) % 5 == 0
    text = f"The {'wrong' if wrong else 'right'} answer to {question}."
    return {"text": text, "passages": [{"document_id": "d1", "text": "All answers are known."}]}
"""

RUN = [sys.executable, "-m", "evalkit.cli", "run", "--concurrency", "2"]


def decided(root):
    """What a finished run says, without its times."""
    data = json.loads((root / "reports/latest/runs/tiny.json").read_text())
    return codec.without_times(data)


def journaled(root):
    """Case ids with a trial in the journals, as whole lines."""
    found = set()
    for path in (root / "reports/latest/journal").glob("tiny.*"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            record = json.loads(line)
            if "trial" in record:
                found.add(record["trial"]["case_id"])
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory, green_project):
    """An uninterrupted run of a target that takes 50 ms a case and is wrong on every fifth."""
    root = tmp_path_factory.mktemp("whole") / "project"
    shutil.copytree(green_project, root)
    Tiny(root, None).write("app.py", SLOW_APP)
    started = time.monotonic()
    assert subprocess.run(RUN, cwd=root, capture_output=True, check=False).returncode == 1
    (root / "asked.log").unlink()
    return root, decided(root), time.monotonic() - started


@pytest.mark.parametrize("point", range(20))
def test_a_killed_run_resumes_to_the_same_end(whole, tmp_path, point):
    """Scores and verdicts are those of the whole run; a case in the journal is not asked again."""
    source, expected, duration_s = whole
    root = tmp_path / "project"
    shutil.copytree(source, root, ignore=shutil.ignore_patterns("latest"))
    process = subprocess.Popen(RUN, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Anywhere from the first imports to the writing of the report; one seed a point.
    time.sleep(random.Random(point).uniform(0.2, 1.0) * duration_s)
    process.kill()
    process.wait()
    finished = journaled(root)
    asked_log = root / "asked.log"
    asked_before = asked_log.read_text().splitlines() if asked_log.exists() else []
    asked_log.unlink(missing_ok=True)
    resumed = subprocess.run(
        [*RUN, "--resume"], cwd=root, capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 1, resumed.stderr
    assert decided(root) == expected
    asked = asked_log.read_text().splitlines() if asked_log.exists() else []
    again = {f"c{int(question.split()[1]):02d}" for question in asked}
    assert not again & finished
    assert len(again) == len(asked) == 30 - len(finished)
    assert len(asked_before) - len(finished) <= 2  # in flight when it died: what two slots hold
