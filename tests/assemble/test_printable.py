"""Options become settings that may be read by anybody: no secret, no person, no folder of ours."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from evalkit.assemble.printable import HIDDEN, LONGEST, Printer
from evalkit.env_secrets import EnvSecrets
from evalkit.providers.protocol import Limits

ROOT = Path("/srv/checkouts/app")
ENVIRON = {"OPENAI_API_KEY": "correct-horse-battery", "HOME": "/opt/ada", "LANG": "C.UTF-8"}


def flat(value, name="target"):
    printer = Printer(root=ROOT, secrets=EnvSecrets(ENVIRON))
    return dict(printer.flat(name, value))


def one(value, name="target.option"):
    (shown,) = flat(value, name).values()
    return shown


# ── names and values ─────────────────────────────────────────────────────────────────────────────


def test_tables_become_dotted_names_and_lists_one_value():
    assert flat({"retrieve": {"mode": "hybrid", "k": 5}, "guardrails": ["a", "b"]}) == {
        "target.retrieve.mode": "hybrid",
        "target.retrieve.k": "5",
        "target.guardrails": "a, b",
    }


def test_a_list_of_tables_is_numbered():
    assert flat([{"a": 1}, {"a": 2}]) == {"target.1.a": "1", "target.2.a": "2"}


def test_what_is_empty_or_not_given_is_no_setting():
    assert flat({"a": None, "b": "", "c": [], "d": {}, "e": False, "f": 0}) == {
        "target.e": "false",
        "target.f": "0",
    }


def test_a_number_is_the_same_however_it_is_written():
    """0 and 0.0 are one temperature; 0.1 is another."""
    assert one(0) == one(0.0) == "0"
    assert one(0.1) == "0.1"


def test_a_record_is_its_options():
    assert flat(Limits(start=2, max=4), "judge.limits")["judge.limits.max"] == "4"


def test_what_a_file_cannot_say_is_no_setting():
    """The default of somebody's option may be a function: its text has an address of memory."""
    assert flat({"draw": print, "day": datetime.date(2026, 11, 22), "path": Path("/a")}) == {
        "target.day": "2026-11-22"
    }


def test_a_long_value_is_cut_and_two_that_begin_alike_are_told_apart():
    first, second = one("word " * 40 + "a"), one("word " * 40 + "b")
    assert len(first) <= LONGEST
    assert first != second
    assert first[:50] == second[:50]
    assert one("x" * LONGEST) == "x" * LONGEST  # near miss: just short enough


def test_controls_are_written_out():
    assert one("a\nb\x1b[2J") == "a\\nb\\u001b[2J"


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        "target.api_key", "target.apiKey", "target.body.auth.user", "target.headers.X-Trace",
        "generator.extra_body.password", "target.token", "target.Authorization",
        "judge.organization", "target.client_secret", "target.COOKIE",
    ],
)  # fmt: skip
def test_a_value_under_a_secret_name_is_not_shown(name):
    assert one("hunter2", name) == HIDDEN
    assert one(12345678, name) == HIDDEN


@pytest.mark.parametrize(
    "name", ["target.chunk.tokens", "judge.thinking_tokens", "target.max_output_tokens"]
)
def test_a_count_of_tokens_is_no_secret(name):
    """Near miss: `tokens` are counted, a `token` is kept."""
    assert one(160, name) == "160"


def test_the_name_of_a_variable_is_shown_and_what_is_no_name_is_not():
    assert one("OPENAI_API_KEY", "generator.api_key_env") == "OPENAI_API_KEY"
    assert one("env:OPENAI_API_KEY", "target.headers.Authorization") == "env:OPENAI_API_KEY"
    assert one("sk-proj-123", "generator.api_key_env") == HIDDEN
    assert one("env:correct horse", "target.headers.Authorization") == HIDDEN
    assert one("hf_" + "a1" * 15, "generator.api_key_env") == HIDDEN


@pytest.mark.parametrize(
    "value",
    [
        "correct-horse-battery",
        "use correct-horse-battery now",
        ["plain", "correct-horse-battery"],
        "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5",  # the same in Base64
        "sk-proj-abcdefghijklmnop1234",
        "ghp_0123456789abcdefghijABCDEFGHIJ",
        "Bearer abcdefgh",
        "dsn host=db password=hunter2",
        '{"token": "hunter2"}',
        "ada:hunter2@db.example",
        "9f86d081884c7d659a2feaa0c55ad015",
        "550e8400-e29b-41d4-a716-446655440000",
        "https://ada:hunter2@db.example/v1",
        "https://ada:hun/ter?2@db.example/v1",
        "https://ada:hun ter2@db.example/v1",
        "https://db.example/v1?api=hunter2",
        "https://db.example/v1#hunter2",
        "https://hooks.example/T0/0123456789abcdefghijABCD",
    ],
)
def test_a_secret_under_an_innocent_name_is_not_shown(value):
    shown = one(value)
    for secret in (
        "correct", "Y29", "hunter2", "hun", "ter2", "abcdefgh", "9f86d", "550e8400", "ada", "45678",
    ):  # fmt: skip
        assert secret not in shown, shown


@pytest.mark.parametrize(
    "value",
    [
        "claude-haiku-4-5-20251001",
        "Qwen/Qwen2.5-7B-Instruct-AWQ",
        "answer_from_context@2",
        "app.main:answer",
        "data.choices[0].message.content",
        "https://api.example:8443/v1/chat/completions",
        "injection_filter",
        "embedded/lexical-cosine",
        "../models/mine",
        "models/mine",
        "Answer {question} in three basic words.",
    ],
)
def test_an_ordinary_value_is_shown_as_it_is(value):
    assert one(value) == value


def test_a_revision_is_shown_by_its_start():
    """Forty hexadecimal digits are a commit there, and may be a key elsewhere."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert one(commit, "generator.revision") == "0123456789ab"
    assert one(commit) == HIDDEN


def test_a_secret_in_a_name_is_not_shown():
    assert flat({"correct-horse-battery": 1}) == {"target.⟦secret OPENAI_API_KEY⟧": HIDDEN}


# ── places ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/srv/checkouts/app/models/mine", "models/mine"),
        ("/opt/ada/models/mine", "…/mine"),
        ("/opt/ada/my models/mine", "…/mine"),
        ("~/models/mine", "…/mine"),
        ("~ada/models/mine", "…/mine"),
        ("C:\\Users\\ada\\mine", "…/mine"),
        ("vllm//opt/ada/mine", "vllm/…/mine"),
        ("--cache=/opt/ada/mine", "--cache=…/mine"),
        ("file:///opt/ada/mine.db", "file:///…/mine.db"),
        ("sqlite:////opt/ada/mine.db", "sqlite:///…/mine.db"),
        ("https://a.example/x /opt/ada/mine", "https://a.example/x …/mine"),
    ],
)
def test_a_folder_of_this_machine_is_not_shown(value, shown):
    assert one(value) == shown
