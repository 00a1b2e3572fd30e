"""What a run's calls took, target and judge apart, in the words of the report."""

from __future__ import annotations

from dataclasses import replace

from evalkit.records import ANSWERING, Cost, Spend, Usage
from evalkit.report.spending_view import SpendingRow, judging_usd, spending_rows
from evalkit.report.terminal import _spent
from tests.builders import by_case, make_run

RUN = make_run({"m": by_case([1.0] * 2)})


def spend(part, case_id="c000", **changes):
    given = {
        "calls": 2, "cached_calls": 1, "retries": 1, "waited_s": 1.5,
        "usage": Usage(input_tokens=1000, output_tokens=100),
        "billed": Cost(usd=0.01), "cold": Cost(usd=0.02),
    } | changes  # fmt: skip
    return Spend(case_id=case_id, repeat=0, part=part, **given)


def rows(*spends):
    return spending_rows(replace(RUN, spends=spends))


def test_a_run_that_called_nobody_has_no_row():
    assert spending_rows(RUN) == ()


def test_each_role_is_a_row_of_sums():
    """Two answers and one ingestion are the target's; two metrics are the judge's."""
    target, judge = rows(
        spend(ANSWERING),
        spend(ANSWERING, "c001"),
        spend("ingest", "", cached_calls=0, retries=0, waited_s=0.0),
        spend("faithfulness", billed=Cost(usd=0.5)),
        spend("context_recall"),
    )
    assert target == SpendingRow(
        role="target", calls="6", cached="2", retries="2", tokens="3,300",
        cold="$0.0600", billed="$0.0300", waited="3.00 s",
    )  # fmt: skip
    assert (judge.role, judge.calls, judge.billed, judge.cold) == (
        "judge",
        "4",
        "$0.5100",
        "$0.0400",
    )


def test_a_role_that_called_nobody_has_no_row():
    """An embedded judge beside a hosted generator, and the other way round."""
    assert [row.role for row in rows(spend(ANSWERING))] == ["target"]
    assert [row.role for row in rows(spend("faithfulness"))] == ["judge"]


def test_the_line_tells_of_cache_and_failures_only_where_there_were_any():
    """What did not happen takes no room; what did is never left out."""
    (plain,) = rows(spend(ANSWERING, cached_calls=0, retries=0, waited_s=0.0))
    assert plain.waited == ""
    assert _spent(plain) == (
        "target: 2 calls · 1,100 tokens · $0.0100 billed, $0.0200 with a cold cache"
    )
    (both,) = rows(spend(ANSWERING))
    assert _spent(both).startswith("target: 2 calls, 1 cached, 1 failed attempts · ")


def test_what_came_after_the_run_is_neither_target_nor_judge():
    """A baseline judged again and a replay cost money; they are no price of judging a run."""
    parts = ("answer", "faithfulness", "rejudging", "replays", "attribution")
    spends = tuple(Spend(case_id="", repeat=0, part=part, calls=1, cold=Cost(usd=1.0))
                   for part in parts)  # fmt: skip
    run = replace(make_run({"faithfulness": {"c1": 1.0}}), spends=spends)
    assert [row.role for row in spending_rows(run)] == [
        "target", "judge", "baseline, judged again", "new breaches, answered again", "attribution",
    ]  # fmt: skip
    assert judging_usd(run) == 1.0
