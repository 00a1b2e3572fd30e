"""The journal survives a kill at any byte and never mixes two runs."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import journal
from evalkit.errors import DataError
from evalkit.journal import Journal, Place
from evalkit.records import Answer, Cost, Failure, Score, Spend, Trial, Unscored, Usage

TRIAL = Trial(case_id="a", repeat=0, outcome=Answer(text="x"))
SCORE = Score(case_id="a", repeat=0, metric="m", value=0.5)
GONE = Unscored(case_id="b", repeat=0, metric="m", reason="judge down")
SPEND = Spend(
    case_id="a", repeat=0, part="m", calls=3, cached_calls=1, retries=1, waited_s=0.5,
    usage=Usage(input_tokens=7, output_tokens=2), billed=Cost(usd=0.1), cold=Cost(usd=0.2),
)  # fmt: skip


def write(path, *records, key="k"):
    book = Journal(path, key=key)
    for record in records:
        book.add(record)
    book.close()


def test_what_was_added_is_read_back(tmp_path):
    """Trials, scores, scored or not, and what was spent come back equal."""
    write(tmp_path / "s.r.main.jsonl", TRIAL, SPEND, SCORE, GONE)
    entries = journal.read([tmp_path / "s.r.main.jsonl"], key="k")
    assert entries == journal.Entries(trials=(TRIAL,), scores=(SCORE, GONE), spends=(SPEND,))


def test_spending_is_kept_by_part_the_last_word_counts(tmp_path):
    """The answer's and a metric's stand apart; a part that was done again replaces its own."""
    answer, again = replace(SPEND, part="answer"), replace(SPEND, calls=4)
    write(tmp_path / "s.r.gw0.jsonl", SPEND, answer)
    write(tmp_path / "s.r.gw1.jsonl", again)
    paths = [tmp_path / "s.r.gw0.jsonl", tmp_path / "s.r.gw1.jsonl"]
    assert journal.read(paths, key="k").spends == (again, answer)


@given(cut=st.integers(0, 600))
def test_a_file_cut_at_any_byte_keeps_every_whole_line(tmp_path_factory, cut):
    """A kill tears at most the last line: what is read is a prefix, and appending goes on."""
    path = tmp_path_factory.mktemp("j") / "s.r.main.jsonl"
    write(path, TRIAL, SCORE, GONE)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    before = journal.read([path], key="k")
    kept = [*before.trials, *before.scores]
    assert kept == [TRIAL, SCORE, GONE][: len(kept)]
    write(path, GONE)
    after = journal.read([path], key="k")
    assert GONE in after.scores
    assert set(before.scores) <= set(after.scores)


def test_a_record_written_twice_counts_once(tmp_path):
    """Two workers that measured the same case leave one trial: the last read."""
    again = Trial(case_id="a", repeat=0, outcome=Failure(stage="s", error_type="E", message="m"))
    write(tmp_path / "s.r.gw0.jsonl", TRIAL)
    write(tmp_path / "s.r.gw1.jsonl", again)
    paths = [tmp_path / "s.r.gw0.jsonl", tmp_path / "s.r.gw1.jsonl"]
    assert journal.read(paths, key="k").trials == (again,)


def test_a_journal_of_another_run_is_refused(tmp_path):
    """Another dataset, prompt or metric version has another key; its scores must not count."""
    write(tmp_path / "s.r.main.jsonl", TRIAL, key="other")
    with pytest.raises(DataError, match="belongs to another run"):
        journal.read([tmp_path / "s.r.main.jsonl"], key="k")


@pytest.mark.parametrize(
    "line",
    [
        b'{"trial": 1}', b"{}", b"not json", b"[]", b"1", b'{"score": 1}',
        b'{"score": {"value": 1}}', b'{"spend": 1}', b'{"spend": {"calls": 1}}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_record_is_an_error(tmp_path, line):
    """Damage in the middle of a file is not skipped over: it names its line."""
    path = tmp_path / "s.r.main.jsonl"
    write(path, TRIAL)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(DataError, match=r"s\.r\.main\.jsonl:3"):
        journal.read([path], key="k")


def test_an_earlier_execution_is_read_only_when_resuming(tmp_path):
    """Without resume its files go; this execution's own never do."""
    write(tmp_path / "s.old.main.jsonl", TRIAL)
    write(tmp_path / "s.new.gw1.jsonl", SCORE)
    write(tmp_path / "other.old.main.jsonl", TRIAL)
    resumed = Place(folder=tmp_path, run_id="new", writer="gw0", resume=True)
    assert [p.name for p in resumed.files("s")] == ["s.old.main.jsonl", "s.new.gw1.jsonl"]
    fresh = Place(folder=tmp_path, run_id="new", writer="gw0", resume=False)
    assert [p.name for p in fresh.files("s")] == ["s.new.gw1.jsonl"]
    assert not (tmp_path / "s.old.main.jsonl").exists()
    assert (tmp_path / "other.old.main.jsonl").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_suite_whose_name_goes_on_is_another_one(tmp_path, resume):
    """Targets `llama-3` and `llama-3.1` of one suite: neither reads or removes the other's files.

    Brackets in a name are part of it, no pattern.
    """
    for suite in ("s@llama-3", "s@llama-3.1", "s[1]", "s1"):
        write(tmp_path / f"{suite}.old.main.jsonl", TRIAL)
        write(tmp_path / f"{suite}.new.gw0.jsonl", TRIAL)
    place = Place(folder=tmp_path, run_id="new", writer="gw0", resume=resume)
    for suite in ("s@llama-3", "s[1]"):
        wanted = [*([f"{suite}.old.main.jsonl"] if resume else []), f"{suite}.new.gw0.jsonl"]
        assert [path.name for path in place.files(suite)] == wanted
    for kept in ("s@llama-3.1", "s1"):
        assert (tmp_path / f"{kept}.old.main.jsonl").exists()


def test_of_an_earlier_and_a_later_execution_the_later_word_counts(tmp_path):
    """Whatever their random names: what was refused first was bought when it was resumed."""
    for run_id, record in (("ffff", GONE), ("0000", SCORE)):
        place = Place(folder=tmp_path, run_id=run_id, writer="main", resume=True)
        book = Journal(place.own("s"), key="k")
        same = replace(record, case_id="c1", repeat=0, metric="m")
        book.add(same)
        book.close()
        os.utime(place.own("s"), ns=(0, 10**9 if run_id == "ffff" else 2 * 10**9))
    (found,) = journal.read(place.files("s"), key="k").scores
    assert isinstance(found, Score)
