"""What a replay found is one line with signs, and a square of four means."""

from __future__ import annotations

from dataclasses import replace

from evalkit.records import Attribution
from evalkit.report.attribution_view import attribution_views

REPLAY = Attribution(
    gate="faithfulness",
    metric="faithfulness",
    cases=tuple(f"c{i}" for i in range(12)),
    old_old=0.90,
    old_new=0.91,
    new_old=0.83,
    new_new=0.84,
)


def views(*found: Attribution, gate: str = "faithfulness"):
    return attribution_views(found, gate, show=str)


def test_both_sides_are_told_with_their_sign():
    """Contexts: ((0.83 − 0.90) + (0.84 − 0.91)) / 2 = −0.07; generator: (0.01 + 0.01) / 2."""
    (view,) = views(REPLAY)
    assert view.said == "retriever −0.07, generator +0.01 (2×2 replay over 12 cases)"


def test_an_effect_of_nothing_is_told_as_one():
    """Also a hundredth of a negative point: −0.00 is no direction."""
    (view,) = views(replace(REPLAY, old_new=0.899, new_new=0.829, cases=("c1",)))
    assert view.said == "retriever −0.07, generator +0.00 (2×2 replay over 1 case)"


def test_a_row_of_the_square_is_a_generator():
    (view,) = views(REPLAY)
    assert view.square == (
        ("old generator", "0.90", "0.83"),
        ("new generator", "0.91", "0.84"),
    )


def test_what_could_not_be_replayed_says_why_and_shows_no_zeros():
    reason = "the baseline keeps no answers"
    (view,) = views(Attribution(gate="faithfulness", metric="faithfulness", why_not=reason))
    assert (view.said, view.square) == (f"not attributed: {reason}", ())


def test_only_the_gate_s_own_replays_stand_under_it():
    assert views(REPLAY, gate="cost") == ()
    assert len(views(REPLAY, replace(REPLAY, metric="context_recall"))) == 2
