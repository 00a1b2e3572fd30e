"""No file names a package registry, a path of somebody's machine, or something left undone.

The patterns are put together from pieces, so that this file does not hold what it looks for.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# Published texts, as published: what an attack or an article says is not ours to change.
AS_PUBLISHED = re.compile(
    r"^datasets/.*\.jsonl$|^benchmarks/data/|(^|/)LICENSE|^evalkit/providers/weights/.*\.json$"
)


def one_of(*words: str) -> str:
    return "|".join(words)


FORBIDDEN = {
    "a package registry": one_of(
        "pypi" + r"\.(?:org|python)",
        "pythonhosted" + r"\.",
        "npmjs" + r"\.",
        r"(?<!no-emit-)index" + r"-url\b",
        "find" + r"-links\b",
        r"/simple" + r"/?(?=\s|$)",
    ),
    "a path of a machine": r"(?<![\w.~-])/(?:" + one_of("home", "Users", "root", "work") + r")/\w",
    "something undone": r"\b(?:" + one_of("TO" + "DO", "FIX" + "ME", "TB" + "D") + r")\b",
}


def findings(text: str) -> list[str]:
    return [
        f"line {number}: {what}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in FORBIDDEN.items()
        if re.search(pattern, line)
    ]


def committed(root: Path) -> list[Path]:
    """What git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]


def test_nothing_of_this_machine_is_committed(root):
    paths = committed(root)
    assert root / "pyproject.toml" in paths
    wrong = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        content = path.read_bytes()
        if AS_PUBLISHED.search(name) or b"\0" in content:
            continue
        wrong += [f"{name}, {found}" for found in findings(content.decode("utf-8"))]
    assert wrong == []


@pytest.mark.parametrize(
    "line",
    [
        "see https://" + "pypi" + ".org/project/x",
        "--index" + "-url=x",
        "cd /" + "home/ada/evalkit",
        "open('/" + "work/x')",
        "# TO" + "DO: later",
    ],
)
def test_a_trace_is_found(line):
    assert len(findings(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "the package index",
        "uv pip compile --no-emit-index-url",
        "https://example.org/home/page",
        "datasets/work/x",
        "a simple/complex split",
        "todo lists",
    ],
)
def test_what_only_looks_like_a_trace_is_not(line):
    assert findings(line) == []
