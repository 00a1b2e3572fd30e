"""Dependencies point down, and the check that says so can fail."""

from __future__ import annotations

import shutil

import pytest


def test_the_contracts_hold(root, tool):
    checked = tool("lint-imports", "--no-cache", cwd=root)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def copy(root, tmp_path):
    """The package's code and the contracts, to be broken."""
    no_data = shutil.ignore_patterns("__pycache__", "weights", "templates", "files")
    shutil.copytree(root / "evalkit", tmp_path / "evalkit", ignore=no_data)
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        pytest.param(
            "records.py",
            "import evalkit.pipeline",
            "evalkit.records -> evalkit.pipeline",
            id="upward",
        ),
        pytest.param(
            "codec.py",
            "def late():\n    import evalkit.pricing",
            "evalkit.codec -> evalkit.pricing",
            id="sideways, inside a function",
        ),
        pytest.param(
            "gates/protocol.py",
            "import evalkit.providers.protocol",
            "evalkit.gates.protocol -> evalkit.providers.protocol",
            id="a gate that reaches a model",
        ),
        pytest.param("stray.py", "", "evalkit.stray", id="a module without a layer"),
    ],
)
def test_a_forbidden_import_is_named(copy, tool, module, line, complaint):
    path = copy / "evalkit" / module
    before = path.read_text("utf-8") if path.exists() else ""
    path.write_text(f"{before}\n\n{line}\n", "utf-8")
    checked = tool("lint-imports", "--no-cache", cwd=copy)
    assert checked.returncode != 0
    assert complaint in checked.stdout
