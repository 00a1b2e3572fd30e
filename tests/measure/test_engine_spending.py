"""The engine keeps what calls took, and a resumed run goes on from it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from evalkit import journal, scope
from evalkit.calls.ledger import Ledger
from evalkit.errors import BudgetExceeded
from evalkit.plan import Effort
from evalkit.pricing import Price
from evalkit.records import Answer, Cost, Score, Spend
from tests.measure.test_engine import CASES, FakeMetric, FakeTarget, measured, plan

# ── what calls took ──────────────────────────────────────────────────────────────────────────────


def take(usd, *, calls=1, retries=0):
    """As a caller does on the account of the running part."""
    here = scope.current()
    here.calls += calls
    here.retries += retries
    here.waited_s += 0.5
    here.billed_usd += usd
    here.cold_usd += usd


@dataclass
class PaidTarget(FakeTarget):
    """Each answer is one call of $0.25; documents were one of $1."""

    async def ingest(self, documents):
        take(1.0)

    async def answer(self, question):
        take(0.25)
        return await super().answer(question)


@dataclass(frozen=True)
class PaidMetric(FakeMetric):
    """Each score is two calls of $0.5 in all."""

    async def score(self, case, answer, *, repeat, instruments):
        take(0.5, calls=2)
        return await super().score(case, answer, repeat=repeat, instruments=instruments)


def test_what_was_spent_is_told_by_part_and_in_the_journal_by_case(tmp_path):
    """One ingestion, and for each of 6 cases and 2 repeats an answer and a score."""
    made = plan(PaidTarget(), PaidMetric())
    totals = measured(tmp_path, made, repeats=2).spends
    assert [(total.part, total.calls) for total in totals] == [
        ("answer", 12), ("fake", 24), ("ingest", 1),
    ]  # fmt: skip
    assert sum(total.billed.usd for total in totals) == 1.0 + 12 * 0.25 + 12 * 0.5
    spends = journal.read(tmp_path.glob("*.jsonl"), key=made.key).spends
    parts = [spend.part for spend in spends]
    assert {part: parts.count(part) for part in parts} == {"ingest": 1, "answer": 12, "fake": 12}
    assert {(s.case_id, s.repeat) for s in spends if s.part == "fake"} == {
        (case.id, repeat) for case in CASES for repeat in (0, 1)
    }


def test_who_called_nobody_spent_nothing(tmp_path):
    """No row of zeros for what runs in this process."""
    assert measured(tmp_path, plan(FakeTarget())).spends == ()


def test_spending_is_in_the_journal_before_what_it_paid_for(tmp_path):
    """Killed between the two, a resumed run knows of the money."""
    measured(tmp_path, plan(PaidTarget(), PaidMetric()))
    (path,) = tmp_path.glob("*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    seen = set()
    for line in lines:
        ((kind, record),) = line.items()
        if kind == "spend":
            seen.add((record["case_id"], record["part"]))
        else:
            part = "answer" if kind == "trial" else "fake"
            assert (record["case_id"], part) in seen
    assert len(seen) == 13


def test_a_part_that_failed_was_paid_for_too(tmp_path):
    """The target spends and then raises; its attempts were billed."""

    class Failing(PaidTarget):
        async def answer(self, question):
            take(0.25, calls=0, retries=3)
            raise OSError("down")

    spend, _ = measured(tmp_path, plan(Failing(), PaidMetric(), cases=CASES[:1])).spends
    assert spend == Spend(
        case_id="", repeat=0, part="answer", calls=0, retries=3, waited_s=0.5,
        billed=Cost(usd=0.25), cold=Cost(usd=0.25),
    )  # fmt: skip


def test_a_resumed_run_forgets_no_spending(tmp_path):
    """What is done is not done again; what is done again adds to what its first half had paid."""

    class Refused(PaidMetric):
        async def score(self, case, answer, *, repeat, instruments):
            take(0.1)
            raise BudgetExceeded("no more")

    first = measured(tmp_path, plan(PaidTarget(), Refused()), run_id="one")
    assert sum(spend.billed.usd for spend in first.spends) == pytest.approx(1.0 + 6 * 0.35)
    target = PaidTarget()
    again = measured(tmp_path, plan(target, PaidMetric()), resume=True, run_id="two")
    assert target.asked == []
    (scored,) = (spend for spend in again.spends if spend.part == "fake")
    assert (scored.calls, scored.waited_s) == (6 * 2, 6 * 1.0)
    assert scored.billed.usd == pytest.approx(6 * 0.6)
    assert scored.cold.usd == pytest.approx(6 * 0.5)
    last = measured(tmp_path, plan(PaidTarget(), PaidMetric()), resume=True, run_id="three")
    assert [s.billed.usd for s in last.spends] == pytest.approx(
        [s.billed.usd for s in again.spends]
    )


# ── the budget ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ledger(tmp_path):
    """An account of a dollar."""
    made = Ledger(path=tmp_path / "budget" / "b.sqlite", cap_usd=1.0)
    yield made
    made.close()


def test_calls_that_evalkit_makes_are_not_charged_twice(tmp_path, ledger):
    """They are reserved and settled one by one; only a target of its own is charged afterwards."""
    price = Price(input=0.1)
    measured(tmp_path, plan(PaidTarget(), price=price, ledger=ledger), run_id="one")
    assert ledger.spent_usd == 0.0
    measured(tmp_path, plan(FakeTarget(), price=price, ledger=ledger), run_id="two")
    assert ledger.spent_usd == pytest.approx(0.6)


@pytest.mark.parametrize("stage", ["", "generate", "retrieve"])
def test_what_a_budget_refused_is_done_by_a_resumed_run(tmp_path, stage):
    """Whatever stage a pipeline names for it; its scores too."""
    refused = BudgetExceeded("no more")
    if stage:
        refused.add_note(f"stage: {stage}")
    entries = measured(tmp_path, plan(FakeTarget(fault=refused)), run_id="one")
    assert {trial.outcome.stage for trial in entries.trials} == {stage or "budget"}
    target = FakeTarget()
    again = measured(tmp_path, plan(target), resume=True, run_id="two")
    assert len(target.asked) == 6
    assert all(isinstance(score, Score) for score in again.scores)


def test_documents_that_a_budget_refused_are_taken_in_by_a_resumed_run(tmp_path):
    """Embedding them costs as well."""
    refused = FakeTarget(ingest_fault=BudgetExceeded("no more"))
    measured(tmp_path, plan(refused), run_id="one")
    again = measured(tmp_path, plan(FakeTarget()), resume=True, run_id="two")
    assert all(isinstance(trial.outcome, Answer) for trial in again.trials)


def test_what_failed_otherwise_stays_failed(tmp_path):
    """The near miss: a resumed run does not ask until the answer pleases."""
    measured(tmp_path, plan(FakeTarget(fault=ValueError("boom"))), run_id="one")
    target = FakeTarget()
    again = measured(tmp_path, plan(target), resume=True, run_id="two")
    assert target.asked == []
    assert {trial.outcome.error_type for trial in again.trials} == {"ValueError"}


@pytest.mark.parametrize(
    "effort", [{"repeats": 0}, {"concurrency": 0}, {"attempt_timeout_s": 0}, {"concurrency": -1}]
)
def test_no_effort_at_all_is_refused(effort):
    """A run of nothing would have nothing to fail on."""
    with pytest.raises(ValueError, match="must be"):
        Effort(**effort)
