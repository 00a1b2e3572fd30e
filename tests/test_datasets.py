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

from evalkit.datasets import digest_of, load_dataset, read_jsonl
from evalkit.errors import SHOWN_PROBLEMS, ConfigError, DataError, Problem
from evalkit.records import Case, Document

CASE: dict[str, Any] = {
    "id": "sky-1",
    "input": "Why is the sky blue?",
    "references": ["Air scatters blue light, most of all."],
    "relevant_ids": ["p1"],
    "expect": "answer",
    "cluster": "Sky",
    "tags": ["long"],
}
DOCUMENT = {"id": "p1", "title": "Sky", "text": "Air scatters blue light most."}


def jsonl(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def put(root: Path, **files: str | bytes) -> Path:
    """Write the dataset t@1; `cases` and `corpus` are JSON Lines, `slices` is slices.json."""
    folder = root / "t" / "1"
    folder.mkdir(parents=True)
    names = {"cases": "cases.jsonl", "corpus": "corpus.jsonl", "slices": "slices.json"}
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / names[name]).write_bytes(data)
    return root


def problems_of(root: Path, ref: str = "t@1") -> tuple[Problem, ...]:
    with pytest.raises(DataError) as caught:
        load_dataset(root, ref)
    return caught.value.problems


def the_problem(tmp_path: Path, **files: str | bytes) -> Problem:
    (problem,) = problems_of(put(tmp_path, **files))
    return problem


# ── what it reads ────────────────────────────────────────────────────────────────────────────────


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


def test_only_id_and_input_are_required(tmp_path: Path) -> None:
    """What is not given is empty, and a case expects an answer."""
    root = put(tmp_path, cases=jsonl({"id": "a", "input": "?"}))
    assert load_dataset(root, "t@1").cases == (Case(id="a", input="?"),)


def test_without_a_corpus_relevant_ids_are_the_targets_own(tmp_path: Path) -> None:
    """A target behind HTTP brings its own documents; there is nothing to check its ids against."""
    assert load_dataset(put(tmp_path, cases=jsonl(CASE)), "t@1").cases[0].relevant_ids == ("p1",)


def test_a_slice_has_its_cases_in_dataset_order_and_the_whole_corpus(tmp_path: Path) -> None:
    """The order of ids in the slice says nothing; distractors stay in the corpus."""
    cases = [{**CASE, "id": name} for name in ("a", "b", "c")]
    slices = json.dumps({"ci": {"seed": 1, "ids": ["c", "a"]}})
    corpus = jsonl(DOCUMENT, {**DOCUMENT, "id": "p2"})
    root = put(tmp_path, cases=jsonl(*cases), corpus=corpus, slices=slices)
    dataset = load_dataset(root, "t@1", slice="ci")
    assert [case.id for case in dataset.cases] == ["a", "c"]
    assert [document.id for document in dataset.documents] == ["p1", "p2"]
    assert dataset.slice == "ci"


def test_a_line_ends_at_lf_only(tmp_path: Path) -> None:
    """U+2028 and a form feed end a line for `str.splitlines`; here they are part of a text."""
    row = {**CASE, "input": "one\u2028two\u0085three"}
    cases = json.dumps(row, ensure_ascii=False) + "\r\n"
    assert (
        load_dataset(put(tmp_path, cases=cases), "t@1").cases[0].input == "one\u2028two\u0085three"
    )


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


def test_a_local_folder_is_read_through_the_library(tmp_path: Path) -> None:
    """`hf:<path>:<split>` reads one split; null is a field not given."""
    rows = [CASE, {**CASE, "id": "sky-2", "cluster": None}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "test.parquet")
    dataset = load_dataset(tmp_path, f"hf:{tmp_path}:test")
    assert [case.cluster for case in dataset.cases] == ["Sky", ""]
    assert dataset.name == tmp_path.name


# ── the digest ───────────────────────────────────────────────────────────────────────────────────


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


# ── what it refuses ──────────────────────────────────────────────────────────────────────────────

