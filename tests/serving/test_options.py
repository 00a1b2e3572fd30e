"""Options are checked together, and say what would be right."""

from __future__ import annotations

import pytest

from evalkit.serving.options import ServerOptions


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def test_a_folder_and_a_repository_are_models(folder):
    assert ServerOptions(model=str(folder)).folder == folder.resolve()
    assert ServerOptions(model="owner/name-7B.v2").folder is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": "no/such/folder"}, "model must be"),
        ({"model": ""}, "model must be"),
        ({"model": "~nobody/model"}, "model must be"),
        ({"model": "a\0b"}, "model must be"),
        ({"model": "--config"}, "model must be"),
        ({"revision": "-x"}, "revision must be"),
        ({"quantization": "AWQ"}, 'quantization must be one of "", none, awq'),
        ({"dtype": "half"}, "dtype must be one of auto"),
        ({"max_model_len": -1}, "max_model_len must be a whole number"),
        ({"max_num_seqs": True}, "max_num_seqs must be a whole number"),
        ({"gpu_memory_utilization": 1.5}, r"must be a number within \[0.05, 1.0\], got 1.5"),
        ({"start_timeout_s": 0}, "start_timeout_s must be"),
        ({"tensor_parallel": 0}, "tensor_parallel must be"),
        ({"prefix_caching": "yes"}, "true or false"),
    ],
)
def test_what_is_wrong_is_said(wrong, said):
    with pytest.raises(ValueError, match=said):
        ServerOptions(**({"model": "owner/name"} | wrong))


def test_all_problems_come_at_once(folder):
    with pytest.raises(ValueError, match=r"no revision.*dtype.*seed"):
        ServerOptions(model=str(folder), revision="abc", dtype="x", seed=-1)


def test_whole_numbers_are_numbers():
    assert ServerOptions(model="o/n", gpu_memory_utilization=1, start_timeout_s=60)
