"""The noise of a target's model is measured on the suite's own prompts, every reply anew."""

from __future__ import annotations

import itertools

import pytest

from evalkit.config import load_project
from evalkit.errors import ConfigError
from evalkit.repeatability import suite_noise
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import said, write_served


def noise(project, **options):
    suite = project.root / "suites/tiny.toml"
    loaded = load_project(project.root)
    return suite_noise(suite, project=loaded, profile="provider", **options)


def test_a_model_that_repeats_itself_has_no_noise(project):
    """Four prompts at two widths, twice each: 16 requests, none from a cache."""
    with OpenAIServer(said) as server:
        write_served(project, server.base_url)
        (found,) = noise(project, cases=4, at_once=(1, 2))
        asked = [seen.body["messages"][-1]["content"] for seen in server.requests]
    assert len(asked) == 16
    assert len(set(asked)) == 4
    assert all("How many bees does the mayor" in prompt for prompt in asked)
    assert [(row.at_once, row.identical) for row in found.rows] == [(1, 1.0), (2, 1.0)]
    assert found.model == "tiny: openai/small"


def test_a_model_that_does_not_is_seen(project):
    """Every reply another one: none is identical to that of the first run."""
    numbers = itertools.count()
    with OpenAIServer(lambda body: f"{next(numbers)} bees.") as server:
        write_served(project, server.base_url)
        (found,) = noise(project, cases=3, at_once=(1,))
    assert [row.identical for row in found.rows] == [0.0]


def test_a_target_whose_prompts_nobody_knows_is_refused(project):
    with OpenAIServer(said) as server:
        write_served(project, server.base_url)
        project.edit(
            "evalkit.toml",
            'kind = "rag"\nprompt = "ask@1"\nretrieve = { mode = "bm25", k = 2 }',
            'kind = "callable"\nfunction = "app:answer"',
        )
        with pytest.raises(ConfigError, match="tiny: noise is measured on a target of kind rag"):
            noise(project)
        assert server.requests == []
