"""From a reference in a suite to a `Dataset`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from evalkit.datasets.delimited import csv_rows
from evalkit.datasets.huggingface import hub_rows, parquet_rows
from evalkit.datasets.jsonl import jsonl_rows
from evalkit.datasets.rows import CASE_FIELDS, DOCUMENT_FIELDS, Row, case_from, document_from, shown
from evalkit.datasets.slices import read_slices
from evalkit.errors import ConfigError, DataError, Problem
from evalkit.records import Case, Dataset, Document

Read = Callable[[Path, list[Problem]], Iterator[Row]]
R = TypeVar("R", Case, Document)

FORMATS: Mapping[str, Read] = {".jsonl": jsonl_rows, ".csv": csv_rows, ".parquet": parquet_rows}
"""How a file is read, by its suffix."""

UNVERSIONED = "0"
"""The version of a dataset that is a single file or comes from `hf:`; its digest identifies it."""

_REF = re.compile(
    r"(?P<name>[A-Za-z0-9][\w-]{0,99})@(?P<version>[A-Za-z0-9][\w.-]{0,99})", re.ASCII
)
_HUB_REF = re.compile(r"hf:(?P<path>[^:\s]+)(?::(?P<split>\S+))?")
_REF_ALLOWED = (
    'a name and version ("clapnq@1"), a .jsonl, .csv or .parquet file, "hf:<path>[:split]"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the rows of one dataset are. `slices` is None where there can be none."""

    name: str
    version: str
    where: str
    cases: Callable[[list[Problem]], Iterator[Row]]
    corpus: Callable[[list[Problem]], Iterator[Row]] | None = None
    slices: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathered(Generic[R]):
    """Records by id, each with its row.

    `ids` has also those of rows that are no record: what refers to such a row is not wrong as well.
    """

    records: Mapping[str, tuple[Row, R]]
    ids: frozenset[str]


def load_dataset(
    root: Path,
    ref: str,
    *,
    slice: str | None = None,  # noqa: A002 - the word that suites and records use
) -> Dataset:
    """Return the dataset that `ref` names, whole or one of its named slices.

    `ref` is `name@version`, the folder `root/name/version` with `cases` and, if the target is built
    on it, `corpus` (each one of `.jsonl`, `.csv`, `.parquet`) and `slices.json`; or a file with
    cases alone, relative to `root`; or `hf:<path>[:split]` (split `train` by default). Cases keep
    the order of the file. The corpus is always whole; without one, `relevant_ids` are the target's
    own and are not checked.

    Raises `DataError` with every problem of every file, and `ConfigError` when the suite names
    something that is not there or when an optional library is missing.
    """
    source = _find(root, ref)
    problems: list[Problem] = []
    cases = _gather(source.cases(problems), case_from, "case", problems)
    documents: _Gathered[Document] = _Gathered(records={}, ids=frozenset())
    if source.corpus:
        documents = _gather(source.corpus(problems), document_from, "document", problems)
        problems += _dangling(cases.records.values(), documents.ids)
    if not cases.records and not problems:
        problems.append(
            Problem(where=source.where, what="there are no cases", allowed="one or more")
        )
    slices = read_slices(source.slices, cases.ids, problems) if source.slices else {}
    if problems:
        raise DataError(problems)
    wanted = cases.ids if slice is None else _slice(slices, slice, source)
    chosen = tuple(case for _, case in cases.records.values() if case.id in wanted)
    corpus = tuple(document for _, document in documents.records.values())
    return Dataset(
        name=source.name,
        version=source.version,
        slice=slice or "",
        digest=digest_of(chosen, corpus),
        cases=chosen,
        documents=corpus,
    )


