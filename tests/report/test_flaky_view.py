"""Cases that waver from run to run of the baseline are ranked, and only those that do."""

from __future__ import annotations

import math
from dataclasses import replace

from evalkit.records import Baseline, BaselineCase
from evalkit.report.flaky_view import flaky_tables
from evalkit.report.sinks import visible
from tests.builders import make_baseline
from tests.report.test_gate_view import comparison

STEADY = (0.5,) * 5


def baseline(epochs: dict[str, tuple[float, ...]]) -> Baseline:
    cases = tuple(
        BaselineCase(
            id=case,
            cluster="",
            scores=(("f", values),),
            input_tokens=(1,) * len(values),
            output_tokens=(1,) * len(values),
            usd=(0.0,) * len(values),
        )
        for case, values in epochs.items()
    )
    return replace(make_baseline({"f": {"a": 1.0}}), cases=cases)


def tables(epochs, **anchors):
    return flaky_tables(baseline(epochs), ["f"], anchors=anchors, show=str)


def test_the_case_that_wavers_most_comes_first():
    """Drawn towards the pool: ŝ² = (4·s² + 4·pool)/8, over five epochs."""
    epochs = {"b": (0.5, 0.5, 0.5, 1.0, 1.0), "c": STEADY, "a": (0, 0, 0, 1.0, 1.0)}
    (table,) = tables(epochs, a="s1c1")
    assert [row.case for row in table.rows] == ["a", "b"]
    first = table.rows[0]
    assert (first.scores, first.anchor) == ("0.00 0.00 0.00 1.00 1.00", "s1c1")
    # a: s² = 0.3, b: s² = 0.075, so the pool is 0.125: ŝ² = 0.2125, 0.1 and (c) 0.0625.
    assert (first.sd, first.share) == ("0.46", "56.7 %")
    assert table.said == "2 of 3 cases waver, a most"
    assert table.n == 2


def test_a_frozen_target_has_no_table():
    assert tables({"a": STEADY, "b": STEADY}) == ()


def test_rounding_is_not_wavering():
    assert tables({"a": (0.1 + 0.2, 0.3, 0.3, 0.3, 0.3), "b": STEADY}) == ()


def test_without_a_baseline_or_its_metric_there_is_none():
    assert flaky_tables(None, ["f"], anchors={}, show=str) == ()
    found = baseline({"a": (0.0, 1.0)})
    assert flaky_tables(found, ["other"], anchors={}, show=str) == ()


def test_a_handful_is_shown_and_all_are_counted():
    (table,) = tables({f"c{i}": (0.0, 1.0) for i in range(9)})
    assert (len(table.rows), table.n) == (5, 9)
    assert [row.case for row in table.rows] == [f"c{i}" for i in range(5)]  # ties by name


def test_with_a_standard_error_the_share_is_of_its_square():
    """Noise: mean ŝ² 0.125 · (1/1 + 1/5) / 3 = 0.05 of SE² = 0.1 is half; a has 56.7 % of that."""
    epochs = {"b": (0.5, 0.5, 0.5, 1.0, 1.0), "c": STEADY, "a": (0, 0, 0, 1.0, 1.0)}
    error = math.sqrt(0.1)
    found = replace(comparison(), standard_error=error, n_pairs=3)
    for given, share, said in (
        (found, "28.3 %", "2 of 3 cases waver, a most; run-to-run noise is 50 % of SE²"),
        (replace(found, kind="floor"), "56.7 %", "2 of 3 cases waver, a most"),
        (replace(found, standard_error=0.0), "56.7 %", "2 of 3 cases waver, a most"),
    ):
        (table,) = flaky_tables(
            baseline(epochs), ["f"], comparisons=[given], anchors={}, show=str
        )  # fmt: skip
        assert (table.rows[0].share, table.said) == (share, said)
        assert table.of_error == (share == "28.3 %")


def test_more_repeats_leave_less_noise_in_the_error():
    """As above, with two repeats now: 0.125 · (1/2 + 1/5) / 3 is 29 % of SE² = 0.1."""
    epochs = {"b": (0.5, 0.5, 0.5, 1.0, 1.0), "c": STEADY, "a": (0, 0, 0, 1.0, 1.0)}
    found = replace(comparison(), standard_error=math.sqrt(0.1), n_pairs=3)
    (table,) = flaky_tables(
        baseline(epochs), ["f"], comparisons=[found], repeats=2, anchors={}, show=str
    )
    assert table.said.endswith("run-to-run noise is 29 % of SE²")


def test_a_case_is_linked_by_the_name_it_is_shown_under():
    """The page's anchors are by names without controls and secrets, the baseline's are not."""
    (table,) = flaky_tables(
        baseline({"a\x1b": (0.0, 1.0)}), ["f"], anchors={"a␛": "s1c1"}, show=visible
    )
    assert [(row.case, row.anchor) for row in table.rows] == [("a␛", "s1c1")]
