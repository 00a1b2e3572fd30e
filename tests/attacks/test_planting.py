from __future__ import annotations

import pytest

from evalkit.attacks.planting import planted, read_texts
from evalkit.errors import DataError
from evalkit.records import Attack, Canary, Case, Dataset, Document

GOLDEN = Dataset(
    name="d",
    version="1",
    slice="ci",
    digest="0",
    cases=(Case(id="a", input="why?"),),
    documents=(Document(id="p1", text="because"),),
)


def test_texts_are_read_and_other_fields_left_out(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "1", "text": "x", "more": 2}\n', "utf-8")
    assert read_texts(path, ("id", "text")) == ({"id": "1", "text": "x"},)


def test_every_problem_is_reported_with_its_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "1"}\n{"id": 2, "text": " "}\n', "utf-8")
    with pytest.raises(DataError) as caught:
        read_texts(path, ("id", "text"))
    places = [(p.where.rpartition(":")[2], p.what) for p in caught.value.problems]
    assert places == [
        ("1 text", "the field is missing"),
        ("2 id", "the value is not a text"),
        ("2 text", "the value is not a text"),
    ]


@pytest.mark.parametrize("content", [None, ""])
def test_no_rows_are_a_problem(tmp_path, content):
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(DataError):
        read_texts(path, ("id",))


def attacked(second):
    attack = Attack(
        id="x", channel="user", technique="t", canary=Canary(first="AAAAAAA", second=second)
    )
    case = Case(id="inj", input="why?", attack=attack)
    return planted(GOLDEN, [case], [Document(id="p2", text="poison")])


def test_the_corpus_grows_and_the_name_stays():
    dataset = attacked("BBBBBBB")
    assert [document.id for document in dataset.documents] == ["p1", "p2"]
    assert (dataset.ref, dataset.slice) == ("d@1", "ci")


def test_the_digest_covers_the_attack():
    assert attacked("BBBBBBB").digest == attacked("BBBBBBB").digest
    assert attacked("BBBBBBB").digest != attacked("CCCCCCC").digest
    assert attacked("BBBBBBB").digest != GOLDEN.digest
