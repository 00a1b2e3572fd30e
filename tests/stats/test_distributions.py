"""Quantiles and tails at points known by hand."""

from __future__ import annotations

import math

import pytest

from evalkit.stats.distributions import beta_quantile, student_t_cdf, student_t_quantile


@pytest.mark.parametrize("probability", [0.0, 1.0, math.nan, -0.1])
def test_a_quantile_needs_a_probability_inside(probability):
    with pytest.raises(ValueError, match="strictly between"):
        student_t_quantile(probability, 5)
    with pytest.raises(ValueError, match="strictly between"):
        beta_quantile(probability, 1, 1)


def test_distributions_at_points_known_by_hand():
    # Student's t is symmetric; Beta(1, 1) is uniform.
    assert student_t_cdf(0.0, 7) == 0.5
    assert student_t_quantile(0.5, 7) == pytest.approx(0.0, abs=1e-12)
    assert beta_quantile(0.3, 1, 1) == pytest.approx(0.3)
