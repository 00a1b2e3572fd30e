"""What the pages name is there: commands, options, targets of make, files, links; blocks parse."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import tomllib

import pytest

from evalkit import cli, pytest_plugin
from tests.docs.pages import PAGES, ROOT, blocks, command_lines, inline, text_of

TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
MADE = re.compile(
    # what a run, a command or the reader makes
    r"reports/(latest|baselines/<)|prompts/answer_from_context/v3\.md$|examples/\w+/reports"
    r"|suites/passages\.toml|\.evalkit/"
)
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"build", "dist"}


def parses(command: str) -> bool:
    try:
        cli.parser().parse_args(shlex.split(command)[1:])
    except SystemExit:
        return False
    return True


def options() -> set[str]:
    found: set[str] = set()

    class Parser:
        def getgroup(self, *names):
            return self

        def addoption(self, name, **details):
            found.add(name)

    pytest_plugin.pytest_addoption(Parser())
    return found


def words_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands a parser takes next."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def command_exists(words: list[str]) -> bool:
    """Whether the words before the first option or argument lead to a command."""
    parser = cli.parser()
    for word in words:
        below = words_of(parser)
        if not below:
            return True
        if word not in below:
            return False
        parser = below[word]
    return True


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_is_accepted(page):
    asked = [line for line in command_lines(page) if line.startswith("evalkit ")]
    assert [line for line in asked if not parses(line)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_named_in_a_sentence_exists(page):
    named = [code.split()[1:] for code in inline(page) if re.match(r"evalkit [a-z]", code)]
    assert [words for words in named if not command_exists(words)] == []


def test_a_command_that_is_not_there_is_noticed():
    assert not parses("evalkit promote suites/x.toml")
    assert not parses("evalkit baseline promote")  # --because is missing
    assert not command_exists(["baseline", "demote"])
    assert command_exists(["baseline", "promote", "suites/x.toml"])


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_exists(page):
    code = [*command_lines(page), *inline(page)]
    named = {found[1] for line in code if (found := re.match(r"make ([a-z-]+)", line))}
    assert named - TARGETS == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_option_exists(page):
    named = set(re.findall(r"--evalkit-[a-z-]+", text_of(page)))
    assert named - options() == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_named_exists(page):
    named = {
        code.partition("::")[0].rstrip("/")
        for code in inline(page)
        if re.fullmatch(r"[\w.][\w./-]*(::\S+)?", code) and code.split("/")[0] in FOLDERS
        if "/" in code and not MADE.match(code)
    }
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            broken.append(link)
    assert broken == []


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings make."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


PARSERS = {
    "toml": tomllib.loads,
    "json": json.loads,
    "python": lambda t: compile(t, "page", "exec"),
}


@pytest.mark.parametrize(
    ("language", "block"),
    [
        pytest.param(language, block, id=f"{page}-{language}-{number}")
        for page in PAGES
        for language in PARSERS
        for number, block in enumerate(blocks(page, language), start=1)
    ],
)
def test_every_block_parses(language, block):
    PARSERS[language](block.text)
