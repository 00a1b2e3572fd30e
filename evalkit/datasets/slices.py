"""`slices.json`: named parts of a dataset, as data that is reviewed in a diff.

    {"ci": {"seed": 20261122, "ids": ["clapnq-6401197308716204890"]}}

`seed` says how the ids were drawn. They are not drawn again: a slice changes when the file does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from evalkit.datasets.jsonl import parse_json
from evalkit.datasets.rows import shown, unreadable
from evalkit.errors import Problem

_FORM = '{"<name>": {"seed": <whole number>, "ids": [<case id>, ...]}}'


def read_slices(
    path: Path, case_ids: Collection[str], problems: list[Problem]
) -> Mapping[str, frozenset[str]]:
    """Return the ids of each slice; add whatever is wrong with any slice to `problems`."""
    try:
        text = path.read_text(encoding="utf-8")
        slices = parse_json(text)
    except OSError as error:
        problems.append(unreadable(path, error))
        return {}
    except ValueError as error:
        what = f"the file is not strict JSON: {error}"
        problems.append(Problem(where=f"{path}:1", what=what, allowed=_FORM))
        return {}
    if not isinstance(slices, dict):
        problems.append(_misshapen(f"{path}:1", slices))
        return {}
    found = {}
    for name, value in slices.items():
        where = f"{path}:{_line_of(text, name)}"
        ids = _ids(value)
        if ids is None:
            problems.append(_misshapen(where, {name: value}))
        else:
            problems += _wrong_ids(path, text, ids, case_ids)
            found[name] = frozenset(ids)
    return found


def _ids(value: object) -> list[str] | None:
    """The ids of a slice, None if it has another form."""
    if not isinstance(value, dict) or set(value) != {"seed", "ids"}:
        return None
    seed, ids = value["seed"], value["ids"]
    # `isinstance` would let `true` be a seed.
    if type(seed) is not int or not isinstance(ids, list) or not ids:
        return None
    return ids if all(isinstance(i, str) for i in ids) else None


def _wrong_ids(path: Path, text: str, ids: list[str], case_ids: Collection[str]) -> list[Problem]:
    seen: set[str] = set()
    problems = []
    for case_id in ids:
        if case_id in seen or case_id not in case_ids:
            what = "the slice has an id twice" if case_id in seen else "no case has this id"
            where = f"{path}:{_line_of(text, case_id)}"
            allowed = "each id of a case at most once"
            problems.append(Problem(where=where, what=what, value=shown(case_id), allowed=allowed))
        seen.add(case_id)
    return problems


def _misshapen(where: str, value: object) -> Problem:
    return Problem(where=where, what="a slice has another form", value=shown(value), allowed=_FORM)


def _line_of(text: str, written: str) -> int:
    """The line on which a string is first written; 1 if it is written in another spelling."""
    at = text.find(json.dumps(written, ensure_ascii=False))
    return 1 + text.count("\n", 0, max(at, 0))
