"""`evalkit prompts …`: released prompts."""

from __future__ import annotations

import pytest

PROMPT = """\
+++
purpose = "Ask."
variables = ["question"]
output_contract = "Text."
why = "A test needs one."
+++
{{ question }}
"""


def test_prompts_are_released_listed_shown_and_compared(cli, project):
    """A draft, a release, a second version; a release that is edited is an error."""
    project.write("prompts/ask/v1.md", PROMPT)
    assert "draft" in cli("prompts", "list")[1]
    assert cli("prompts", "lock")[:2] == (0, "released ask@1\n")
    assert cli("prompts", "lock")[:2] == (0, "")
    project.write("prompts/ask/v2.md", PROMPT.replace("{{", "Say: {{"))
    assert "+Say: {{ question }}" in cli("prompts", "diff", "ask@1", "ask@2")[1].splitlines()
    assert cli("prompts", "show", "ask@1")[1].startswith("prompt     ask@1 (released)\n")
    project.edit("prompts/ask/v1.md", "{{", "Tell: {{")
    code, out, err = cli("prompts", "lock")
    assert (code, out) == (2, "")
    assert "was released and has been edited" in err


@pytest.mark.parametrize("command", [["show", "ask@1"], ["diff", "ask@1", "ask@2"]])
def test_a_prompt_that_is_not_there_exits_with_2(cli, command):
    """With what there is."""
    code, out, err = cli("prompts", *command)
    assert (code, out) == (2, "")
    assert "prompts/ask/v1.md: cannot be read" in err
