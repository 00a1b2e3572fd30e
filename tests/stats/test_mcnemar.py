"""McNemar's exact test: by hand, with clusters, and what it can never show."""

from __future__ import annotations

import itertools

import pytest

from evalkit.stats.mcnemar import p_more_hits


def test_five_new_hits_and_none_lost_by_hand():
    # (½)^5; four would be 0.0625, so five changes are the fewest that can show anything.
    assert p_more_hits([1] * 5 + [0] * 95) == 0.03125
    assert p_more_hits([1] * 4) == 0.0625


def test_lost_hits_count_against_new_ones():
    # P(Binomial(7, ½) ≥ 6) = (7 + 1)/128.
    assert p_more_hits([1] * 6 + [-1]) == pytest.approx(8 / 128)


@pytest.mark.parametrize("changes", [[], [0, 0], [-1, -1, -2]])
def test_no_new_hit_is_no_evidence(changes):
    assert p_more_hits(changes) == 1.0


def test_a_cluster_flips_as_one():
    """Six new hits in two templates of three are two coins, not six."""
    assert p_more_hits([3, 3]) == 0.25
    assert p_more_hits([1] * 6) == pytest.approx(1 / 64)


@pytest.mark.parametrize(
    "changes", [[1, 2, -1, 3], [2, -2, 1, 1, 1], [5, -1, -1, -1, -1, -1, 2], [1, 1, 2, 2, -3]]
)
def test_mixed_clusters_are_every_assignment_of_signs(changes):
    sizes = [abs(change) for change in changes]
    gained = sum(change for change in changes if change > 0)
    sums = [
        sum(size for size, up in zip(sizes, signs, strict=True) if up)
        for signs in itertools.product((True, False), repeat=len(sizes))
    ]
    expected = sum(total >= gained for total in sums) / len(sums)
    assert p_more_hits(changes) == pytest.approx(expected)


def test_thousands_of_changes_keep_their_precision():
    """Where P(S ≥ half) is just above ½, and where it is nearly nothing."""
    assert p_more_hits([1, -1] * 1000 + [2, -2] * 1000) == pytest.approx(0.5, abs=0.01)
    assert 0.0 <= p_more_hits([1] * 2000 + [2] * 10) < 1e-300
