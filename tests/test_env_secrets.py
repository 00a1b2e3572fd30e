"""No secret of the environment is written, in whatever form; ordinary text is left alone."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.env_secrets import _LOOKING, EnvSecrets

VALUE = 'p4ss/w+rd&"é 9'
HIDDEN = EnvSecrets({"MY_API_KEY": VALUE})


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        VALUE.upper(),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote(VALUE, safe="").lower(),
        quote_plus(VALUE),
        html.escape(VALUE),
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
        VALUE.encode().hex(),
        VALUE.encode().hex().upper(),
    ],
)
def test_a_secret_is_found_in_every_form(form):
    hidden = HIDDEN.hide(f"before {form} after")
    assert "⟦secret MY_API_KEY⟧" in hidden
    assert form.strip('"') not in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")


@given(before=st.binary(max_size=7), after=st.binary(max_size=7))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_found_in_the_middle_of_base64(encode, before, after):
    """As in an Authorization header, which encodes `user:password`: at each of three shifts."""
    hidden = HIDDEN.hide(encode(before + VALUE.encode() + after).decode())
    assert "⟦secret MY_API_KEY⟧" in hidden
    # What is left decides at most a part of the first and of the last byte of the value.
    assert len(re.sub("⟦.*⟧", "", hidden)) <= 4 * ((len(before) + len(after)) // 3 + 4)


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "hf_token", "CLIENT_SECRET", "DB_PASSWORD", "PGPASSWD", "GPG_PASSPHRASE",
     "GOOGLE_CREDENTIALS"],
)  # fmt: skip
def test_a_name_says_what_is_secret(name):
    assert EnvSecrets({name: "correct-horse"}).hide("correct-horse") == f"⟦secret {name}⟧"


@pytest.mark.parametrize(
    "environ",
    [
        {"HOME": "home of someone"},
        {"PWD": "home of someone"},
        {"API_KEY": "someone"},
        {"TOKEN": ""},
    ],
)
def test_what_is_no_secret_stays(environ):
    """Other names, and values under 8 characters."""
    text = "the home of someone"
    assert EnvSecrets(environ).hide(text) is text


def test_each_line_of_a_key_file_is_secret():
    pem = "-----BEGIN RSA KEY-----\nMIIEowIBAAKCAQEA7\nabc\n-----END RSA KEY-----\n"
    secrets = EnvSecrets({"SIGNING_KEY": pem})
    assert secrets.hide("x MIIEowIBAAKCAQEA7 y") == "x ⟦secret SIGNING_KEY⟧ y"
    assert secrets.hide("abc -----BEGIN RSA KEY-----") == "abc -----BEGIN RSA KEY-----"
    assert secrets.hide(pem) == "⟦secret SIGNING_KEY⟧\n"


@given(value=st.text(min_size=8, max_size=20), around=st.text(max_size=5))
def test_a_value_in_any_script_is_found(value, around):
    """`ß`, dotted `İ` and ligatures change their length with their case."""
    value = f"a{value}z"
    hidden = EnvSecrets({"A_KEY": value}).hide(f"{around}{value}{around}")
    assert value not in hidden
    assert "⟦secret A_KEY⟧" in hidden


def test_a_value_that_holds_another_goes_whole():
    secrets = EnvSecrets({"A_KEY": "abcdefgh", "B_KEY": "abcdefgh-ijkl"})
    assert secrets.hide("abcdefgh-ijkl abcdefgh") == "⟦secret B_KEY⟧ ⟦secret A_KEY⟧"


LETTERS = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"sk-{LETTERS}", "API key"),
        (f"sk-ant-api03-{LETTERS}", "API key"),
        (f"gsk_{LETTERS}", "API key"),
        (f"nvapi-{LETTERS}", "API key"),
        (f"AIza{LETTERS[:35]}", "API key"),
        ("AKIAIOSFODNN7EXAMPLE", "AWS key"),
        (f"ghp_{LETTERS}", "access token"),
        (f"github_pat_{LETTERS}", "access token"),
        (f"glpat-{LETTERS}", "access token"),
        (f"hf_{LETTERS}", "access token"),
        ("xoxb-123456789012-abcdef", "access token"),
        (f"eyJhbGciOiJI.eyJzdWIiOiIx.{LETTERS}", "JSON web token"),
        (f"-----BEGIN PRIVATE KEY-----\n{LETTERS}\n-----END PRIVATE KEY-----", "private key"),
    ],
)
def test_what_looks_like_a_key_is_hidden(text, kind):
    """Whoever's it is: a model may have learnt it, a document may hold it."""
    assert EnvSecrets({}).hide(f"Use {text}.") == f"Use ⟦looks like a {kind}⟧."


def test_a_password_in_an_address_is_hidden():
    hidden = EnvSecrets({}).hide("postgres://anna:hunter2@db.example/x and https://a.example/b:c")
    assert hidden == (
        "postgres://⟦looks like a password in an address⟧@db.example/x and https://a.example/b:c"
    )


@pytest.mark.parametrize(
    "text",
    ["sk-learn is a library", "risk-averse-and-conservative-investors", "AKIA", "hf_short",
     "eyJust a word", "the key is under the mat", "a@b.example",
     '{"base_url":"http://127.0.0.1:8000","prompt":"answer@2"}'],
)  # fmt: skip
def test_what_only_begins_like_a_key_stays(text):
    assert EnvSecrets({}).hide(text) == text


@pytest.mark.parametrize("kind", _LOOKING)
@pytest.mark.parametrize(
    "piece",
    ["a", "-----BEGIN ", "eyJaaaaaaaaa.", "://a:", "sk-", "-----BEGIN PRIVATE KEY-----"],
)
def test_no_text_makes_a_pattern_slow(kind, piece):
    """Of eight times as many hostile characters it takes about eight times as long, not 64."""

    def cpu_s(length):
        text = (piece * length)[:length]
        started = time.thread_time()
        _LOOKING[kind].sub("", text)
        return time.thread_time() - started

    def least_cpu_s(length):
        return min(cpu_s(length) for _ in range(3))

    assert least_cpu_s(80_000) < 24 * max(least_cpu_s(10_000), 0.005)
