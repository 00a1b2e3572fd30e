from __future__ import annotations

import pytest

from evalkit.detectors.email import Email


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to ada@example.com.", "ada@example.com"),
        ("<o'neil+news@mail.example.co.uk>", "o'neil+news@mail.example.co.uk"),
        ("a@b.invalid", "a@b.invalid"),  # reserved names are how tests write addresses
        ("info@bücher.example", "info@bücher.example"),
        ("x@xn--bcher-kva.xn--p1ai", "x@xn--bcher-kva.xn--p1ai"),
        ("ada\u200b@example.com", "ada\u200b@example.com"),
        ("ada＠example．com", "ada＠example．com"),
        ("ada [at] example [dot] com", "ada [at] example [dot] com"),
        ("ada(at)example.com", "ada(at)example.com"),
    ],
)
def test_addresses_are_found(text, found):
    assert [finding.text for finding in Email().find(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        "ada@localhost",
        "@ada on social media",
        "ada@example.c",  # a top-level domain has two letters
        "ada@@example.com",
        "meet me at example dot com",
        "5 @ 3.20 each",
        "ada@-example.com",
    ],
)
def test_near_misses_are_not(text):
    assert Email().find(text) == ()
