"""What holds for any data: order does not matter, intervals hold their point, shifts are heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.exact import rate_interval
from evalkit.stats.holm import holm
from evalkit.stats.paired import interval, mean_of, p_drop, sample_mean
from evalkit.stats.ratio import ratio_lower_bound, ratio_of_sums

DELTAS = st.floats(-1.0, 1.0)
LABELLED = st.lists(st.tuples(DELTAS, st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda pairs: len({cluster for _, cluster in pairs}) > 1
)
P_VALUES = st.lists(st.floats(0.0, 1.0), max_size=12)


def sampled(pairs):
    return sample_mean([value for value, _ in pairs], [cluster for _, cluster in pairs])


@given(LABELLED, st.randoms(use_true_random=False))
def test_the_order_of_cases_does_not_matter(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    # Sums are exact (fsum), so even the last bit agrees, up to the order inside a cluster's sum.
    one, other = sampled(pairs), sampled(shuffled)
    assert abs(one.mean - other.mean) < 1e-12
    assert abs(one.standard_error - other.standard_error) < 1e-12
    assert (one.df, one.n, one.n_clusters) == (other.df, other.n, other.n_clusters)


@given(LABELLED)
def test_an_interval_holds_its_point_and_p_is_a_probability(pairs):
    sample = sampled(pairs)
    low, high = interval(sample)
    assert low <= sample.mean <= high
    assert 0.0 <= p_drop(sample) <= 1.0


@given(LABELLED, st.floats(0.0, 1.0))
def test_lowering_every_score_alike_never_lowers_the_evidence_of_a_drop(pairs, drop):
    """Only a shift is monotone: see the next test."""
    lower = [(value - drop, cluster) for value, cluster in pairs]
    # Near the rounding threshold the spread may be taken for 0 on one side only.
    if (sampled(pairs).standard_error == 0.0) == (sampled(lower).standard_error == 0.0):
        assert p_drop(sampled(lower)) <= p_drop(sampled(pairs)) + 1e-6


def test_lowering_one_score_can_lower_the_evidence():
    """The known price of a t test: one outlier widens the spread more than it moves the mean."""
    # 20 drops of 0.05 ± 0.01 are certain; one of them made a drop of 1 is a mean of −0.0975 with a
    # standard error of 0.0475.
    drops = [-0.05 + 0.01 * (-1) ** i for i in range(20)]
    assert p_drop(sample_mean([*drops[:-1], -1.0], range(20))) > p_drop(
        sample_mean(drops, range(20))
    )


@given(P_VALUES, st.integers(0, 5))
def test_holm_never_lowers_a_p_and_keeps_their_order(p_values, lost):
    adjusted = holm(p_values, family_size=len(p_values) + lost)
    assert all(p <= q <= 1.0 for p, q in zip(p_values, adjusted, strict=True))
    by_p = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)
    assert all(q <= r for q, r in zip(holm(p_values), adjusted, strict=True))


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_exact_interval_holds_the_observed_rate(counts):
    events, n = counts
    low, high = rate_interval(events, n)
    assert 0.0 <= low <= events / n <= high <= 1.0


@given(st.lists(st.tuples(st.floats(0.01, 10.0), st.floats(0.01, 10.0)), min_size=2, max_size=30))
def test_a_ratio_lies_above_its_lower_bound_and_between_its_cases(pairs):
    now, before = zip(*pairs, strict=True)
    ratio = ratio_of_sums(now, before)
    each = [y / x for y, x in pairs]
    assert ratio_lower_bound(ratio) <= ratio.value
    assert min(each) - 1e-9 <= ratio.value <= max(each) + 1e-9


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_a_mean_lies_between_its_values(values):
    assert min(values) <= mean_of(values) <= max(values)