WRONG_CASES = {
    "not JSON": (b'{"id": "a", \n', "not strict JSON"),
    "NaN": (b'{"id": "a", "input": NaN}\n', "NaN is not JSON"),
    "Infinity": (b'{"id": "a", "input": -Infinity}\n', "-Infinity is not JSON"),
    "key given twice": (b'{"id": "a", "input": "x", "input": "y"}\n', "given twice"),
    "key given twice further in": (b'{"id": "a", "input": {"k": 1, "k": 2}}\n', "given twice"),
    "too deep": (b"[" * 200_000 + b"\n", "too deep"),
    "number too long": (b"1" * 5000 + b"\n", "not strict JSON"),
    "a list": (b"[1]\n", "not an object"),
    "an empty line": (b"\n", "not strict JSON"),
    "byte-order mark": (b'\xef\xbb\xbf{"id": "a", "input": "x"}\n', "not strict JSON"),
    "not UTF-8": (b'{"id": "a", "input": "\xe9"}\n', "not UTF-8"),
    "too long": (b'{"id": "' + b"a" * 2**20 + b'", "input": "x"}\n', "too long"),
    "unknown field": (b'{"id": "a", "input": "x", "reference": "y"}\n', "not known"),
    "missing input": (b'{"id": "a"}\n', "missing"),
    "missing id": (b'{"input": "a"}\n', "missing"),
    "empty id": (b'{"id": "", "input": "x"}\n', "id cannot be used"),
    "id with a separator of pytest": (b'{"id": "a::b", "input": "x"}\n', "id cannot be used"),
    "id that climbs": (b'{"id": "../a", "input": "x"}\n', "id cannot be used"),
    "empty input": (b'{"id": "a", "input": " \\t"}\n', "empty"),
    "input of another type": (b'{"id": "a", "input": 3}\n', "not a text"),
    "null": (b'{"id": "a", "input": null}\n', "not a text"),
    "half a surrogate pair": (b'{"id": "a", "input": "\\ud800"}\n', "not a text"),
    "one reference": (b'{"id": "a", "input": "x", "references": "y"}\n', "not a list of texts"),
    "a reference of no words": (b'{"id": "a", "input": "x", "references": [""]}\n', "not a list"),
    "a tag twice": (b'{"id": "a", "input": "x", "tags": ["t", "t"]}\n', "item twice"),
    "unknown expectation": (b'{"id": "a", "input": "x", "expect": "refuse"}\n', "not known"),
    "no rows": (b"", "no cases"),
}


@pytest.mark.parametrize("name", WRONG_CASES)
def test_a_wrong_row_is_refused(tmp_path: Path, name: str) -> None:
    """One problem a wrong row, with the line it is on."""
    data, what = WRONG_CASES[name]
    problem = the_problem(tmp_path, cases=data)
    assert what in problem.what
    assert f"{tmp_path / 't' / '1' / 'cases.jsonl'}" in problem.where
    if name != "no rows":
        assert ":1" in problem.where


def test_near_misses_are_read(tmp_path: Path) -> None:
    """Limits are limits: the longest line, equal keys in different objects, a row without LF."""
    filler = "x" * (2**20 - len('{"id": "a", "input": ""}\n'))
    cases = jsonl({"id": "a", "input": filler}) + '{"id": "b", "input": "NaN Infinity"}'
    assert [case.id for case in load_dataset(put(tmp_path, cases=cases), "t@1").cases] == ["a", "b"]


def test_after_a_line_that_is_too_long_the_next_one_is_read(tmp_path: Path) -> None:
    """The rest of the line is skipped: the second problem is on line 2."""
    long = b'"' + b"a" * (3 * 2**20) + b'"\n'
    problems = problems_of(put(tmp_path, cases=long + b"[]\n"))
    assert [problem.where.rpartition(":")[2] for problem in problems] == ["1", "2"]


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


def test_a_message_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """Values of a dataset are data of others: an escape sequence is shown, not sent."""
    root = put(tmp_path, cases=jsonl({"id": "\x1b[31m", "input": "x", "\x1b]8;;": "\u202e"}))
    with pytest.raises(DataError) as caught:
        load_dataset(root, "t@1")
    assert str(caught.value).replace("\n", "").isprintable()


