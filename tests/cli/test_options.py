"""What options take, and what they refuse."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_concurrency_is_a_whole_number_of_at_least_one(cli, text):
    """Zero slots would wait forever."""
    with pytest.raises(SystemExit) as stopped:
        cli("run", "--concurrency", text)
    assert stopped.value.code == 2


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much"])
def test_a_budget_is_dollars(cli, text):
    """NaN is below nothing: it would never stop a run."""
    with pytest.raises(SystemExit) as stopped:
        cli("run", "--max-usd", text)
    assert stopped.value.code == 2
