"""A judge's reply, read strictly: all of it is as asked, or none of it counts.

One JSON object with exactly the keys asked for, each once; texts are texts; every id was asked and
answered once; every verdict is one of the words of this very call. Nothing is searched for inside
prose and no fence is unwrapped: whoever can put text into a reply could put a better verdict before
or after it, and a lenient reader would have to choose. Everything here raises `JudgeError`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.codec import loads_strict
from evalkit.errors import DataError, JudgeError
from evalkit.judges.shown import clean

MAX_REPLY = 400_000
"""Characters; no reply within its token bound comes near."""
MAX_REASON = 1_000
"""Characters of a reason that are kept."""
MAX_CLAIM = 2_000

VERDICT_KEYS = ("id", "reason", "context", "quote", "verdict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge says of one unit; `context` is empty where the question has none."""

    says: str
    reason: str
    quote: str
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What the judge takes a sentence of an answer to state; no claims where it states nothing."""

    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """The questions that an answer answers, by id, and whether it commits to anything."""

    committal: bool
    questions: Mapping[str, str]


def verdicts(
    text: str, *, ids: Collection[str], meanings: Mapping[str, str], keys: tuple[str, ...]
) -> dict[str, Verdict]:
    """The verdicts of a reply, by unit; ids that were left out are missing here too."""
    return {
        unit: Verdict(
            says=_meaning(entry["verdict"], meanings),
            reason=clean(entry["reason"])[:MAX_REASON],
            quote=clean(entry["quote"]),
            context=entry.get("context", ""),
        )
        for unit, entry in _entries(text, "verdicts", keys, ids).items()
    }


def sentences(
    text: str, *, ids: Collection[str], meanings: Mapping[str, str]
) -> dict[str, Sentence]:
    """The claims of each sentence; a kind that does not go with its claims spoils the reply."""
    found = {}
    for unit, entry in _entries(text, "sentences", ("id", "kind", "claims"), ids).items():
        claims = tuple(clean(_text(claim, f"a claim of {unit}")) for claim in entry["claims"])
        if (_meaning(entry["kind"], meanings) == "stating") != bool(claims):
            raise JudgeError(f"the kind of {unit} does not go with its {len(claims)} claims")
        if not all(claim.strip() and len(claim) <= MAX_CLAIM for claim in claims):
            raise JudgeError(f"a claim of {unit} is blank or longer than {MAX_CLAIM} characters")
        found[unit] = Sentence(claims=claims)
    return found


def reconstruction(
    text: str, *, ids: Collection[str], meanings: Mapping[str, str]
) -> Reconstruction:
    """The reconstructed questions, all of them where the answer commits to something."""
    reply = _object(_load(text), ("commitment", "questions"), "the reply")
    committal = _meaning(reply["commitment"], meanings) == "committal"
    entries = _listed(reply, "questions", ("id", "text"), ids)
    questions = {unit: clean(entry["text"]).strip() for unit, entry in entries.items()}
    if committal and (set(questions) != set(ids) or not all(questions.values())):
        raise JudgeError(f"{len(ids)} questions were asked for, {len(questions)} given")
    return Reconstruction(committal=committal, questions=questions)


def _entries(
    text: str, name: str, keys: tuple[str, ...], ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    return _listed(_object(_load(text), (name,), "the reply"), name, keys, ids)


def _load(text: str) -> Any:
    if len(text) > MAX_REPLY:
        raise JudgeError(f"the reply has {len(text):,} characters, more than {MAX_REPLY:,}")
    try:
        return loads_strict(text, where="the reply")
    except DataError as error:
        raise JudgeError(str(error)) from error


def _listed(
    reply: dict[str, Any], name: str, keys: tuple[str, ...], ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The entries of a list by their ids, each asked for and given once."""
    if not isinstance(reply[name], list):
        raise JudgeError(f"{name!r} is not a list")
    found: dict[str, dict[str, Any]] = {}
    for item in reply[name]:
        entry = _object(item, keys, f"an entry of {name!r}")
        for key in keys:
            if key != "claims":
                _text(entry[key], f"{key!r}")
            elif not isinstance(entry[key], list):
                raise JudgeError("'claims' is not a list")
        unit = entry["id"]
        if unit not in ids or unit in found:
            raise JudgeError(f"the id {unit[:40]!r} was not asked for, or is given twice")
        found[unit] = entry
    return found


def _object(value: Any, keys: tuple[str, ...], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(keys):
        given = sorted(map(str, value))[:10] if isinstance(value, dict) else type(value).__name__
        raise JudgeError(f"{what} is not an object with {', '.join(keys)}, but {given}")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise JudgeError(f"{what} is not a text, but {type(value).__name__}")
    return value


def _meaning(word: str, meanings: Mapping[str, str]) -> str:
    if word not in meanings:
        raise JudgeError(f"{word[:40]!r} is no verdict of this call")
    return meanings[word]
