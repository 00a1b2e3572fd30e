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


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "labels.csv:1: the file is empty"),
        ("id;answer;contexts;label\na;x;t;1\n", "labels.csv:1: the header is not a row of columns"),
        ("ID,Answer,contexts,label\n", 'no column id. Got "ID", "Answer", "contexts", "label"'),
        (
            "id,answer,contexts,label,metric\na,x,t,1,m\nb,x,t,1,\n",
            "the rows are of several metrics",
        ),
        ('id,answer,contexts,label\na,x,t,1\n"""a""",x,t,1\n', "the id is given twice"),
        ('id,answer,contexts,label\n"""""",x,t,1\n', "id: the text is missing"),
        ("id,answer,contexts,label\n  ,x,t,1\n", "id: the text is missing"),
        (
            'id,answer,contexts,label\na,x,"[""one"", ""tw",1\n',
            "labels.csv:2 contexts: the list is not JSON: Unterminated string",
        ),
    ],
)
def test_what_a_spreadsheet_or_a_hand_makes_of_a_file_is_told(tmp_path, text, what):
    """An id is what its cell spells, and a list that was cut off is not one passage."""
    assert any(what in problem for problem in problems_of(tmp_path, text))


def test_a_file_of_another_encoding_has_no_second_fault(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("id,answer,contexts,label\na,café,t,1\n".encode("latin-1"))
    with pytest.raises(DataError) as caught:
        read_labelled(path)
    assert [problem.what for problem in caught.value.problems] == [
        "byte 6 of the line is not UTF-8"
    ]


def test_marks_and_line_ends_of_other_programs_are_no_fault(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbfid,answer,contexts,label\r\na,x,t, Supported \r\n")
    (item,) = read_labelled(path).items
    assert (item.id, item.human) == ("a", 1.0)


@pytest.mark.parametrize("text", ["", "id,answer,contexts,label\n"])
def test_a_set_of_nothing_is_refused(tmp_path, text):
    assert problems_of(tmp_path, text)


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_labelled(tmp_path / "none.csv")
    assert len(caught.value.problems) == 1


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
        id=st.text(min_size=1).filter(str.strip),
        question=TEXTS,
        text=TEXTS,
        contexts=st.lists(TEXTS.filter(str.strip), max_size=3).map(tuple),
        human=LABELS,
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda item: item.id,
)


@given(ITEMS, st.sampled_from(["answer", "claim"]), TEXTS)
def test_what_is_written_reads_back_and_no_cell_is_acted_on(tmp_path_factory, items, unit, metric):
    """Round trip over any text; each cell is already what the encoder for spreadsheets makes."""
    path = tmp_path_factory.mktemp("labelled") / "set.csv"
    written = LabelledSet(name="set", unit=unit, items=tuple(items), metric=metric)
    write_labelled(path, written)
    assert read_labelled(path) == written
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            assert [csv_cell(cell) for cell in row] == row


def test_passages_beyond_pythons_own_limit_of_a_cell_come_back(tmp_path):
    """Ten passages of 3,000 Chinese characters: six bytes each, as JSON in plain ASCII."""
    item = Labelled(id="a", text="x", contexts=("语" * 3000,) * 10, human=1.0)
    written = LabelledSet(name="labels", unit="answer", items=(item,))
    write_labelled(tmp_path / "labels.csv", written)
    assert (tmp_path / "labels.csv").stat().st_size > 131_072
    assert read_labelled(tmp_path / "labels.csv") == written


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("what was there")
    small = Labelled(id="a", text="x", contexts=("t",))
    large = Labelled(id="b", text="x", contexts=("t" * 2**20,))
    with pytest.raises(DataError, match=r"labels.csv:3: the row is too long to be read back"):
        write_labelled(path, LabelledSet(name="s", unit="answer", items=(small, large)))
    assert path.read_text() == "what was there"


def test_a_place_that_cannot_be_written_to_is_a_problem_of_its_own(tmp_path):
    (tmp_path / "file").write_text("")
    one = LabelledSet(name="s", unit="answer", items=(Labelled(id="a", text="x", contexts=()),))
    for path in (tmp_path / "file" / "labels.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be written"):
            write_labelled(path, one)


def test_the_digest_is_of_texts_and_labels_whatever_their_order():
    one = Labelled(id="a", text="x", contexts=("t",), human=1.0)
    other = Labelled(id="b", text="y", contexts=("t",), human=0.0)
    first = LabelledSet(name="one", unit="answer", items=(one, other))
    assert first.digest == replace(first, name="two", items=(other, one)).digest
    changed = replace(first, items=(one, replace(other, human=0.1)))
    assert changed.digest != first.digest
