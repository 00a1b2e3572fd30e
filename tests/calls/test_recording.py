"""Replies on record: complete, reviewable, free of secrets, and never made up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.calls.recording import Recorder, Replay, file_name
from evalkit.errors import ConfigError, DataError
from evalkit.records import Completion, Cost, ModelRequest, Usage

MODEL = "openai/gpt-5"
ASKED = ModelRequest(prompt="Which river?\n\nContext: …", system="Be brief.", prompt_ref="ask@2")
REPLY = Completion(
    text="The Rhine.",
    model="gpt-5-2025-08-07",
    usage=Usage(input_tokens=120, cached_input_tokens=100, cache_write_tokens=10, output_tokens=4),
    cost=Cost(usd=0.5),
    latency_s=0.81234,
    stop_reason="stop",
)


def record(folder, *calls, model=MODEL, environ=None):
    """Each call is a key and what differs from `REPLY`."""
    recorder = Recorder(folder, environ or {})
    for key, changes in calls:
        recorder.add(key, ASKED, replace(REPLY, **changes), model)
    recorder.close()


# ── in and out ───────────────────────────────────────────────────────────────────────────────────


def test_what_was_recorded_is_replayed_at_the_cost_it_had(tmp_path):
    """A server by the hour costs nothing otherwise; by the token the caller prices it anew."""
    record(tmp_path, ("k1", {}), ("k2", {"text": "", "stop_reason": "refusal"}))
    replay = Replay(tmp_path)
    assert replay.get("k1") == replace(REPLY, latency_s=0.8123)
    assert replay.get("k2").text == ""
    assert replay.get("k2").stop_reason == "refusal"


def test_a_request_without_a_recording_has_no_reply(tmp_path):
    record(tmp_path, ("k1", {}))
    assert Replay(tmp_path).get("k2") is None


@given(text=st.text(st.characters(codec=None), max_size=30))
def test_any_reply_survives_and_stays_on_its_line(tmp_path_factory, text):
    """Line separators, lone surrogates and invisible characters, too."""
    folder = tmp_path_factory.mktemp("r")
    record(folder, ("k", {"text": text}))
    found = Replay(folder).get("k")
    assert found is None or found.text == text  # None: it looked like a key
    lines = (folder / file_name(MODEL)).read_bytes().decode("utf-8").splitlines()
    assert len(lines) == 2


def test_a_line_is_compact_and_says_what_was_asked(tmp_path):
    """The whole file, as it stands in a diff."""
    record(tmp_path, ("k1", {}))
    assert (tmp_path / "openai__gpt-5.jsonl").read_text("utf-8") == (
        '{"recording":"evalkit-recording-1","model":"openai/gpt-5"}\n'
        '{"key":"k1","prompt_ref":"ask@2","prompt":"Which river? Context: …",'
        '"prompt_sha256":"790471029b88","model":"gpt-5-2025-08-07","reply":"The Rhine.",'
        '"usage":{"input_tokens":120,"cached_input_tokens":100,"cache_write_tokens":10,'
        '"output_tokens":4},"latency_s":0.8123,"stop_reason":"stop","usd":0.5}\n'
    )


def test_a_long_prompt_is_shown_by_its_ends(tmp_path):
    """The instruction stands at the beginning, the question at the end."""
    recorder = Recorder(tmp_path, {})
    prompt = "You answer questions." + " filler" * 1000 + " Question: which river?"
    recorder.add("k", replace(ASKED, prompt=prompt), REPLY, MODEL)
    recorder.close()
    line = json.loads((tmp_path / file_name(MODEL)).read_text("utf-8").splitlines()[1])
    assert line["prompt"].startswith("You answer questions. filler")
    assert line["prompt"].endswith("filler Question: which river?")
    assert len(line["prompt"]) == 163


@pytest.mark.parametrize("unseen", ["\u202e", "\u200b", "\u2028", "\ufeff", "\ud800", "\U000e0041"])
def test_what_a_diff_would_not_show_is_escaped(tmp_path, unseen):
    """Text that turns itself around must not turn a review around; other scripts stay legible."""
    record(tmp_path, ("k", {"text": f"Ṡ漢{unseen}"}))
    written = (tmp_path / file_name(MODEL)).read_bytes().decode("utf-8")
    assert unseen not in written
    assert f'"Ṡ漢{json.dumps(unseen)[1:-1]}"' in written
    assert Replay(tmp_path).get("k").text == f"Ṡ漢{unseen}"


# ── many runs, many processes ────────────────────────────────────────────────────────────────────


def test_recording_again_adds_replaces_and_sorts(tmp_path):
    record(tmp_path, ("k2", {}), ("k3", {"text": "old"}))
    record(tmp_path, ("k3", {"text": "new"}), ("k1", {}))
    replay = Replay(tmp_path)
    assert replay.get("k3").text == "new"
    lines = (tmp_path / file_name(MODEL)).read_text("utf-8").splitlines()[1:]
    assert [json.loads(line)["key"] for line in lines] == ["k1", "k2", "k3"]


def test_the_same_calls_make_the_same_bytes(tmp_path):
    """In whatever order they end: a diff shows what changed and nothing else."""
    record(tmp_path / "a", ("k1", {}), ("k2", {}))
    record(tmp_path / "b", ("k2", {}), ("k1", {}))
    name = file_name(MODEL)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_each_model_has_its_file(tmp_path):
    record(tmp_path, ("k1", {}))
    record(tmp_path, ("k2", {}), model="anthropic/claude")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["anthropic__claude.jsonl", "openai__gpt-5.jsonl"]
    assert Replay(tmp_path).get("k1") is not None
    assert Replay(tmp_path).get("k2") is not None


def test_a_reply_used_twice_is_written_once(tmp_path):
    recorder = Recorder(tmp_path, {})
    for _ in range(3):
        recorder.add("k", ASKED, REPLY, MODEL)
    (part,) = tmp_path.glob(".*")
    assert part.read_bytes().count(b"\n") == 1
    recorder.close()


def test_recorders_that_close_at_once_lose_nothing(tmp_path):
    """As xdist workers do; a part that is still being written is left to its writer."""
    recorders = [Recorder(tmp_path, {}) for _ in range(8)]
    for n, recorder in enumerate(recorders):
        for m in range(5):
            recorder.add(f"{n}-{m}", ASKED, REPLY, MODEL)
    threads = [threading.Thread(target=recorder.close) for recorder in recorders[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Replay(tmp_path).get("0-0") is None
    recorders[0].add("0-5", ASKED, REPLY, MODEL)
    recorders[0].close()
    replay = Replay(tmp_path)
    assert all(replay.get(f"{n}-{m}") for n in range(8) for m in range(5))
    assert replay.get("0-5")
    assert [path.name for path in tmp_path.iterdir()] == [file_name(MODEL)]


KILLED = """
import sys, time
from pathlib import Path
from evalkit.calls.recording import Recorder
from evalkit.records import Completion, Cost, ModelRequest, Usage
recorder = Recorder(Path(sys.argv[1]), {})
reply = Completion(text="paid for", model="m", usage=Usage(), cost=Cost(), latency_s=0.1)
recorder.add("k1", ModelRequest(prompt="p"), reply, "m")
print("added", flush=True)
time.sleep(60)
"""


def test_what_a_killed_process_had_paid_for_is_merged_by_the_next(tmp_path):
    """kill -9 after the reply; the torn line that one may leave is dropped."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "added\n"
    record(tmp_path, ("k2", {}), model="m")
    assert Replay(tmp_path).get("k1") is None, "it still lives, and its part is its own"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    (part,) = tmp_path.glob(".*")
    with part.open("ab") as torn:
        torn.write(b'{"file":"m","key":"k3"')
    record(tmp_path, ("k4", {}), model="m")
    replay = Replay(tmp_path)
    assert [bool(replay.get(key)) for key in ("k1", "k2", "k3", "k4")] == [True, True, False, True]
    assert list(tmp_path.glob(".*")) == []