WRONG_SLICES: dict[str, tuple[str | bytes, str]] = {
    "not JSON": ("{", "not strict JSON"),
    "not UTF-8": (b"\xff", "not strict JSON"),
    "a list": ("[]", "another form"),
    "no seed": ('{"ci": {"ids": ["sky-1"]}}', "another form"),
    "a seed of another type": ('{"ci": {"seed": true, "ids": ["sky-1"]}}', "another form"),
    "no ids": ('{"ci": {"seed": 1, "ids": []}}', "another form"),
    "unknown field": ('{"ci": {"seed": 1, "ids": ["sky-1"], "n": 1}}', "another form"),
    "an id twice": ('{"ci": {"seed": 1, "ids": ["sky-1", "sky-1"]}}', "id twice"),
    "unknown id": ('{"ci": {"seed": 1, "ids": ["sky-2"]}}', "no case has this id"),
    "half a surrogate pair": ('{"\\ud800": 1}', "another form"),
}


@pytest.mark.parametrize("name", WRONG_SLICES)
def test_a_wrong_slice_is_refused_even_if_it_is_not_asked_for(tmp_path: Path, name: str) -> None:
    """A slice is a promise in a committed file; it is checked with the rest."""
    content, what = WRONG_SLICES[name]
    problem = the_problem(tmp_path, cases=jsonl(CASE), corpus=jsonl(DOCUMENT), slices=content)
    assert what in problem.what


WRONG_CSV = {
    "a row with more cells": ("id,input\na,b,c\n", "3 cells", 2),
    "an empty row": ("id,input\n\na,b\n", "0 cells", 2),
    "a column twice": ("id,id\na,b\n", "twice", 1),
    "an open quote": ('id,input\na,"b\n', "not CSV", 2),
    "a list without brackets": ("id,input,tags\na,b,c\n", "not a list of texts", 2),
    "a problem after a text of two lines": ('id,input\na,"b\nc"\nd\n', "1 cells", 4),
}


@pytest.mark.parametrize("name", WRONG_CSV)
def test_wrong_csv_is_refused(tmp_path: Path, name: str) -> None:
    """Each with the line on which the row begins."""
    text, what, line = WRONG_CSV[name]
    (tmp_path / "c.csv").write_text(text)
    problem = problems_of(tmp_path, "c.csv")[0]
    assert what in problem.what
    assert problem.where.partition(" ")[0].endswith(f"c.csv:{line}")


def test_the_mark_that_spreadsheets_write_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    """Excel writes a byte-order mark; and an empty cell is a field not given."""
    (tmp_path / "c.csv").write_bytes(b"\xef\xbb\xbfid,input,cluster,tags\r\na,b,,\r\n")
    assert load_dataset(tmp_path, "c.csv").cases == (Case(id="a", input="b"),)


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


def test_what_the_library_cannot_read_is_a_problem(tmp_path: Path) -> None:
    """Whatever it raises, the user gets the file and the reason."""
    (tmp_path / "c.parquet").write_bytes(b"no parquet")
    assert "datasets cannot read it" in problems_of(tmp_path, "c.parquet")[0].what


# ── properties ───────────────────────────────────────────────────────────────────────────────────

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
# Files are written in each example, on machines that may be busy: time says nothing here.
on_disk = settings(
    deadline=None,
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


def test_any_rows_can_be_read_strictly(tmp_path: Path) -> None:
    """`read_jsonl` is the strict reader without the fields of a case, for other data files."""
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl({"n": 1}, {"n": 2}))
    assert [(row.where, row.fields) for row in read_jsonl(path)] == [
        (f"{path}:1", {"n": 1}),
        (f"{path}:2", {"n": 2}),
    ]
    path.write_text("{}\n{]\n[]\n")
    with pytest.raises(DataError) as caught:
        read_jsonl(path)
    assert [problem.where for problem in caught.value.problems] == [f"{path}:2", f"{path}:3"]
