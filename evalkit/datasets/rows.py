"""One row of any format, and the check that turns it into a record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from evalkit.errors import Problem
from evalkit.records import Case, Document, Expectation

_SHOWN_CHARS = 60
_CASE_ID = re.compile(r"\w[\w.+-]{0,199}")
_DOCUMENT_ID = re.compile(r"\S{1,200}")
_ID_ALLOWED = (
    "letters, digits and _ . + -, beginning with a letter, digit or _, at most 200 characters"
)

CASE_TEXTS = ("id", "input", "expect", "cluster")
CASE_LISTS = ("references", "relevant_ids", "tags")
CASE_FIELDS = (*CASE_TEXTS, *CASE_LISTS)
DOCUMENT_FIELDS = ("id", "title", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The fields of one row as its format gave them; `where` is `file:line`."""

    where: str
    fields: Mapping[str, object]


def shown(value: object) -> str:
    """Return `value` for a message: one line of ASCII, so that data cannot write to a terminal."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"


def unreadable(path: Path | str, error: OSError) -> Problem:
    """Return the problem of a file that the system refuses to hand over."""
    return Problem(where=str(path), what=f"the file cannot be read ({type(error).__name__})")


def case_from(row: Row, problems: list[Problem]) -> Case | None:
    """Return the case a row holds, or add every reason why it holds none to `problems`."""
    check = _Check(row, problems)
    check.names(CASE_FIELDS, required=("id", "input"))
    case_id = check.identifier("id", _CASE_ID, _ID_ALLOWED)
    question = check.words("input")
    expect = check.text("expect", default="answer")
    if expect not in ("answer", "abstain"):
        check.refuse("expect", "the value is not known", '"answer" or "abstain"')
    cluster = check.text("cluster")
    lists = {name: check.texts(name) for name in CASE_LISTS}
    if not check.passed:
        return None
    return Case(
        id=case_id,
        input=question,
        expect=cast(Expectation, expect),
        cluster=cluster,
        references=lists["references"],
        relevant_ids=lists["relevant_ids"],
        tags=lists["tags"],
    )


def document_from(row: Row, problems: list[Problem]) -> Document | None:
    """Return the document a row holds, or add every reason why it holds none to `problems`."""
    check = _Check(row, problems)
    check.names(DOCUMENT_FIELDS, required=("id", "text"))
    document_id = check.identifier("id", _DOCUMENT_ID, "1 to 200 characters without white space")
    text = check.words("text")
    title = check.text("title")
    if not check.passed:
        return None
    return Document(id=document_id, text=text, title=title)


class _Check:
    """Reads fields of one row; what is wrong goes to `problems`, and a stand-in is returned."""

    def __init__(self, row: Row, problems: list[Problem]) -> None:
        self._row = row
        self._problems = problems
        self.passed = True

    def refuse(self, name: str, what: str, allowed: str) -> None:
        """Add a problem with the field `name`, showing its value where there is one."""
        self.passed = False
        fields = self._row.fields
        value = shown(fields[name]) if name in fields else ""
        self._problems.append(
            Problem(where=f"{self._row.where} {name}", what=what, value=value, allowed=allowed)
        )

    def names(self, known: Sequence[str], *, required: Sequence[str]) -> None:
        """Refuse every field that is not known and every required one that is missing."""
        for name in self._row.fields:
            if name not in known:
                # The name is data: it is shown escaped, and never becomes part of `where`.
                self.passed = False
                problem = Problem(
                    where=self._row.where,
                    what="a field is not known",
                    value=shown(name),
                    allowed=", ".join(known),
                )
                self._problems.append(problem)
        for name in required:
            if name not in self._row.fields:
                self.refuse(name, "the field is missing", "a text that is not empty")

    def text(self, name: str, default: str = "") -> str:
        """Return a text; without the field, `default`."""
        value = self._row.fields.get(name, default)
        if isinstance(value, str) and _encodable(value):
            return value
        self.refuse(name, "the value is not a text", "a text of valid Unicode")
        return default

    def words(self, name: str) -> str:
        """Return a text that has something in it besides white space."""
        value = self.text(name)
        if value == self._row.fields.get(name) and not value.strip():
            self.refuse(name, "the text is empty", "a text that is not empty")
        return value

    def identifier(self, name: str, form: re.Pattern[str], allowed: str) -> str:
        """Return a text of the given form."""
        value = self.text(name)
        if value == self._row.fields.get(name) and not form.fullmatch(value):
            self.refuse(name, "the id cannot be used", allowed)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of different texts, none of them empty; without the field, no texts."""
        value = self._row.fields.get(name, [])
        if not isinstance(value, list) or not all(
            isinstance(item, str) and item.strip() and _encodable(item) for item in value
        ):
            self.refuse(name, "the value is not a list of texts", "a list of texts, none empty")
            return ()
        if len(set(value)) != len(value):
            self.refuse(name, "the list has an item twice", "each item once")
        return tuple(value)


def _encodable(text: str) -> bool:
    # JSON can spell half of a surrogate pair; such a text can be neither hashed nor written.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
