"""all-MiniLM-L6-v2 on the CPU, from a file that travels in this package: no key, no download.

Weights are stored in 8 bits and multiplied in fp32: dynamic int8 is twice as fast, but may turn
another CPU's last-bit rounding into changes of a cosine in the second decimal, and baselines travel
between machines (docs/embedded-models.md). Every text is run alone and unpadded, so that no vector
depends on its companions; the graph accepts nothing else. Two threads share the session:
onnxruntime releases the GIL. Nearly all of the work is multiplying matrices, about 0.13 ms a token
on one core, so what saves time is to embed no text twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from evalkit.errors import ConfigError, Problem
from evalkit.providers.protocol import Vectors

WEIGHTS = Path(__file__).parent / "weights" / "minilm"
DIMENSIONS = 384
_FILES = ("model.onnx", "tokenizer.json")
_ROWS_A_QUERY = 500  # SQLite allows 999 variables where it is old
_HELD_VECTORS = 65_536  # about 100 MB: enough for every sentence of one run


class MiniLmEmbedder:
    """384-dimensional sentence embeddings; English, the first 256 tokens of a text.

    `cache` is a folder shared by any number of processes, or None for this object's memory only.
    The model is loaded by the first text that is not in the cache. Raises `ConfigError` when the
    weights are not the ones their card names, or the cache cannot be opened.
    """

    name = "minilm"
    dimensions = DIMENSIONS

    def __init__(
        self, *, cache: Path | None = None, threads: int = 2, weights: Path = WEIGHTS
    ) -> None:
        self._weights = weights
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="minilm")
        self._digests = card_digests(weights / "CARD.md")
        both = "".join(self._digests[name] for name in _FILES)
        self.fingerprint = f"{self.name}-{hashlib.sha256(both.encode()).hexdigest()[:12]}"
        self._lock = Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._held: dict[bytes, Vectors] = {}
        self._under_way: dict[bytes, Future[Vectors]] = {}
        self._stored = VectorStore(cache / "embeddings.sqlite", DIMENSIONS) if cache else None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), 384), float32, unit rows; the event loop stays free."""
        return await asyncio.to_thread(self.encode, texts)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Like `embed`, from ordinary code. May be called from several threads."""
        keys = [self._key(text) for text in texts]
        known = self._recall(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            known |= self._compute(missing)
        rows = [known[key] for key in keys]
        return np.stack(rows) if rows else np.empty((0, DIMENSIONS), dtype=np.float32)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.fingerprint}\0{text}".encode("utf-8", "replace")).digest()

    def _recall(self, keys: list[bytes]) -> dict[bytes, Vectors]:
        with self._lock:
            known = {key: self._held[key] for key in keys if key in self._held}
        rest = [key for key in dict.fromkeys(keys) if key not in known]
        if rest and self._stored is not None:
            found = self._stored.get(rest)
            self._hold(found)
            known |= found
        return known

    def _hold(self, vectors: dict[bytes, Vectors]) -> None:
        with self._lock:
            self._held |= vectors
            for oldest in list(self._held)[: max(0, len(self._held) - _HELD_VECTORS)]:
                del self._held[oldest]

    def _compute(self, missing: Mapping[bytes, str]) -> dict[bytes, Vectors]:
        """Embeds and keeps them; for what another call is embedding right now, waits."""
        model = self._load()
        with self._lock:
            vectors = {key: self._under_way[key] for key in missing if key in self._under_way}
            ours = [key for key in missing if key not in vectors]
            for key in ours:
                vectors[key] = self._under_way[key] = self._pool.submit(_run, model, missing[key])
        try:
            fresh = {key: vectors[key].result() for key in ours}
            if self._stored is not None and fresh:
                self._stored.put(fresh)
            self._hold(fresh)
        finally:
            with self._lock:
                for key in ours:
                    del self._under_way[key]
        return {key: vector.result() for key, vector in vectors.items()}

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._open()
            return self._loaded

    def _open(self) -> tuple[Any, Any]:
        # Not at the top: importing evalkit must stay cheap, and these two are not.
        import onnxruntime  # noqa: PLC0415
        from tokenizers import Tokenizer  # noqa: PLC0415

        for name in _FILES:
            path = self._weights / name
            found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
            if found != self._digests[name]:
                what = "is not the file its CARD.md names; reinstall evalkit-gate."
                problem = Problem(
                    where=name, what=what, value=found, allowed=f"sha256 {self._digests[name]}"
                )
                raise ConfigError([problem])
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        # One thread a text: the same order of additions whatever the machine has, and two texts
        # at once beat two threads in one text.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(self._weights / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        return session, Tokenizer.from_file(str(self._weights / "tokenizer.json"))


def _run(model: tuple[Any, Any], text: str) -> Vectors:
    session, tokenizer = model
    ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
    vector: Vectors = session.run(None, {"input_ids": ids})[0][0]
    return vector


_SHARED: weakref.WeakValueDictionary[Path | None, MiniLmEmbedder] = weakref.WeakValueDictionary()


def shared(cache: Path | None) -> MiniLmEmbedder:
    """The process's embedder over this cache folder, for as long as somebody holds it.

    Pipeline, generator and judge embed the same sentences, and each model takes 100 MB.
    """
    found = _SHARED.get(cache)
    if found is None:
        found = _SHARED[cache] = MiniLmEmbedder(cache=cache)
    return found


def card_digests(card: Path) -> dict[str, str]:
    """File name to sha256, as the card's table of digests lists them."""
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    found = dict(re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", text, re.MULTILINE))
    missing = [name for name in _FILES if name not in found]
    if missing:
        what = f"names no sha256 for {', '.join(missing)}; reinstall evalkit-gate."
        raise ConfigError([Problem(where=card.name, what=what)])
    return found


class VectorStore:
    """Vectors by key in one SQLite file that many processes may share.

    Content-addressed: a key's vector never changes, so whoever writes first is right and a row of
    the wrong size counts as absent.
    """

    def __init__(self, path: Path, dimensions: int) -> None:
        self._size = 4 * dimensions
        self._lock = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Autocommit; the lock below stands in for SQLite's one-thread rule.
            self._rows = sqlite3.connect(
                path, timeout=60, isolation_level=None, check_same_thread=False
            )
            weakref.finalize(self, self._rows.close)
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("PRAGMA synchronous = NORMAL")
            self._rows.execute(
                # With a rowid: a vector in the key's own tree would double the file.
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
            )
        except (sqlite3.Error, OSError) as error:
            what = (
                f"the embedding cache cannot be opened: {error}. Delete it or name another folder."
            )
            raise ConfigError([Problem(where=path.name, what=what)]) from error

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors there are."""
        found: dict[bytes, Vectors] = {}
        for start in range(0, len(keys), _ROWS_A_QUERY):
            some = keys[start : start + _ROWS_A_QUERY]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608  # only "?"
            with self._lock:
                rows = self._rows.execute(query, some).fetchall()
            found |= {
                key: np.frombuffer(blob, dtype="<f4")
                for key, blob in rows
                if len(blob) == self._size
            }
        return found

    def put(self, vectors: dict[bytes, Vectors]) -> None:
        """Adds them in one transaction."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        with self._lock:
            self._rows.execute("BEGIN IMMEDIATE")
            try:
                self._rows.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            except BaseException:
                self._rows.execute("ROLLBACK")
                raise
            self._rows.execute("COMMIT")
