"""The dataset loader: what it reads, what it refuses, and how it says so."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.datasets import digest_of, load_dataset
from evalkit.errors import SHOWN_PROBLEMS, ConfigError, DataError
from evalkit.records import Case, Document
from tests.datasets.pieces import CASE, DOCUMENT, jsonl, problems_of, put, the_problem


def test_a_folder_becomes_cases_and_documents(tmp_path: Path) -> None:
    """Every field arrives, lists as tuples."""
    dataset = load_dataset(put(tmp_path, cases=jsonl(CASE), corpus=jsonl(DOCUMENT)), "t@1")
    assert dataset.ref == "t@1"
    assert dataset.slice == ""
    assert dataset.cases == (
        Case(
            id="sky-1",
            input="Why is the sky blue?",
            references=("Air scatters blue light, most of all.",),
            relevant_ids=("p1",),
            expect="answer",
            cluster="Sky",
            tags=("long",),
        ),
    )
    assert dataset.documents == (
        Document(id="p1", title="Sky", text="Air scatters blue light most."),
    )


def test_without_a_corpus_relevant_ids_are_the_targets_own(tmp_path: Path) -> None:
    """A target behind HTTP brings its own documents; there is nothing to check its ids against."""
    assert load_dataset(put(tmp_path, cases=jsonl(CASE)), "t@1").cases[0].relevant_ids == ("p1",)


def as_csv(rows: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    for row in rows:
        cells = {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()}
        writer.writerow(cells)
    return file.getvalue()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_every_format_gives_the_same_cases_and_digest(tmp_path: Path, suffix: str) -> None:
    """The digest is of what the rows say, not of the bytes they are written in."""
    rows = [CASE, {**CASE, "id": "sky-2", "input": 'He said "why,\nthough?"', "tags": []}]
    path = tmp_path / f"sky{suffix}"
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        text = jsonl(*rows) if suffix == ".jsonl" else as_csv(rows)
        path.write_text(text, encoding="utf-8", newline="")
    dataset = load_dataset(tmp_path, path.name)
    assert [case.input for case in dataset.cases] == [row["input"] for row in rows]
    assert dataset.cases[0].references == ("Air scatters blue light, most of all.",)
    assert dataset.digest == digest_of(dataset.cases, ())
    (tmp_path / "same.jsonl").write_text(jsonl(*rows), encoding="utf-8")
    assert dataset.digest == load_dataset(tmp_path, "same.jsonl").digest


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    """Known value; key order and spacing leave it, a changed word in a document does not."""
    plain = put(tmp_path / "a", cases=jsonl(CASE), corpus=jsonl(DOCUMENT))
    shuffled = json.dumps(dict(reversed(CASE.items())), indent=None, separators=(" , ", " : "))
    other = put(tmp_path / "b", cases=shuffled + "\n", corpus=jsonl(DOCUMENT))
    moved = put(
        tmp_path / "c", cases=jsonl(CASE), corpus=jsonl({**DOCUMENT, "text": "Air scatters red."})
    )
    digests = [load_dataset(root, "t@1").digest for root in (plain, other, moved)]
    assert digests[0] == digests[1] != digests[2]
    # SHA-256 of the count and the rows of each file, as JSON with sorted keys and no spaces.
    case = json.dumps(CASE, sort_keys=True, separators=(",", ":"))
    document = json.dumps(DOCUMENT, sort_keys=True, separators=(",", ":"))
    expected = hashlib.sha256(f"1\n{case}\n1\n{document}\n".encode()).hexdigest()
    assert digests[0] == expected


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """Rows, ids, links and slices of all three files, each with file and line."""
    root = put(
        tmp_path,
        cases=jsonl(CASE, {**CASE, "relevant_ids": ["p9"]}, {**CASE, "id": "b", "input": 1}),
        corpus=jsonl(DOCUMENT, DOCUMENT, {"id": "p2"}),
        slices=json.dumps({"ci": {"seed": 1, "ids": ["b", "zz"]}}, indent=1),
    )
    found = [(p.where.removeprefix(f"{root}/t/1/"), p.what, p.value) for p in problems_of(root)]
    assert found == [
        ("cases.jsonl:2 id", f"the case id is taken by {root}/t/1/cases.jsonl:1", '"sky-1"'),
        ("cases.jsonl:3 input", "the value is not a text", "1"),
        ("corpus.jsonl:2 id", f"the document id is taken by {root}/t/1/corpus.jsonl:1", '"p1"'),
        ("corpus.jsonl:3 text", "the field is missing", ""),
        ("slices.json:6", "no case has this id", '"zz"'),
    ]


def test_a_relevant_id_must_be_in_the_corpus(tmp_path: Path) -> None:
    """A wrong id would make retrieval look bad for ever."""
    problem = the_problem(
        tmp_path, cases=jsonl({**CASE, "relevant_ids": ["p1", "p7"]}), corpus=jsonl(DOCUMENT)
    )
    assert problem.where.endswith("cases.jsonl:1 relevant_ids")
    assert (problem.what, problem.value) == ("the corpus has no such document", '"p7"')


def test_a_message_shows_fifty_problems_and_the_exception_has_all(tmp_path: Path) -> None:
    """A file in the wrong format has a problem on every line."""
    root = put(tmp_path, cases="?\n" * (SHOWN_PROBLEMS + 3))
    with pytest.raises(DataError) as caught:
        load_dataset(root, "t@1")
    assert len(caught.value.problems) == SHOWN_PROBLEMS + 3
    assert str(caught.value).endswith("… and 3 more")


@pytest.mark.parametrize(
    "ref",
    [
        *("../t@1", "t@..", "t@1/..", "/t@1", "t@", "@1", "t", "", "t@1\n", "t" * 300 + "@1"),
        *("t.txt", "\0.csv", "hf:", "../c.csv", "a/../../c.csv", "/c.csv"),
    ],
)
def test_a_reference_cannot_leave_the_datasets_folder(tmp_path: Path, ref: str) -> None:
    """A suite of a fork must not make a run read a file from elsewhere on the machine."""
    root = put(tmp_path / "datasets", cases=jsonl(CASE))
    put(tmp_path, cases=jsonl(CASE))
    (tmp_path / "c.csv").write_text("id,input\na,b\n")
    with pytest.raises(ConfigError):
        load_dataset(root, ref)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """What counts is where the file is, not how the path is written."""
    put(tmp_path / "elsewhere", cases=jsonl(CASE))
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "t").symlink_to(tmp_path / "elsewhere" / "t")
    with pytest.raises(ConfigError, match="outside"):
        load_dataset(tmp_path / "datasets", "t@1")


def test_what_is_not_there_is_answered_with_what_is(tmp_path: Path) -> None:
    """A typing mistake in a suite shows the names that exist."""
    slices = json.dumps({"ci": {"seed": 1, "ids": ["sky-1"]}})
    root = put(tmp_path, cases=jsonl(CASE), corpus=jsonl(DOCUMENT), slices=slices)
    with pytest.raises(ConfigError, match=r"Got \"t@2\"\. Allowed: t@1\."):
        load_dataset(root, "t@2")
    with pytest.raises(ConfigError, match=r"Got \"CI\"\. Allowed: ci\."):
        load_dataset(root, "t@1", slice="CI")


def test_a_folder_has_one_file_of_cases(tmp_path: Path) -> None:
    """Neither none nor two: which of two was meant is not for the loader to guess."""
    root = put(tmp_path, corpus=jsonl(DOCUMENT))
    assert problems_of(root)[0].what == "there are no cases"
    for name in ("cases.jsonl", "cases.csv"):
        (root / "t" / "1" / name).write_text(jsonl(CASE))
    assert problems_of(root)[0].value == "cases.jsonl, cases.csv"


@pytest.mark.parametrize("name", ["cases.jsonl", "corpus.jsonl", "slices.json"])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, name: str) -> None:
    """A folder in the place of a file is one the system will not hand over."""
    root = put(tmp_path, cases=jsonl({"id": "a", "input": "x"}))
    (root / "t" / "1" / name).unlink(missing_ok=True)
    (root / "t" / "1" / name).mkdir()
    assert "cannot be read" in problems_of(root)[0].what


# ── properties ────────────────────────────────────────────────────────────────────────────────────

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


lists = st.lists(texts, max_size=3, unique=True)


cases: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    id=st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.+-]{0,20}\Z"),
    input=texts,
    references=lists,
    relevant_ids=lists,
    expect=st.sampled_from(["answer", "abstain"]),
    cluster=st.text(st.characters(exclude_categories=["Cs"])),
    tags=lists,
)


on_disk = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@on_disk
@given(st.lists(cases, min_size=1, max_size=4, unique_by=lambda row: row["id"]), st.booleans())
def test_what_is_written_reads_back_equal(
    tmp_path: Path, rows: list[dict[str, Any]], ascii_only: bool
) -> None:
    """Any text survives, spelled with escapes or as it is."""
    lines = [json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows]
    (tmp_path / "c.jsonl").write_text("".join(lines), encoding="utf-8", newline="")
    read = load_dataset(tmp_path, "c.jsonl").cases
    assert [
        {name: list(v) if isinstance(v := getattr(case, name), tuple) else v for name in CASE}
        for case in read
    ] == rows


fields = st.dictionaries(
    st.sampled_from([*CASE, "text", "title", "x"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
        lambda inner: st.lists(inner, max_size=3),
    ),
)


files = st.binary() | st.lists(fields).map(lambda rows: jsonl(*rows).encode())


@on_disk
@given(cases=files, corpus=files, slices=st.binary() | fields.map(lambda f: json.dumps(f).encode()))
def test_no_bytes_raise_anything_but_a_data_error(
    tmp_path: Path, cases: bytes, corpus: bytes, slices: bytes
) -> None:
    """Fuzzed: random bytes, and rows of the right names with any values."""
    folder = tmp_path / "t" / "1"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (("cases.jsonl", cases), ("corpus.jsonl", corpus), ("slices.json", slices)):
        (folder / name).write_bytes(data)
    (tmp_path / "c.csv").write_bytes(cases)
    for ref in ("t@1", "c.csv"):
        with suppress(DataError):
            load_dataset(tmp_path, ref)
