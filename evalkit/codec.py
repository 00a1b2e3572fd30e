"""Records ↔ JSON: one generic mapping, canonical bytes, content digests, strict reading.

A record becomes an object of its fields. Where a field may hold several record types, the object
carries `"type"`. Reading is strict: unknown or missing fields, NaN, Infinity and duplicate keys are
errors, because a file that was edited by hand decides builds.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from evalkit.errors import DataError, Problem

T = TypeVar("T")

TIME_FIELDS = frozenset({"started_at", "duration_s", "latency_s", "stage_latency_s"})
"""Fields that differ between two runs that measured the same; `without_times` drops them."""

PAID_FIELDS = frozenset({"billed", "cached_calls", "retries", "waited_s"})
"""As `TIME_FIELDS`: what an execution paid and waited follows from what was cached before it."""


def encode(value: Any) -> Any:
    """Plain JSON data for a record, a tuple of records, or a plain value."""
    cls = type(value)
    if cls in _PLAIN:
        return value
    names = _field_names(cls)  # type: ignore[arg-type]  # a class is hashable
    if names is not None:
        data = {name: encode(getattr(value, name)) for name in names}
        if cls.__name__ in _TAGGED:
            data["type"] = cls.__name__
        return data
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    return value


_PLAIN = frozenset({str, int, float, bool, type(None)})


@functools.cache
def _field_names(cls: Any) -> tuple[str, ...] | None:
    """A record's fields in order, looked up once a type; None for what is no record."""
    if not dataclasses.is_dataclass(cls):
        return None
    return tuple(field.name for field in dataclasses.fields(cls))


_TAGGED = frozenset({"Answer", "Failure", "Score", "Unscored"})
"""Members of the unions `Answer | Failure` and `Score | Unscored`."""


def decode(cls: type[T], data: Any, *, where: str = "record") -> T:
    """The record of type `cls` in plain JSON data.

    Raises `DataError` with the path of the first field that does not fit.
    """
    try:
        decoded: T = _decode(cls, data, where)
    except (TypeError, ValueError) as error:
        raise DataError([Problem(where=where, what=str(error))]) from error
    return decoded


def _decode(hint: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _decode_record(typing.cast("type", hint), data, where)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(data, list):
            raise TypeError(f"{where}: expected a list, got {_short(data)}")
        kinds = [args[0]] * len(data) if args[-1] is Ellipsis else list(args)
        if len(kinds) != len(data):
            raise ValueError(f"{where}: expected {len(kinds)} items, got {len(data)}")
        items = zip(kinds, data, strict=True)
        return tuple(_decode(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(items))
    if origin is typing.Literal:
        if data not in args:
            raise ValueError(f"{where}: {_short(data)} is not one of {', '.join(map(str, args))}")
        return data
    if origin in (typing.Union, types.UnionType):
        return _decode_union(args, data, where)
    return _decode_plain(hint, data, where)


def _decode_plain(hint: Any, data: Any, where: str) -> Any:
    if hint is float and type(data) is int:
        return float(data)
    # `type is`, not isinstance: true must not pass for 1.
    if type(data) is not hint:
        raise TypeError(f"{where}: expected {hint.__name__}, got {_short(data)}")
    return data


def _decode_union(args: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in args:
        return None
    options = [arg for arg in args if arg is not type(None)]
    if len(options) == 1:
        return _decode(options[0], data, where)
    tag = data.get("type") if isinstance(data, dict) else None
    chosen = next((arg for arg in options if getattr(arg, "__name__", None) == tag), None)
    if chosen is None:
        names = ", ".join(arg.__name__ for arg in options)
        raise ValueError(f"{where}: type {_short(tag)} is not one of {names}")
    return _decode(chosen, data, where)


@functools.cache
def _shape(cls: type) -> tuple[dict[str, Any], frozenset[str]]:
    """A record's field types, and the names that must be present."""
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    required = frozenset(
        f.name
        for f in fields
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    )
    return {f.name: hints[f.name] for f in fields}, required


def _decode_record(cls: type, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"{where}: expected an object, got {_short(data)}")
    shape, required = _shape(cls)
    given = {key for key in data if not (key == "type" and cls.__name__ in _TAGGED)}
    for what, names in (("unknown", given - shape.keys()), ("missing", required - given)):
        if names:
            raise ValueError(f"{where}: {what} field {', '.join(sorted(names))} of {cls.__name__}")
    return cls(**{key: _decode(shape[key], data[key], f"{where}.{key}") for key in given})


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────


def canonical(data: Any) -> bytes:
    """The one byte form of plain data: sorted keys, no spaces, UTF-8. Raises on NaN."""
    return _CANONICAL.encode(data).encode("utf-8", errors="surrogatepass")


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
"""Made once: `json.dumps` with options makes an encoder a call."""


def digest(value: Any) -> str:
    """SHA-256 (hex) of a record, plain data, or bytes."""
    data = value if isinstance(value, bytes) else canonical(encode(value))
    return hashlib.sha256(data).hexdigest()


def without_times(data: Any) -> Any:
    """Plain data less `TIME_FIELDS` and `PAID_FIELDS`: what two equal runs agree on to the byte."""
    if isinstance(data, dict):
        return {
            key: without_times(value)
            for key, value in data.items()
            if key not in TIME_FIELDS and key not in PAID_FIELDS
        }
    if isinstance(data, list):
        return [without_times(item) for item in data]
    return data


def loads_strict(text: str | bytes, *, where: str) -> Any:
    """JSON with duplicate keys, NaN and Infinity refused. Raises `DataError`."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError([Problem(where=where, what=f"not valid JSON: {error}")]) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [key for key, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"duplicate key {', '.join(twice)}")
    return data


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number evalkit accepts")


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def dump(path: Path, value: Any) -> None:
    """Write a record as indented JSON with a final newline, atomically."""
    text = json.dumps(encode(value), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(path, (text + "\n").encode("utf-8", errors="surrogatepass"))


def load(cls: type[T], path: Path) -> T:
    """Read a record that `dump` wrote. Raises `DataError` naming the file and the field."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            [Problem(where=str(path), what=f"cannot be read: {error.strerror}")]
        ) from error
    return decode(cls, loads_strict(data, where=str(path)), where=str(path))
