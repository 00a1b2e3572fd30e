"""The GPUs of this machine, as nvidia-smi tells."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

QUERY = "index,uuid,name,compute_cap,memory.total,memory.free"
QUERY_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU. `capability` is CUDA's compute capability; memory is in MiB."""

    index: int
    uuid: str
    name: str
    capability: float
    total_mib: int
    free_mib: int


def gpus() -> tuple[Gpu, ...]:
    """Those that a server started now would see; none where there is no NVIDIA driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        done = subprocess.run(  # noqa: S603 - constants
            [tool, f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=QUERY_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return visible(parsed(done.stdout), os.environ)


def parsed(text: str) -> tuple[Gpu, ...]:
    """The rows of nvidia-smi's CSV; a GPU that does not tell its memory is left out."""
    found = []
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        try:
            index, uuid, name, capability, total, free = (cell.strip() for cell in row)
            found.append(
                Gpu(
                    index=int(index),
                    uuid=uuid,
                    name=name,
                    capability=float(capability),
                    total_mib=int(total),
                    free_mib=int(free),
                )
            )
        except ValueError:
            continue
    return tuple(found)


def visible(found: tuple[Gpu, ...], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Those that CUDA_VISIBLE_DEVICES names, in its order: by index or the start of a UUID."""
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return found
    chosen = []
    for name in (part.strip() for part in named.split(",")):
        match = [
            gpu
            for gpu in found
            if (name.isdigit() and gpu.index == int(name))
            or (name.startswith("GPU-") and gpu.uuid.startswith(name))
        ]
        if not match:
            break  # CUDA, too, ignores all from the first unknown one on
        chosen += match
    return tuple(chosen)
