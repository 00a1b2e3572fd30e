"""Replies on record: what a reviewer reads in a diff, and what a run without keys answers from.

A folder holds one JSONL file a model: a header, then one line a call, sorted by key. Secrets are
taken out on the way in; a reply that this changed is there to be read, and is never replayed: what
was scored is no longer in it, and a leak that redaction removed must not pass for no leak.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from evalkit import codec
from evalkit.calls.fork import refuse_on_fork
from evalkit.env_secrets import EnvSecrets
from evalkit.errors import ConfigError, DataError, Problem
from evalkit.records import Completion, Cost, ModelRequest, Usage

FORMAT = "evalkit-recording-1"
_PART = ".part"
_HEAD, _TAIL = 100, 60
"""Characters of a prompt's beginning (who asks) and of its end (what is asked) that are shown."""
_UNSEEN = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What a diff does not show, or shows in another order than it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One line. `prompt` is the two ends of it, `prompt_sha256` covers the system text too.

    `usd` is what the reply cost where the model prices itself (a server by the hour); replies by
    the token are priced anew.
    """

    key: str
    prompt_ref: str
    prompt: str
    prompt_sha256: str
    model: str
    reply: str
    usage: Usage
    latency_s: float
    stop_reason: Literal["stop", "length", "refusal"]
    redacted: bool = False
    usd: float = 0.0
    usage_known: bool = True

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("key must not be empty")
        if not 0.0 <= self.latency_s < float("inf"):
            raise ValueError(f"latency_s must be seconds of 0 or more, got {self.latency_s}")
        if not 0.0 <= self.usd < float("inf"):
            raise ValueError(f"usd must be dollars of 0 or more, got {self.usd}")


class Replay:
    """The recordings of a folder, all read at once.

    Raises `ConfigError` where there are none, and `DataError` for everything in them that is
    malformed: each with file and line.
    """

    def __init__(self, folder: Path) -> None:
        files = _files(folder)
        if not files:
            what = "holds no recordings; make some with --evalkit-record"
            raise ConfigError([Problem(where=str(folder), what=what)])
        self._lines = {key: line for lines in _read(files).values() for key, line in lines.items()}

    def get(self, key: str) -> Completion | None:
        """The reply on record, at the price it had; None where none can be replayed."""
        line = self._lines.get(key)
        if line is None or line.redacted:
            return None
        return Completion(
            text=line.reply,
            model=line.model,
            usage=line.usage,
            cost=Cost(usd=line.usd),
            latency_s=line.latency_s,
            stop_reason=line.stop_reason,
            usage_known=line.usage_known,
        )

    def redacted(self, key: str) -> bool:
        """Whether a reply is on record that cannot be replayed, because a secret was in it."""
        return key in self._lines and self._lines[key].redacted


@dataclass(slots=True, eq=False)
class Recorder:
    """Adds replies to the recordings of a folder.

    Each process writes a part of its own, a line at once, so that a kill loses no reply that was
    paid for; `close` merges it, and the parts of processes that died, into the models' files. A key
    recorded again replaces what was there. Raises `ConfigError` for a folder that cannot be
    written and on a pull request from a fork, `DataError` where what is there cannot be read.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _secrets: EnvSecrets = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _part: BinaryIO | None = field(default=None, init=False)
    _added: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        refuse_on_fork(self.environ)
        self._secrets = EnvSecrets(self.environ)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _alone(self.folder):
                _read(_files(self.folder))  # now, not when the money is spent
        except OSError as error:
            what = f"recordings cannot be written here: {error}"
            raise ConfigError([Problem(where=str(self.folder), what=what)]) from error

    def add(self, key: str, request: ModelRequest, completion: Completion, model: str) -> None:
        """Record a reply of `model`, the name under which it was asked. Raises `OSError`."""
        line = {"file": model, **_plain(self._recorded(key, request, completion))}
        text = _readable(line)
        with self._lock:
            if self._added.get(key) == hash(completion.text):
                return  # from the cache, or shared by several askers
            self._added[key] = hash(completion.text)
            if self._part is None:
                self._part = self._opened()
            self._part.write(text)

    def close(self) -> None:
        """Merge into the models' files. Raises `DataError` where they have become unreadable.

        May be called again; what is added later makes a new part.
        """
        with self._lock, _alone(self.folder):
            if self._part is not None:
                self._part.close()
                self._part = None
            parts = list(_unheld(self.folder))
            try:
                _merge(self.folder, [path for path, _ in parts])
            finally:
                for _, handle in parts:
                    handle.close()

    def _opened(self) -> BinaryIO:
        # Under the folder's lock: between making a file and holding it, somebody may merge it.
        with _alone(self.folder):
            name = f".{os.getpid()}-{secrets.token_hex(4)}{_PART}"
            part = (self.folder / name).open("ab", buffering=0)
            _hold(part)
            return part

    def _recorded(self, key: str, request: ModelRequest, completion: Completion) -> Recorded:
        # Hidden before it is cut: half a secret would not be recognised.
        prompt = " ".join(self._secrets.hide(request.prompt).split())
        if len(prompt) > _HEAD + _TAIL + 3:
            prompt = f"{prompt[:_HEAD]} … {prompt[-_TAIL:]}"
        asked = f"{request.system}\0{request.prompt}".encode("utf-8", "surrogatepass")
        reply = self._secrets.hide(completion.text)
        return Recorded(
            key=key,
            prompt_ref=request.prompt_ref,
            prompt=prompt,
            prompt_sha256=hashlib.sha256(asked).hexdigest()[:12],
            model=completion.model,
            reply=reply,
            usage=completion.usage,
            latency_s=round(completion.latency_s, 4),
            stop_reason=completion.stop_reason,
            redacted=reply != completion.text,
            usd=completion.cost.usd,
            usage_known=completion.usage_known,
        )


