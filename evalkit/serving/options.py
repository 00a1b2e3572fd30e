"""What a managed vLLM server may be asked for, and nothing beyond it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FROM_CHECKPOINT = ("awq", "gptq", "compressed-tensors")
"""Methods whose checkpoint holds quantized weights and says so in its config.json."""

ONLINE = ("bitsandbytes",)
"""Methods that vLLM applies to whole weights while it loads them; `fp8` goes both ways."""

QUANTIZATIONS = ("", "none", *FROM_CHECKPOINT, "fp8", *ONLINE)
DTYPES = ("auto", "bfloat16", "float16", "float32")
KV_CACHE_DTYPES = ("auto", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2")

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The options of one server; two servers of equal options are the same server.

    `model` is a local folder, or `owner/name` of a model hub with the commit as its `revision`.
    `quantization` "" takes what the checkpoint declares, "none" insists that it declares nothing.
    0 leaves `max_model_len` (tokens) and `max_num_seqs` (requests at once) to vLLM.
    `gpu_memory_utilization` is the share of each GPU's memory that the server takes;
    `start_timeout_s` covers everything up to the first reply. Raises `ValueError` with every
    problem found.
    """

    model: str
    revision: str = ""
    quantization: str = ""
    kv_cache_dtype: str = "auto"
    dtype: str = "auto"
    max_model_len: int = 0
    gpu_memory_utilization: float = 0.9
    max_num_seqs: int = 0
    prefix_caching: bool = True
    tensor_parallel: int = 1
    seed: int = 0
    start_timeout_s: float = 900.0

    def __post_init__(self) -> None:
        problems = [*self._wrong_names(), *self._wrong_numbers()]
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def folder(self) -> Path | None:
        """The local folder of the weights, absolute; None for a model of a hub.

        It is one by its config.json: no other folder is ever read through for a digest.
        """
        path = Path(os.path.expanduser(self.model))  # noqa: PTH111 - Path's raises for "~nobody"
        try:
            return path.resolve() if (path / "config.json").is_file() else None
        except (OSError, ValueError):  # no name of a file at all
            return None

    def _wrong_names(self) -> Iterator[str]:
        if self.folder is None and not _REPOSITORY.fullmatch(self.model):
            yield (
                "model must be a folder with a config.json, or owner/name of a hub, "
                f"got {self.model!r}"
            )
        if self.folder is not None and self.revision:
            yield f"a local folder has no revision, got {self.revision!r}"
        if self.revision and not _REVISION.fullmatch(self.revision):
            yield f"revision must be a commit, got {self.revision!r}"
        for name, allowed in (
            ("quantization", QUANTIZATIONS),
            ("dtype", DTYPES),
            ("kv_cache_dtype", KV_CACHE_DTYPES),
        ):
            if getattr(self, name) not in allowed:
                listed = ", ".join(value or '""' for value in allowed)
                yield f"{name} must be one of {listed}; got {getattr(self, name)!r}"

    def _wrong_numbers(self) -> Iterator[str]:
        for name, kind, low, high in (
            ("max_model_len", int, 0, 10_000_000),
            ("max_num_seqs", int, 0, 10_000),
            ("tensor_parallel", int, 1, 64),
            ("seed", int, 0, 2**32 - 1),
            ("gpu_memory_utilization", float, 0.05, 1.0),
            ("start_timeout_s", float, 1.0, 86_400.0),
        ):
            value = getattr(self, name)
            # A bool is an int to Python, and never a number that somebody meant.
            right = type(value) is int or (kind is float and type(value) is float)
            if not right or not low <= value <= high:
                noun = "a whole number" if kind is int else "a number"
                yield f"{name} must be {noun} within [{low}, {high}], got {value!r}"
        caching: object = self.prefix_caching
        if type(caching) is not bool:
            yield f"prefix_caching must be true or false, got {caching!r}"
