"""Records survive JSON exactly; everything that is not a record is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import codec
from evalkit.errors import DataError
from evalkit.records import (
    Answer,
    Attack,
    Canary,
    Case,
    Cost,
    Failure,
    Passage,
    Saved,
    Score,
    Spend,
    Trial,
    Usage,
)

TEXT = st.text(max_size=40)
UNIT = st.floats(0.0, 1.0)
PASSAGES = st.builds(
    Passage,
    document_id=TEXT,
    chunk_id=TEXT,
    text=TEXT,
    rank=st.integers(1, 99),
    similarity=st.floats(-1.0, 1.0),
    title=TEXT,
)
ANSWERS = st.builds(
    Answer,
    text=TEXT,
    passages=st.lists(PASSAGES, max_size=3).map(tuple),
    usage=st.builds(Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)),
    latency_s=st.floats(0.0, 9.0),
    stage_latency_s=st.lists(st.tuples(TEXT, UNIT), max_size=2).map(tuple),
)
FAILURES = st.builds(Failure, stage=TEXT, error_type=TEXT, message=TEXT)
TRIALS = st.builds(
    Trial, case_id=TEXT, repeat=st.integers(0, 4), outcome=st.one_of(ANSWERS, FAILURES)
)


@given(TRIALS)
def test_a_record_survives_json(trial):
    """decode(encode(x)) == x through real JSON text, unions and nested tuples included."""
    text = codec.canonical(codec.encode(trial))
    assert codec.decode(Trial, codec.loads_strict(text, where="here")) == trial


def test_an_optional_record_survives_json():
    """`Canary | None` holds a record or null, with no tag."""
    attack = Attack(id="a", channel="user", technique="t", canary=Canary(first="AB", second="CD"))
    case = Case(id="c", input="q", attack=attack)
    assert codec.decode(Case, codec.encode(case)) == case
    assert codec.encode(case)["attack"]["canary"] == {"first": "AB", "second": "CD"}


SCORE = codec.encode(Score(case_id="c", repeat=0, metric="m", value=0.5))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": True}, "expected float, got True"),
        ({"value": "0.5"}, "expected float, got '0.5'"),
        ({"value": 1.5}, "must be finite and within"),
        ({"repeat": 1.0}, "expected int, got 1.0"),
        ({"surprise": 1}, "unknown field surprise"),
        ({"judgements": {}}, "expected a list"),
    ],
)
def test_what_does_not_fit_is_refused(change, says):
    """A field of the wrong type, out of range or unknown names itself in the error."""
    with pytest.raises(DataError, match=says):
        codec.decode(Score, {**SCORE, **change}, where="run.json")


@pytest.mark.parametrize("pair", [["m"], ["m", 0.5, 0.5], []])
def test_a_tuple_of_fixed_length_has_that_length(pair):
    """A part is a name and a value: a third item, or none, is not passed over."""
    with pytest.raises(DataError, match=rf"parts\[0\]: expected 2 items, got {len(pair)}"):
        codec.decode(Score, {**SCORE, "parts": [pair]})


def test_a_literal_is_one_of_its_words():
    """`expect` is "answer" or "abstain"; the near miss is "refuse"."""
    case = codec.encode(Case(id="c", input="q", expect="abstain"))
    assert codec.decode(Case, case).expect == "abstain"
    with pytest.raises(DataError, match="'refuse' is not one of answer, abstain"):
        codec.decode(Case, {**case, "expect": "refuse"})


def test_a_whole_number_is_a_number():
    """JSON writes 1.0 as 1 in other languages; it comes back as a float."""
    assert type(codec.decode(Score, {**SCORE, "value": 1}).value) is float


def test_a_missing_field_is_refused():
    """A record without a default for the field cannot be made from half a row."""
    with pytest.raises(DataError, match="missing field metric of Score"):
        codec.decode(Score, {"case_id": "c", "repeat": 0, "value": 1.0})


def test_a_union_needs_its_tag():
    """`Answer | Failure` without a type is neither."""
    data = codec.encode(Trial(case_id="c", repeat=0, outcome=Answer(text="x")))
    del data["outcome"]["type"]
    with pytest.raises(DataError, match="is not one of Answer, Failure"):
        codec.decode(Trial, data)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": Infinity}', "{", "[" * 100_000]
)
def test_loose_json_is_refused(text):
    """json.loads takes all but the last two; a file edited by hand must not decide builds so."""
    with pytest.raises(DataError, match=r"run\.json: not valid JSON"):
        codec.loads_strict(text, where="run.json")


def test_the_digest_ignores_key_order_but_not_values():
    """Canonical bytes sort keys: {b, a} and {a, b} are one content, {a: 1} and {a: 2} are two."""
    assert codec.digest({"b": 1, "a": 2}) == codec.digest({"a": 2, "b": 1})
    assert codec.digest({"a": 1}) != codec.digest({"a": 2})


def test_nan_never_reaches_a_file():
    """Python would write NaN, which no strict reader takes back."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.canonical({"a": float("nan")})


def test_times_and_only_times_are_set_aside():
    """latency_s and started_at go at any depth; usd and tokens stay."""
    data = {"started_at": "x", "trials": [{"latency_s": 1.0, "usd": 2.0, "input_tokens": 3}]}
    assert codec.without_times(data) == {"trials": [{"usd": 2.0, "input_tokens": 3}]}


def test_what_this_execution_paid_is_set_aside_too():
    """A second run finds every reply in the cache; what they cost with a cold one stays."""
    spend = Spend(case_id="c", repeat=0, part="answer", calls=2, cold=Cost(usd=0.5))
    paid = replace(spend, billed=Cost(usd=0.5), retries=1, waited_s=0.25)
    found = replace(spend, cached_calls=2)
    dear = replace(spend, cold=Cost(usd=0.6))
    first, second, other = (codec.without_times(codec.encode(s)) for s in (paid, found, dear))
    assert first == second != other


def test_dump_and_load_are_inverse(tmp_path):
    """A file written by `dump` reads back equal and ends in a newline."""
    trial = Trial(case_id="é", repeat=0, outcome=Answer(text="\u2028 <b>"))
    codec.dump(tmp_path / "a" / "t.json", trial)
    assert codec.load(Trial, tmp_path / "a" / "t.json") == trial
    assert (tmp_path / "a" / "t.json").read_bytes().endswith(b"\n")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["t.json"]


def test_load_names_the_file(tmp_path):
    """A file that is absent, or another record, says which file it was."""
    with pytest.raises(DataError, match=r"gone\.json: cannot be read: No such file or directory$"):
        codec.load(Saved, tmp_path / "gone.json")
    (tmp_path / "other.json").write_text(json.dumps({"x": 1}))
    with pytest.raises(DataError, match=r"other\.json: .*unknown field x of Saved"):
        codec.load(Saved, tmp_path / "other.json")
