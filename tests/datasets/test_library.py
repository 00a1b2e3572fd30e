"""The folder `datasets/` and the library `datasets` have one name; neither hides the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from evalkit.datasets import load_dataset
from evalkit.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]

BOTH = """
import datasets
from pathlib import Path
from evalkit.datasets import load_dataset
print(datasets.load_dataset.__module__, len(load_dataset(Path("datasets"), "xquad@1").cases))
"""


@pytest.mark.parametrize("way", ["-c", "-m"])
def test_the_folder_does_not_hide_the_library(tmp_path: Path, way: str) -> None:
    """From the repository root, the library is imported and the folder is read.

    The folder has no `__init__.py`, so it is at most a namespace package, and a regular package
    anywhere on the path comes before those.
    """
    argument = BOTH
    if way == "-m":
        (tmp_path / "both.py").write_text(BOTH)
        argument = "both"
    run = subprocess.run(
        [sys.executable, way, argument],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{tmp_path}:{REPOSITORY}", "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["datasets.load", "1190"]
    assert not list((REPOSITORY / "datasets").rglob("*.py"))


@pytest.mark.parametrize("stand_in", [None, ModuleType("datasets")])
def test_a_module_that_is_not_the_library_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: ModuleType | None
) -> None:
    """None makes the import fail; an empty module is what a folder of that name gives."""
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    with pytest.raises(ConfigError, match=r"pip install evalkit-gate\[datasets\]"):
        load_dataset(tmp_path, "c.parquet")


def test_without_the_library_the_user_is_told_what_to_install(tmp_path: Path) -> None:
    """The repository root, where the folder can be imported in the library's place, is no trap.

    `-S` leaves out site-packages; so evalkit reads JSON Lines with the standard library alone.
    """
    code = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from evalkit.datasets import load_dataset
from evalkit.errors import ConfigError
assert load_dataset(Path("datasets"), "xquad@1").cases
for ref in ("c.parquet", "hf:some/where"):
    try:
        load_dataset(Path({str(tmp_path)!r}), ref)
    except ConfigError as error:
        print(error)
"""
    run = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=REPOSITORY,
        env={"PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.count("pip install evalkit-gate[datasets]") == 2
