"""What a model is, before any server runs: which weights, and how they are quantized.

A reply is looked up in the cache before the first call, so the identity of the weights must be
known without a server: the digest of a local folder, or the commit of a hub's repository.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from pathlib import Path

from evalkit.errors import ConfigError, Problem
from evalkit.serving.options import ServerOptions

WHOLE_BYTES = 4 * 2**30
"""A folder up to this size is digested whole, in a few seconds; larger files by samples."""

_SAMPLES, _SAMPLE_BYTES = 64, 2**20
_COMMIT = re.compile(r"[0-9a-f]{40}")
_READ_BYTES = 2**20

_known: dict[tuple[tuple[str, int, int], ...], str] = {}


def pinned(options: ServerOptions) -> ServerOptions:
    """The options with the exact commit of a hub's model.

    A branch, or none, is resolved by the hub's cache on this machine, so that the same name means
    the same weights for as long as nobody downloads others. Raises `ConfigError` otherwise.
    """
    if options.folder is not None or _COMMIT.fullmatch(options.revision):
        return options
    ref = hub_folder(options.model) / "refs" / (options.revision or "main")
    try:
        commit = ref.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        commit = ""
    if not _COMMIT.fullmatch(commit):
        what = "needs the commit of its weights, or a copy in this machine's hub cache"
        allowed = "revision = the 40 hex digits of a commit"
        where = f"vllm model {options.model}"
        raise ConfigError(
            [Problem(where=where, what=what, value=options.revision, allowed=allowed)]
        )
    return dataclasses.replace(options, revision=commit)


def weights_id(options: ServerOptions) -> str:
    """The identity of pinned weights: `sha256:…` of a folder, `owner/name@commit` of a hub."""
    if options.folder is None:
        return f"{options.model}@{options.revision}"
    return f"sha256:{folder_digest(options.folder)}"


def declared_quantization(options: ServerOptions) -> str | None:
    """The method that the checkpoint's config.json names, "" for none.

    None where there is no config.json yet: a hub's model that nobody has downloaded.
    """
    folder = options.folder or hub_folder(options.model) / "snapshots" / options.revision
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        declared = config.get("quantization_config") or {}
        return str(declared.get("quant_method", "")).lower() if declared else ""
    except (OSError, ValueError, AttributeError):
        return None


def hub_folder(model: str) -> Path:
    """Where the hub's client keeps a repository on this machine."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    cache = os.environ.get("HF_HUB_CACHE") or f"{home}/hub"
    return Path(cache).expanduser() / f"models--{model.replace('/', '--')}"


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, hidden ones apart.

    Above `WHOLE_BYTES` a file counts by its size, its beginning and end, and samples between:
    weights that differ anywhere by training differ everywhere. Known again by size and time of
    change within this process.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )
    stats = [(path, path.stat()) for path in paths]
    seen = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
    if seen not in _known:
        whole = sum(stat.st_size for _, stat in stats) <= WHOLE_BYTES
        digest = hashlib.sha256()
        for path, stat in stats:
            name = path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
            content = _content_digest(path, stat.st_size, whole=whole)
            digest.update(len(name).to_bytes(4, "big") + name + content)
        _known[seen] = digest.hexdigest()
    return _known[seen]


def _content_digest(path: Path, size: int, *, whole: bool) -> bytes:
    digest = hashlib.sha256(size.to_bytes(8, "big"))
    with path.open("rb") as file:
        if whole or size <= _SAMPLES * _SAMPLE_BYTES:
            while block := file.read(_READ_BYTES):
                digest.update(block)
        else:
            for i in range(_SAMPLES):
                file.seek((size - _SAMPLE_BYTES) * i // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.digest()
