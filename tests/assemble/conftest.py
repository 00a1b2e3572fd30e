"""What every test of assembling finds in its environment."""

import pytest


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    """Nobody is called, so any key will do; without one a plan is refused."""
    monkeypatch.setenv("OPENAI_API_KEY", "none-of-ours")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none-of-ours")
