"""`evalkit vllm noise`: how far a target's model repeats itself."""

from __future__ import annotations

import pytest

from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import said, write_served


def test_a_served_model_is_asked_at_each_width(cli, project):
    """Three prompts, twice, one at a time and two: 12 requests, all answered alike."""
    with OpenAIServer(said) as server:
        write_served(project, server.base_url)
        code, out, _ = cli(
            "vllm", "noise", "suites/tiny.toml", "--profile", "provider",
            "--cases", "3", "--at-once", "1", "2",
        )  # fmt: skip
        assert len(server.requests) == 12
    assert code == 0
    assert "tiny: openai/small" in out


@pytest.mark.parametrize("arguments", [[], ["noise"], ["noise", "s.toml", "--cases", "0"]])
def test_what_is_no_command_exits_with_2(cli, arguments):
    with pytest.raises(SystemExit) as stopped:
        cli("vllm", *arguments)
    assert stopped.value.code == 2