def test_a_run_without_calls_leaves_what_was_there(tmp_path):
    record(tmp_path, ("k1", {}))
    before = (tmp_path / file_name(MODEL)).read_bytes()
    Recorder(tmp_path, {}).close()
    assert (tmp_path / file_name(MODEL)).read_bytes() == before


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai/gpt-5", "openai__gpt-5.jsonl"),
        ("m", "m.jsonl"),
        ("openai/Qwen/Qwen3-8B", "openai-qwen-qwen3-8b-"),
        ("../../etc/passwd", "etc-passwd-"),
        ("a__b", "a-b-"),
        ("a:b", "a-b-"),
        ("模型", "model-"),
        ("x" * 500, "x" * 80 + "-"),
    ],
)
def test_a_file_name_is_safe(model, name):
    assert file_name(model).startswith(name)
    assert "/" not in file_name(model)
    assert len(file_name(model)) < 120


@given(one=st.text(max_size=12), other=st.text(max_size=12))
def test_two_models_have_two_files(one, other):
    """On a file system that takes two cases for one, too."""
    assert (file_name(one).lower() == file_name(other).lower()) == (one == other)


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────

ENVIRON = {"OPENAI_API_KEY": "my-very-own-key"}


def test_no_secret_is_written(tmp_path):
    """In the reply, in the part of a live process, and in the prompt, also where it is cut."""
    recorder = Recorder(tmp_path, ENVIRON)
    prompt = "x" * 90 + "my-very-own-key" + "y" * 200
    leak = replace(REPLY, text="It is my-very-own-key, c2stbXktdmVyeS1vd24ta2V5.")
    recorder.add("k", replace(ASKED, prompt=prompt), leak, MODEL)
    (part,) = tmp_path.glob(".*")
    during = part.read_text("utf-8")
    recorder.close()
    for text in (during, (tmp_path / file_name(MODEL)).read_text("utf-8")):
        assert "my-very" not in text
        assert "bXktdmVyeS1vd24ta2V5"[2:-2] not in text
        assert "⟦secret OPENAI_API_KEY⟧" in text