def file_name(model: str) -> str:
    """The file of a model's recordings: its name where that is safe anywhere, else with a digest.

    Safe is lower case, because some file systems take two cases for one.
    """
    plain = model.replace("/", "__")
    if "__" not in model and re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", plain):
        return f"{plain}.jsonl"
    safe = re.sub(r"[^a-z0-9.-]+", "-", model.lower()).strip("-.")[:80]
    digest = hashlib.sha256(model.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe or 'model'}-{digest}.jsonl"


# ── files ────────────────────────────────────────────────────────────────────────────────────────

Lines = dict[str, Recorded]


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def _read(files: Iterable[Path]) -> dict[str, Lines]:
    """By model, by key. Raises `DataError` with every problem of every file."""
    problems: list[Problem] = []
    found: dict[str, Lines] = {}
    places: dict[str, str] = {}
    for path in files:
        model, *lines = path.read_bytes().split(b"\n")
        try:
            lines_of_model = found.setdefault(_model(model, path.name), {})
        except DataError as error:
            problems.extend(error.problems)
            continue
        for number, text in enumerate(lines, start=2):
            where = f"{path.name}:{number}"
            if number == len(lines) + 1 and not text:
                break  # after the last newline
            try:
                line = codec.decode(Recorded, codec.loads_strict(text, where=where), where=where)
            except DataError as error:
                problems.extend(error.problems)
                continue
            if line.key in places:
                what = f"the key {line.key[:12]} is recorded already at {places[line.key]}"
                problems.append(Problem(where=where, what=what))
            places[line.key] = where
            lines_of_model[line.key] = line
    if problems:
        raise DataError(problems)
    return found


def _model(text: bytes, name: str) -> str:
    where = f"{name}:1"
    header = codec.loads_strict(text, where=where)
    model = header.get("model") if isinstance(header, dict) else None
    if not isinstance(model, str) or header != {"recording": FORMAT, "model": model}:
        what = f"not the header of a recording ({FORMAT})"
        raise DataError([Problem(where=where, what=what)])
    if name != file_name(model):
        what = f"the recordings of {model} belong in {file_name(model)}"
        raise DataError([Problem(where=where, what=what)])
    return model


def _merge(folder: Path, parts: Iterable[Path]) -> None:
    """Into the models' files, which are replaced whole; then the parts go."""
    added: dict[str, Lines] = {}
    merged = list(parts)
    for path in merged:
        for text in path.read_bytes().split(b"\n")[:-1]:  # the last: nothing, or torn by a kill
            data = codec.loads_strict(text, where=path.name)
            line = codec.decode(
                Recorded, {k: v for k, v in data.items() if k != "file"}, where=path.name
            )
            added.setdefault(data["file"], {})[line.key] = line
    for model, lines in added.items():
        path = folder / file_name(model)
        known = _read([path] if path.exists() else []).get(model, {})
        whole = known | lines
        header = _readable({"recording": FORMAT, "model": model})
        body = b"".join(_readable(_plain(whole[key])) for key in sorted(whole))
        codec.write_atomic(path, header + body)
    for path in merged:
        path.unlink(missing_ok=True)


def _plain(line: Recorded) -> dict[str, Any]:
    """What is nothing is left out: a token count of 0, `redacted` where it is not."""
    data: dict[str, Any] = codec.encode(line)
    data["usage"] = {name: count for name, count in data["usage"].items() if count}
    for name, nothing in (("redacted", False), ("usd", 0.0), ("usage_known", True)):
        if data[name] == nothing:
            del data[name]
    return data


def _readable(data: Mapping[str, Any]) -> bytes:
    """A line in the order of its fields, every script legible, nothing invisible."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    shown = _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)
    return f"{shown}\n".encode()


# ── between processes ────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder to this process and thread; the lock leaves no file behind."""
    # Not on every platform, and only recording needs it.
    import fcntl  # noqa: PLC0415 - as the line above says

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _hold(part: BinaryIO) -> bool:
    """Mark a part as being written, for as long as its process lives; False if it is marked."""
    import fcntl  # noqa: PLC0415 - as in _alone

    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unheld(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """The parts that nobody writes any more, held."""
    for path in sorted(folder.glob(f".*{_PART}")):
        part = path.open("rb")
        if _hold(part):
            yield path, part
        else:
            part.close()
