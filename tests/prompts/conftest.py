"""A project with prompts, written on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest

HEADER = """\
+++
purpose = "Greet someone."
variables = {variables}
output_contract = "One line."
why = "First version."
+++
"""


@pytest.fixture
def write(tmp_path):
    """Write `prompts/<name>/v<version>.md`; returns the project's root."""

    def run(
        ref: str = "greet@1",
        body: str = "Hello {{ name }}.\n",
        *,
        variables: str = '["name"]',
        whole: str | None = None,
        ending: str = "\n",
    ) -> Path:
        name, _, version = ref.partition("@")
        path = tmp_path / "prompts" / name / f"v{version}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = HEADER.format(variables=variables) + body if whole is None else whole
        path.write_bytes(text.replace("\n", ending).encode())
        return tmp_path

    return run