def test_a_reply_that_was_redacted_says_so_and_is_not_replayed(tmp_path):
    """Scoring the stand-in would call a leak harmless."""
    record(tmp_path, ("k1", {"text": "my-very-own-key"}), ("k2", {}), environ=ENVIRON)
    lines = (tmp_path / file_name(MODEL)).read_text("utf-8").splitlines()
    assert [json.loads(line).get("redacted") for line in lines[1:]] == [True, None]
    replay = Replay(tmp_path)
    assert replay.get("k1") is None
    assert replay.redacted("k1")
    assert not replay.redacted("k2")
    assert not replay.redacted("k3")


# ── what cannot be read ──────────────────────────────────────────────────────────────────────────

LINE = {
    "key": "k", "prompt_ref": "", "prompt": "p", "prompt_sha256": "0", "model": "m", "reply": "r",
    "usage": {"input_tokens": 1}, "latency_s": 0.1, "stop_reason": "stop",
}  # fmt: skip
HEADER = '{"recording":"evalkit-recording-1","model":"m"}\n'


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"reply": None}, "expected str"),
        ({"reply": 1}, "expected str"),
        ({"stop_reason": "tired"}, "'tired' is not one of stop, length, refusal"),
        ({"usage": {"input_tokens": -1}}, "input_tokens must not be negative"),
        ({"usage": {"input_tokens": 1, "cached_input_tokens": 2}}, "part of input_tokens"),
        ({"usage": {"tokens": 1}}, "unknown field tokens"),
        ({"latency_s": -1}, "latency_s must be seconds of 0 or more"),
        ({"latency_s": 1e999}, "Infinity is not a number"),
        ({"key": ""}, "key must not be empty"),
        ({"redacted": "no"}, "expected bool"),
        ({"score": 1.0}, "unknown field score"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, change, complaint):
    text = json.dumps({**LINE, **change})
    (tmp_path / "m.jsonl").write_text(HEADER + text + "\n", "utf-8")
    with pytest.raises(DataError, match=r"m\.jsonl:2") as refused:
        Replay(tmp_path)
    assert complaint in str(refused.value)


def test_all_problems_of_all_files_are_told_at_once(tmp_path):
    good = json.dumps(LINE)
    (tmp_path / "m.jsonl").write_text(f"{HEADER}{{\n{good}\n\n{good}\n[]\n", "utf-8")
    (tmp_path / "n.jsonl").write_text("{}\n", "utf-8")
    (tmp_path / "o.jsonl").write_text(HEADER, "utf-8")
    with pytest.raises(DataError) as refused:
        Replay(tmp_path)
    places = [problem.where.split()[0] for problem in refused.value.problems]
    assert places == ["m.jsonl:2", "m.jsonl:4", "m.jsonl:5", "m.jsonl:6", "n.jsonl:1", "o.jsonl:1"]
    assert "recorded already at m.jsonl:3" in str(refused.value)
    assert "belong in m.jsonl" in str(refused.value)


def test_a_field_left_out_is_missed(tmp_path):
    (tmp_path / "m.jsonl").write_text(HEADER + '{"key":"k"}\n', "utf-8")
    with pytest.raises(DataError, match="missing field"):
        Replay(tmp_path)


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_recordings_is_no_replay(tmp_path, make):
    folder = tmp_path / "none"
    if make:
        folder.mkdir()
    with pytest.raises(ConfigError, match="holds no recordings"):
        Replay(folder)


def test_a_damaged_recording_is_noticed_before_money_is_spent(tmp_path):
    (tmp_path / "m.jsonl").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"m\.jsonl:1"):
        Recorder(tmp_path, {})


def test_a_recording_damaged_during_the_run_costs_no_reply(tmp_path):
    """The part stays until it can be merged."""
    recorder = Recorder(tmp_path, {})
    recorder.add("k", ASKED, REPLY, "m")
    (tmp_path / "m.jsonl").write_text("{", "utf-8")
    with pytest.raises(DataError):
        recorder.close()
    assert (tmp_path / "m.jsonl").read_text("utf-8") == "{"
    (tmp_path / "m.jsonl").unlink()
    recorder.close()
    assert Replay(tmp_path).get("k").text == REPLY.text


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(ConfigError, match="recordings cannot be written here"):
        Recorder(tmp_path / "file" / "recordings", {})


def test_a_fork_records_nothing(tmp_path):
    """Refused before a folder is made; tests/calls/test_fork.py has what counts as a fork."""
    with pytest.raises(ConfigError, match="recording is refused"):
        Recorder(tmp_path / "recordings", {"GITHUB_EVENT_NAME": "pull_request"})
    assert not (tmp_path / "recordings").exists()
