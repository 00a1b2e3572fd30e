"""Files of at most 500 lines, functions of at most 80: what passes that is usually two ideas."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LINES_PER_FILE = 500
LINES_PER_FUNCTION = 80
FOLDERS = ("evalkit", "tests", "scripts")


def functions_too_long(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES_PER_FUNCTION:
                yield f"{node.name}, line {node.lineno}: {lines} lines"


def files(root: Path) -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))


def test_no_file_is_too_long(root):
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in files(root)}
    assert lengths, "there is nothing to measure: the folders have moved"
    too_long = {
        str(path.relative_to(root)): lines
        for path, lines in lengths.items()
        if lines > LINES_PER_FILE
    }
    assert too_long == {}


def test_no_function_is_too_long(root):
    too_long = [
        f"{path.relative_to(root)}: {function}"
        for path in files(root)
        for function in functions_too_long(path.read_text("utf-8"))
    ]
    assert too_long == []


@pytest.mark.parametrize(("statements", "refused"), [(79, False), (80, True)])
def test_the_signature_counts_as_a_line(statements, refused):
    source = "async def f():\n" + "    pass\n" * statements
    assert bool(list(functions_too_long(source))) is refused
