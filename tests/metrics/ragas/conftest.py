"""What works without ragas; its own code is run by tests/peers."""

from __future__ import annotations

import pytest

from tests.metrics.distributions import Distributions


@pytest.fixture
def distributions(tmp_path, monkeypatch):
    return Distributions(tmp_path, monkeypatch)


@pytest.fixture
def ragas(distributions):
    """The pinned release, as far as a plan looks at it."""
    distributions.install("ragas", "0.4.3")
    distributions.install("langchain-community", "0.4.1")
    return distributions
