"""Labelled sets: read strictly, written so that they come back, safe in a spreadsheet."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.datasets.labelled import Labelled, LabelledSet, read_labelled, write_labelled
from evalkit.errors import DataError
from evalkit.report.sinks import csv_cell


def problems_of(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_labelled(path)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def read(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return read_labelled(path)


def test_a_set_is_answers_with_passages_and_labels(tmp_path):
    """Words and numbers as labels, a list and a plain text as passages, a row not labelled yet."""
    found = read(
        tmp_path,
        "id,question,answer,contexts,label\n"
        'a,Who?,Ada.,"[""Ada did."", ""Bob slept.""]",supported\n'
        "b,,Bob.,[1] Ada did.,Unsupported\n"
        "c,,Both.,Ada did.,0.5\n"
        "d,,None.,Ada did.,\n",
    )
    assert (found.name, found.unit, found.ignored) == ("labels", "answer", ())
    assert found.items == (
        Labelled(
            id="a", question="Who?", text="Ada.", contexts=("Ada did.", "Bob slept."), human=1.0
        ),
        Labelled(id="b", text="Bob.", contexts=("[1] Ada did.",), human=0.0),
        Labelled(id="c", text="Both.", contexts=("Ada did.",), human=0.5),
        Labelled(id="d", text="None.", contexts=("Ada did.",), human=None),
    )


def test_rows_of_claims_and_a_column_of_scores(tmp_path):
    found = read(tmp_path, "id,claim,contexts,score,editor\na,Ada did.,Ada did.,1,eve\n")
    assert (found.unit, found.items[0].human) == ("claim", 1.0)
    assert found.ignored == ("editor",)


def test_all_faults_are_told_at_once_with_their_lines(tmp_path):
    """The first row is right; each other one has a fault of its own, the last two at once."""
    assert problems_of(
        tmp_path,
        "id,answer,contexts,label\n"
        "a,x,t,supported\n"
        "a,x,t,supported\n"
        "c,,t,supported\n"
        "d,x,,supported\n"
        'e,x,"[1, 2]",supported\n'
        "f,x,[],maybe\n"
        ",x,t,1.5\n",
    ) == [
        "labels.csv:4 answer: the text is missing. Allowed: a text.",
        (
            "labels.csv:5 contexts: the passages are missing. "
            "Allowed: a JSON list of texts, or one text."
        ),
        (
            'labels.csv:6 contexts: the value is not a list of texts. Got "[1, 2]". '
            "Allowed: a list of texts, none empty."
        ),
        (
            'labels.csv:7 label: the label is not known. Got "maybe". '
            "Allowed: supported, unsupported, or a number from 0 to 1."
        ),
        "labels.csv:8 id: the text is missing. Allowed: a text.",
        (
            'labels.csv:8 label: the label is not known. Got "1.5". '
            "Allowed: supported, unsupported, or a number from 0 to 1."
        ),
        'labels.csv:3 id: the id is given twice. Got "a".',
    ]


@pytest.mark.parametrize("label", ["nan", "inf", "-0.1", "1.01", "yes", "50%"])
def test_what_is_no_share_is_no_label(tmp_path, label):
    text = f"id,answer,contexts,label\na,x,t,{label}\n"
    assert "the label is not known" in problems_of(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("id,contexts,label", "a column answer or a column claim"),
        ("id,answer,claim,contexts,label", "a column answer or a column claim"),
        ("id,answer,contexts", "a column label or a column score"),
        ("answer,contexts,label", "no column id"),
        ("id,answer,label", "no column contexts"),
    ],
)
def test_a_header_that_does_not_say_enough_is_refused(tmp_path, header, what):
    (problem,) = problems_of(tmp_path, f"{header}\n")
    assert what in problem


@pytest.mark.parametrize("text", ["", "id,answer,contexts,label\n"])
def test_a_set_of_nothing_is_refused(tmp_path, text):
    assert problems_of(tmp_path, text)


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_labelled(tmp_path / "none.csv")


def test_what_stands_in_quotes_and_is_no_json_stays(tmp_path):
    """Near miss of a JSON string: a quotation that holds another."""
    found = read(tmp_path, 'id,answer,contexts,label\na,"""So"" and ""so""",t,1\n')
    assert found.items[0].text == '"So" and "so"'


TEXTS = st.text() | st.sampled_from(
    ["", "=1+1", ' "=cmd"', "@x", "\u200b=1", '"', '"quoted"', "a\r\nb", "[1]", "\ud800", "\u3164"]
)
LABELS = st.none() | st.floats(0.0, 1.0)
ITEMS = st.lists(
    st.builds(
        Labelled,
        id=st.text(min_size=1),
        question=TEXTS,
        text=TEXTS,
        contexts=st.lists(TEXTS.filter(str.strip), max_size=3).map(tuple),
        human=LABELS,
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda item: item.id,
)


@given(ITEMS, st.sampled_from(["answer", "claim"]))
def test_what_is_written_reads_back_and_no_cell_is_acted_on(tmp_path_factory, items, unit):
    """Round trip over any text; each cell is already what the encoder for spreadsheets makes."""
    path = tmp_path_factory.mktemp("labelled") / "set.csv"
    written = LabelledSet(name="set", unit=unit, items=tuple(items))
    write_labelled(path, written)
    assert read_labelled(path) == written
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            assert [csv_cell(cell) for cell in row] == row


def test_the_digest_is_of_texts_and_labels_whatever_their_order():
    one = Labelled(id="a", text="x", contexts=("t",), human=1.0)
    other = Labelled(id="b", text="y", contexts=("t",), human=0.0)
    first = LabelledSet(name="one", unit="answer", items=(one, other))
    assert first.digest == replace(first, name="two", items=(other, one)).digest
    changed = replace(first, items=(one, replace(other, human=0.1)))
    assert changed.digest != first.digest
