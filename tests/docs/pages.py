"""The pages that a reader sees, cut into fenced blocks and inline code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/*.md", "examples/*.md")
        for path in ROOT.glob(pattern)
    )
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^    \S.*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language (empty for commands and output) and its text."""

    page: str
    language: str
    text: str


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, language: str) -> list[Block]:
    return [Block(page, *found) for found in _FENCE.findall(text_of(page)) if found[0] == language]


def inline(page: str) -> list[str]:
    """What stands between single backticks, outside fences."""
    return re.findall(r"`([^`\n]+)`", _FENCE.sub("", text_of(page)))


def command_lines(page: str) -> list[str]:
    """The lines of unlabelled fences and of indented blocks, without what a shell leaves out."""
    fenced = [line for block in blocks(page, "") for line in block.text.splitlines()]
    indented = _INDENTED.findall(_FENCE.sub("", text_of(page)))
    return [line.partition("  #")[0].strip() for line in (*fenced, *indented)]
