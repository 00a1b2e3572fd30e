"""What planters share: reading their data, and a dataset that is no longer the golden one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from evalkit.datasets import digest_of, read_jsonl
from evalkit.errors import DataError, Problem
from evalkit.records import Case, Dataset, Document


def read_texts(path: Path, fields: Sequence[str]) -> tuple[dict[str, str], ...]:
    """The rows of a JSON Lines file, each field a text with something in it.

    Fields beyond those asked for are left out. Raises `DataError` with every problem, also where
    there is no row.
    """
    problems = []
    rows = read_jsonl(path)
    if not rows:
        problems.append(Problem(where=str(path), what="there are no rows", allowed="one or more"))
    for row in rows:
        for name in fields:
            value = row.fields.get(name)
            if not (isinstance(value, str) and value.strip()):
                what = "the value is not a text" if name in row.fields else "the field is missing"
                allowed = "a text that is not empty"
                problems.append(Problem(where=f"{row.where} {name}", what=what, allowed=allowed))
    if problems:
        raise DataError(problems)
    return tuple({name: str(row.fields[name]) for name in fields} for row in rows)


def planted(dataset: Dataset, cases: Sequence[Case], documents: Sequence[Document]) -> Dataset:
    """The dataset with these cases alone, and these documents besides its own.

    The digest covers the attacks too, so that runs with other canaries are never compared.
    """
    corpus = (*dataset.documents, *documents)
    attacks = "\n".join(repr(case.attack) for case in cases)
    digest = hashlib.sha256(f"{digest_of(cases, corpus)}\n{attacks}".encode())
    return Dataset(
        name=dataset.name,
        version=dataset.version,
        slice=dataset.slice,
        digest=digest.hexdigest(),
        cases=tuple(cases),
        documents=corpus,
    )
