"""What an application may hand back, turned into an `Answer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.records import Answer, Passage, Usage

ANSWER_KEYS = ("text", "passages", "usage", "prompt")
PASSAGE_KEYS = ("document_id", "text", "chunk_id", "title", "similarity")
USAGE_KEYS = ("input_tokens", "cached_input_tokens", "output_tokens")


def answer_of(reply: object, *, latency_s: float) -> Answer:
    """An `Answer` as it is; a text; or a mapping with `text` and any of the other `ANSWER_KEYS`.

    `latency_s` is used where the reply has none of its own. Raises `TypeError` or `ValueError` that
    names the key, also for keys nobody knows: a misspelt "passages" must not pass for none.
    """
    if isinstance(reply, Answer):
        return reply
    if isinstance(reply, str):
        return Answer(text=reply, latency_s=latency_s)
    if not isinstance(reply, Mapping):
        raise TypeError(f"a target returns text, a mapping or an Answer, not {_kind(reply)}")
    _known(reply, ANSWER_KEYS, "the answer")
    passages = passages_of(reply.get("passages", ()))
    return Answer(
        text=_text(reply, "text", "the answer", required=True),
        passages=passages,
        retrieved=passages,
        prompt=_text(reply, "prompt", "the answer"),
        usage=usage_of(reply.get("usage", {})),
        latency_s=latency_s,
    )


def passages_of(rows: object) -> tuple[Passage, ...]:
    """Passages from mappings with `document_id`, `text` and any of the other `PASSAGE_KEYS`."""
    if isinstance(rows, (str, Mapping)) or not isinstance(rows, Sequence):
        raise TypeError(f"passages must be a list of mappings, not {_kind(rows)}")
    return tuple(_passage(row, rank) for rank, row in enumerate(rows, start=1))


def _passage(row: object, rank: int) -> Passage:
    if isinstance(row, Passage):
        return row
    where = f"passage {rank}"
    if not isinstance(row, Mapping):
        raise TypeError(f"{where} must be a mapping, not {_kind(row)}")
    _known(row, PASSAGE_KEYS, where)
    document_id = _text(row, "document_id", where, required=True)
    similarity = row.get("similarity", 0.0)
    if isinstance(similarity, bool) or not isinstance(similarity, (int, float)):
        raise TypeError(f"similarity of {where} must be a number, not {_kind(similarity)}")
    return Passage(
        document_id=document_id,
        chunk_id=_text(row, "chunk_id", where) or document_id,
        title=_text(row, "title", where),
        text=_text(row, "text", where, required=True),
        rank=rank,
        similarity=float(similarity),
    )


def usage_of(row: object) -> Usage:
    """Token counts from a mapping with any of `USAGE_KEYS`."""
    if isinstance(row, Usage):
        return row
    if not isinstance(row, Mapping):
        raise TypeError(f"usage must be a mapping, not {_kind(row)}")
    _known(row, USAGE_KEYS, "usage")
    for key, value in row.items():
        if type(value) is not int:
            raise TypeError(f"{key} of usage must be an integer, not {_kind(value)}")
    return Usage(**row)


def _text(row: Mapping[str, Any], key: str, where: str, *, required: bool = False) -> str:
    value = row.get(key, None if required else "")
    if not isinstance(value, str):
        raise TypeError(f"{key!r} of {where} must be text, not {_kind(value)}")
    return value


def _known(row: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    unknown = [str(key) for key in row if key not in keys]
    if unknown:
        raise ValueError(
            f"{where} has unknown keys: {', '.join(unknown)}; known: {', '.join(keys)}"
        )


def _kind(value: object) -> str:
    # Never the value itself: it may hold what must not reach a message.
    return "nothing" if value is None else type(value).__name__
