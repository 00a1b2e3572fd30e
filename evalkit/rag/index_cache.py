"""Built indexes by content, in files that several processes may share.

A file is named after everything that shapes the index and starts with the digest of the rest, so
a truncated or altered one is noticed before FAISS parses it, and built again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from evalkit.providers.protocol import Embedder
from evalkit.rag.protocol import IndexKind, VectorIndex

FORMAT = "evalkit-index-1"
DIGEST_BYTES = 32


async def indexed(
    texts: Sequence[str], *, kind: IndexKind, embedder: Embedder, folder: Path | None
) -> VectorIndex:
    """The index of these texts, from the cache folder or built now; None keeps no files.

    A folder that cannot be written costs time, never the run.
    """
    if folder is None:
        return await _built(texts, kind, embedder)
    path = folder / f"{cache_key(texts, kind=kind, embedder=embedder)}.index"
    kept = await asyncio.to_thread(_read, path, kind)
    if kept is not None:
        return kept
    index = await _built(texts, kind, embedder)
    await asyncio.to_thread(_write, path, index.to_bytes())
    return index


def cache_key(texts: Sequence[str], *, kind: IndexKind, embedder: Embedder) -> str:
    """Hex digest of the index's kind and options, the embedder, and the texts in order."""
    digest = hashlib.sha256()
    for part in (FORMAT, repr(kind), embedder.fingerprint, *texts):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


async def _built(texts: Sequence[str], kind: IndexKind, embedder: Embedder) -> VectorIndex:
    vectors = await embedder.embed(texts)
    return await asyncio.to_thread(kind.build, vectors)


def _read(path: Path, kind: IndexKind) -> VectorIndex | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, payload = data[:DIGEST_BYTES], data[DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        return None
    try:
        return kind.restore(payload)
    except Exception:  # noqa: BLE001 - whatever an index library raises, the cure is to build again
        return None


def _write(path: Path, payload: bytes) -> None:
    # Written aside and renamed: a reader sees the whole file or none, whoever else writes it.
    aside = path.with_name(f".{path.stem}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(hashlib.sha256(payload).digest() + payload)
        aside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