def digest_of(cases: Sequence[Case], documents: Sequence[Document]) -> str:
    """Return the SHA-256 of what a run sees of a dataset, in hexadecimal.

    It covers each field of each case and document, in order, and nothing else: the same rows in
    another format, or with keys in another order, have the same digest.
    """
    digest = hashlib.sha256()
    for records, fields in ((cases, CASE_FIELDS), (documents, DOCUMENT_FIELDS)):
        # The counts keep a case from being taken for a document, whatever the rows hold.
        digest.update(f"{len(records)}\n".encode())
        for record in records:
            row = {field: getattr(record, field) for field in fields}
            digest.update(json.dumps(row, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def _find(root: Path, ref: str) -> _Source:
    if named := _REF.fullmatch(ref):
        return _folder(root, named["name"], named["version"])
    if hub := _HUB_REF.fullmatch(ref):
        path, split = hub["path"], hub["split"] or "train"
        return _Source(
            name=Path(path).name,
            version=UNVERSIONED,
            where=ref,
            cases=lambda problems: hub_rows(path, split, problems),
        )
    file = Path(ref)
    if file.suffix in FORMATS and ref.isprintable():
        return _Source(
            name=file.stem,
            version=UNVERSIONED,
            where=ref,
            cases=_reader(_inside(root, root / file, ref)),
        )
    raise _bad_ref(ref, "the dataset reference cannot be used", _REF_ALLOWED)


def _folder(root: Path, name: str, version: str) -> _Source:
    ref = f"{name}@{version}"
    folder = _inside(root, root / name / version, ref)
    if not folder.is_dir():
        there = sorted(
            f"{path.parent.name}@{path.name}" for path in root.glob("*/*") if path.is_dir()
        )
        raise _bad_ref(
            ref, f"{root.name}/ has no such dataset", ", ".join(there) or "none: it is empty"
        )
    cases, corpus = _only(folder, "cases"), _only(folder, "corpus")
    if cases is None:
        allowed = " or ".join(f"cases{suffix}" for suffix in FORMATS)
        raise DataError([Problem(where=str(folder), what="there are no cases", allowed=allowed)])
    slices = folder / "slices.json"
    return _Source(
        name=name,
        version=version,
        where=str(cases),
        cases=_reader(cases),
        corpus=_reader(corpus) if corpus else None,
        slices=slices if slices.exists() else None,
    )


def _only(folder: Path, stem: str) -> Path | None:
    found = [path for suffix in FORMATS if (path := folder / f"{stem}{suffix}").exists()]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        what = f"the {stem} are there more than once"
        raise DataError([Problem(where=str(folder), what=what, value=names, allowed="one file")])
    return found[0] if found else None


def _reader(path: Path) -> Callable[[list[Problem]], Iterator[Row]]:
    return lambda problems: FORMATS[path.suffix](path, problems)


def _inside(root: Path, path: Path, ref: str) -> Path:
    # A suite of a fork must not make a run read, and print, a file from elsewhere on the machine.
    if not path.resolve().is_relative_to(root.resolve()):
        raise _bad_ref(ref, f"the dataset is outside {root}", _REF_ALLOWED)
    return path


def _bad_ref(ref: str, what: str, allowed: str) -> ConfigError:
    return ConfigError([Problem(where="dataset", what=what, value=shown(ref), allowed=allowed)])


def _gather(
    rows: Iterable[Row],
    record_from: Callable[[Row, list[Problem]], R | None],
    what: str,
    problems: list[Problem],
) -> _Gathered[R]:
    records: dict[str, tuple[Row, R]] = {}
    ids = set()
    for row in rows:
        ids.add(str(row.fields.get("id")))
        record = record_from(row, problems)
        if record is None:
            continue
        if record.id in records:
            problems.append(
                Problem(
                    where=f"{row.where} id",
                    what=f"the {what} id is taken by {records[record.id][0].where}",
                    value=shown(record.id),
                    allowed="each id once",
                )
            )
        else:
            records[record.id] = (row, record)
    return _Gathered(records=records, ids=frozenset(ids))


def _dangling(cases: Iterable[tuple[Row, Case]], ids: Collection[str]) -> Iterator[Problem]:
    for row, case in cases:
        for document_id in case.relevant_ids:
            if document_id not in ids:
                yield Problem(
                    where=f"{row.where} relevant_ids",
                    what="the corpus has no such document",
                    value=shown(document_id),
                    allowed="ids of the corpus",
                )


def _slice(slices: Mapping[str, frozenset[str]], name: str, source: _Source) -> frozenset[str]:
    if name not in slices:
        what = f"{source.name}@{source.version} has no such slice"
        problem = Problem(
            where="slice", what=what, value=shown(name), allowed=", ".join(slices) or "none"
        )
        raise ConfigError([problem])
    return slices[name]
