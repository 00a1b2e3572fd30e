from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.detectors.decoding import decoded

SECRET = "the quick brown fox"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("base64", base64.b64encode(SECRET.encode()).decode()),
        ("base64", base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")),
        ("base64", "dGhlIHF1aWNr\nIGJyb3duIGZveA=="),
        ("base32", base64.b32encode(SECRET.encode()).decode()),
        ("hex", SECRET.encode().hex()),
        ("hex", SECRET.encode().hex(":")),
        ("hex", " ".join(f"0x{byte:02x}" for byte in SECRET.encode())),
        ("binary", " ".join(f"{byte:08b}" for byte in SECRET.encode())),
        ("decimal", ", ".join(str(byte) for byte in SECRET.encode())),
        ("morse", "- .... . / --.- ..- .. -.-. -.- / -... .-. --- .-- -. / ..-. --- -..-"),
    ],
)
def test_what_a_model_writes_when_it_encodes_is_read(kind, text):
    assert any(k == kind and SECRET in hidden for k, hidden in decoded(f"It is: {text} ."))


@pytest.mark.parametrize(
    "text", ["", "plain words only, nothing else", "12 and 34", "internationalisation", "- . -"]
)
def test_plain_text_has_nothing_to_decode(text):
    assert not any(SECRET[:3] in hidden for _, hidden in decoded(text))


def test_many_runs_of_one_kind_do_not_hide_another():
    flood = " ".join(f"QUJD{number:08d}AbCd" for number in range(500))
    hidden = decoded(f"{flood} {SECRET.encode().hex(' ')}")
    assert any(kind == "hex" and SECRET in text for kind, text in hidden)
    assert len(hidden) <= 40


@given(st.text(st.characters(max_codepoint=127)))
def test_no_ascii_text_is_too_strange(text):
    assert len(decoded(text, limit=5)) <= 5
