"""nvidia-smi's table, read from recorded output: no test here saw a GPU."""

from __future__ import annotations

import os

import pytest

from evalkit.serving.gpus import Gpu, gpus, parsed, visible

# Recorded in the form that `nvidia-smi --query-gpu=… --format=csv,noheader,nounits` prints; the
# last row is that of a GPU in an error state.
RECORDED = """\
0, GPU-5b1c0d8e-1111-2222-3333-444455556666, NVIDIA L4, 8.9, 23034, 22563
1, GPU-9f00aa11-1111-2222-3333-444455556666, Tesla T4, 7.5, 15360, 14910
2, GPU-77777777-1111-2222-3333-444455556666, Tesla T4, 7.5, [Unknown Error], [Unknown Error]
"""
L4 = Gpu(
    index=0, uuid="GPU-5b1c0d8e-1111-2222-3333-444455556666", name="NVIDIA L4", capability=8.9,
    total_mib=23034, free_mib=22563,
)  # fmt: skip


def test_rows_are_gpus_and_one_in_an_error_state_is_none():
    found = parsed(RECORDED)
    assert found[0] == L4
    assert [gpu.name for gpu in found] == ["NVIDIA L4", "Tesla T4"]


@pytest.mark.parametrize("text", ["", "No devices were found\n", "a,b,c\n"])
def test_what_is_no_table_holds_no_gpu(text):
    assert parsed(text) == ()


@pytest.mark.parametrize(
    ("named", "indices"),
    [(None, [0, 1]), ("1", [1]), ("1,0", [1, 0]), ("GPU-9f00", [1]), ("", []), ("-1", []),
     ("7,0", []), ("0,7,1", [0])],
)  # fmt: skip
def test_cuda_visible_devices_chooses(named, indices):
    environment = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
    assert [gpu.index for gpu in visible(parsed(RECORDED), environment)] == indices


def tool(folder, body):
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_the_tool_is_asked(tmp_path, monkeypatch):
    """A stand-in for nvidia-smi that prints the recorded table, or fails."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    tool(tmp_path, f"cat <<'EOF'\n{RECORDED}EOF")
    assert gpus()[0] == L4
    tool(tmp_path, "exit 9")
    assert gpus() == ()


def test_without_the_tool_there_is_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == ()
