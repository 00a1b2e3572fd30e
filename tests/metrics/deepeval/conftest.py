"""What works without deepeval; its own code is run by tests/peers."""

from __future__ import annotations

import pytest

from tests.metrics.distributions import Distributions


@pytest.fixture
def distributions(tmp_path, monkeypatch):
    return Distributions(tmp_path, monkeypatch)


@pytest.fixture
def deepeval(distributions):
    """The pinned release, as far as a plan looks at it."""
    distributions.install("deepeval", "4.3.1")
    return distributions
