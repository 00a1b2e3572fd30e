from __future__ import annotations

import pytest

from evalkit.errors import ConfigError
from evalkit.prompts import diff, listing, lock, show


def test_the_listing_says_what_is_released_edited_and_draft(write):
    root = write("greet@1")
    write("greet@2")
    lock(root)
    write("greet@2", body="Hey {{ name }}.")
    write("greet@3")
    lines = listing(root).splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["greet@1", "released"],
        ["greet@2", "edited"],
        ["greet@3", "draft"],
    ]
    assert lines[0].endswith("name  Greet someone.")
    assert lines[3].endswith("add v4 instead")
    assert "is not released" in lines[4]


def test_a_broken_prompt_does_not_hide_the_others(write):
    write("bad@1", body="{{")
    text = listing(write("greet@1"))
    assert "greet@1" in text
    assert "prompts/bad/v1.md:7: not a template" in text


def test_no_prompts_is_said(tmp_path):
    assert listing(tmp_path) == "no prompts in prompts/"


def test_show_gives_header_and_template(write):
    text = show(write(), "greet@1")
    assert text.splitlines()[0] == "prompt     greet@1 (draft)"
    assert "why        First version." in text
    assert text.endswith("\n\nHello {{ name }}.\n")


def test_diff_is_a_unified_diff_of_the_files(write):
    write("greet@1")
    lines = diff(write("greet@2", body="Bye {{ name }}.\n"), "greet@1", "greet@2").splitlines()
    assert lines[:2] == ["--- prompts/greet/v1.md", "+++ prompts/greet/v2.md"]
    assert "-Hello {{ name }}." in lines
    assert "+Bye {{ name }}." in lines


def test_equal_files_are_said_to_be_equal(write):
    write("greet@1")
    assert diff(write("greet@2"), "greet@1", "greet@2") == "greet@1 and greet@2 have the same text"


@pytest.mark.parametrize("call", [lambda r: show(r, "greet"), lambda r: diff(r, "greet@1", "x@1")])
def test_what_is_not_there_is_refused(write, call):
    with pytest.raises(ConfigError):
        call(write())
