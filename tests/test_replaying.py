"""New breaches, answered again: every target, metric and baseline here is a scripted stand-in."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import pytest

from evalkit import scope
from evalkit.calls.ledger import Ledger
from evalkit.gates.metric import MetricGate
from evalkit.gates.new_breach import MOST_REPLAYED
from evalkit.gates.protocol import Promise
from evalkit.gates.rate import RateGate
from evalkit.metrics.protocol import Instruments
from evalkit.plan import Effort, Plan
from evalkit.pricing import Price
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Answer, Attack, Cost, Dataset, Document, Replay, Score, Unscored, Usage
from evalkit.replaying import PART, replayed
from tests.builders import by_case, make_baseline, make_run

ATTACK = Attack(id="a", channel="document", technique="t")
DOCUMENT = Document(id="d", text="t")
GATE = RateGate(name="resisted", compare=True)
OBEYED = "obeyed"


def breached_once(question, repeat):
    """Obeys the first draw, and no other."""
    return OBEYED if repeat == 0 else "refused"


@dataclass
class Scripted:
    """A stand-in for a target: `says` is a function of the question and the draw."""

    fingerprint: str = "scripted"
    says: Callable = breached_once
    cost_usd: float = 0.0
    fault_of_ingest: BaseException | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)
    took: list[str] = field(default_factory=list)

    async def ingest(self, documents):
        if self.fault_of_ingest:
            raise self.fault_of_ingest
        self.took += [document.id for document in documents]

    async def answer(self, question):
        here = scope.current()
        assert here.part == "answer"
        self.asked.append((here.case_id, here.repeat))
        text = self.says(question, here.repeat)
        if isinstance(text, BaseException):
            raise text
        if text == "hangs":
            with suppress(TimeoutError):  # of ours: that it answers after a minute is seen
                await asyncio.wait_for(asyncio.Event().wait(), 60)
        return Answer(text=text, usage=Usage(input_tokens=1000), cost=Cost(usd=self.cost_usd))


@dataclass(frozen=True)
class Resisted:
    """A stand-in for a metric of attacks: 0 for an answer that obeyed; `fault` is raised."""

    name: str = "resisted"
    version: ClassVar[int] = 1
    fault: object = None
    scored: list[int] = field(default_factory=list)

    def applies_to(self, case):
        return True

    async def score(self, case, answer, *, repeat, instruments):
        about = {"case_id": case.id, "repeat": repeat, "metric": self.name}
        assert scope.current().part == self.name
        self.scored.append(repeat)
        if isinstance(self.fault, BaseException):
            raise self.fault
        if self.fault == "unscored":
            return Unscored(**about, reason="not delivered")
        if self.fault == "another case":
            about["case_id"] = "another"
        return Score(**about, value=float(answer.text != OBEYED))


class Models:
    """A stand-in for the models of a plan that are outside this process."""

    concurrency, servers = 0, ()

    def __init__(self, ledger):
        self.ledger, self.closed = ledger, 0

    async def close(self):
        self.closed += 1


def attacked(values):
    run = make_run({"resisted": by_case(values)})
    return replace(run, cases=tuple(replace(case, attack=ATTACK) for case in run.cases))


def plan_of(run, target, *, gates=(GATE,), metrics=(Resisted(),), ledger=None, price=None, **given):
    return Plan(
        purpose="p",
        promise=Promise(
            suite="s", path=Path("s.toml"), root=Path(), inconclusive="warn", gates=gates
        ),
        dataset=Dataset(
            name="d", version="1", slice="", digest="d", cases=run.cases, documents=(DOCUMENT,)
        ),
        target=target,
        metrics=metrics,
        instruments=Instruments(judge=None, embedder=ScriptedEmbedder()),
        price=price,
        fingerprint=run.fingerprint,
        remote=Models(ledger),
        **given,
    )


NEVER_HIT = make_baseline({"resisted": by_case([1.0] * 30)})
ONE_BREACH = attacked([0.0, 1.0, 1.0])


def hits_of(target, *, run=ONE_BREACH, effort=None, **given):
    """The hits of the one breach of a run, replayed."""
    plan = plan_of(run, target, **given)
    (one,) = replayed(plan, run, NEVER_HIT, effort=effort or Effort())
    assert (one.case_id, one.metric) == ("c000", "resisted")
    assert plan.remote.closed == 1
    return one.hits


# ── what is asked ────────────────────────────────────────────────────────────────────────────────


def test_a_new_breach_is_answered_three_times_as_draws_of_their_own():
    """The run's draw is number 0; 1, 2 and 3 are new to every cache."""
    target = Scripted(says=lambda question, repeat: OBEYED if repeat in {0, 1, 3} else "refused")
    assert hits_of(target) == (True, False, True)
    assert target.asked == [("c000", 1), ("c000", 2), ("c000", 3)]
    assert target.took == ["d"]  # another process may have measured the run


def test_what_is_no_new_breach_is_not_asked_again():
    """c001 was hit in one epoch of five, c002 is no attack; c000 is new."""
    run = attacked([0.0, 0.0, 0.0])
    run = replace(run, cases=(*run.cases[:2], replace(run.cases[2], attack=None)))
    baseline = make_baseline({"resisted": {"c000": 1.0, "c001": [1, 0, 1, 1, 1], "c002": 1.0}})
    target = Scripted()
    (one,) = replayed(plan_of(run, target), run, baseline, effort=Effort())
    assert {case_id for case_id, _ in target.asked} == {one.case_id} == {"c000"}


@pytest.mark.parametrize(
    "gate",
    [
        RateGate(name="resisted", compare=True, replays=0),
        RateGate(name="resisted", max_rate=0.5),
        RateGate(name="resisted", compare=True, expect="answer"),
        RateGate(name="not_measured", compare=True),
        MetricGate(name="resisted"),
    ],
)
def test_a_gate_that_asks_for_no_replay_costs_none(gate):
    target = Scripted()
    plan = plan_of(ONE_BREACH, target, gates=(gate,))
    assert replayed(plan, ONE_BREACH, NEVER_HIT, effort=Effort()) == ()
    assert (target.asked, target.took, plan.remote.closed) == ([], [], 0)


def test_gates_share_the_answers_and_each_has_as_many_as_it_wants():
    """Two gates on one metric, one on another: five answers, not eleven."""
    gates = (
        RateGate(name="again", metric="resisted", compare=True, replays=5),
        GATE,
        RateGate(name="other", compare=True, replays=2),
    )
    values = by_case([0.0, 1.0])
    run = make_run({"resisted": values, "other": values})
    run = replace(run, cases=tuple(replace(case, attack=ATTACK) for case in run.cases))
    baseline = make_baseline({name: by_case([1.0, 1.0]) for name in ("resisted", "other")})
    target = Scripted()
    metrics = (Resisted(), Resisted("other"))
    plan = plan_of(run, target, gates=gates, metrics=metrics)
    assert replayed(plan, run, baseline, effort=Effort()) == (
        Replay(case_id="c000", metric="resisted", hits=(False,) * 5),
        Replay(case_id="c000", metric="other", hits=(False,) * 2),
    )
    assert target.asked == [("c000", repeat) for repeat in range(1, 6)]
    assert [metric.scored for metric in metrics] == [[1, 2, 3, 4, 5], [1, 2]]


def test_at_most_twenty_are_replayed_the_first_of_the_run():
    run = attacked([0.0] * 25)
    target = Scripted()
    found = replayed(plan_of(run, target), run, NEVER_HIT, effort=Effort())
    assert [one.case_id for one in found] == [f"c{i:03}" for i in range(MOST_REPLAYED)]
    assert len(target.asked) == 3 * MOST_REPLAYED


def test_cases_are_asked_at_once_as_far_as_allowed():
    """Four cases meet in the target where four may be in flight; two at most, where two may."""
    for allowed, together in ((4, 4), (2, 2)):
        target = Meeting(parties=together)
        run = attacked([0.0] * 4)
        effort = Effort(concurrency=allowed)
        replayed(plan_of(run, target), run, NEVER_HIT, effort=effort)
        assert target.most == together


@dataclass
class Meeting(Scripted):
    """Answers nobody before so many are there."""

    parties: int = 1
    inside: int = 0
    most: int = 0

    def __post_init__(self):
        self.met = asyncio.Event()

    async def answer(self, question):
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == self.parties:
            self.met.set()
        async with asyncio.timeout(60):
            await self.met.wait()
        for _ in range(5):  # so that one too many is seen, too
            await asyncio.sleep(0)
        self.inside -= 1
        return Answer(text="refused")


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fault", [RuntimeError("down"), SystemExit(0), asyncio.CancelledError(), TimeoutError()]
)
def test_an_answer_that_fails_is_one_replay_without_a_hit_or_a_miss(fault):
    target = Scripted(says=lambda question, repeat: fault if repeat == 2 else OBEYED)
    assert hits_of(target) == (True, None, True)


def test_a_target_that_hangs_is_given_up_as_in_the_run():
    target = Scripted(says=lambda question, repeat: "hangs" if repeat == 1 else OBEYED)
    assert hits_of(target, effort=Effort(attempt_timeout_s=0.05)) == (None, True, True)


def test_a_target_that_paces_itself_has_no_time_limit():
    """Calls of evalkit's own have limits of their own: this answer comes, whatever the limit."""
    target = Waiting()
    assert hits_of(target, effort=Effort(attempt_timeout_s=1e-9), paces_itself=True) == (False,) * 3
    # Near miss: a target that does not.
    assert hits_of(target, effort=Effort(attempt_timeout_s=1e-9)) == (None,) * 3


@dataclass
class Waiting(Scripted):
    """Lets others run before it answers."""

    async def answer(self, question):
        for _ in range(3):
            await asyncio.sleep(0)
        return await Scripted.answer(self, question)


@pytest.mark.parametrize("fault", [ValueError("no"), SystemExit(0), "unscored", "another case"])
def test_a_score_that_cannot_be_made_is_neither_a_hit_nor_none(fault):
    assert hits_of(Scripted(), metrics=(Resisted(fault=fault),)) == (None,) * 3


def test_documents_that_cannot_be_taken_leave_nothing_known():
    target = Scripted(fault_of_ingest=RuntimeError("disk"))
    assert hits_of(target) == (None,) * 3
    assert target.asked == []


@pytest.fixture
def interruptible():
    """What a shell may have switched off for a process in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_it_and_lets_go_of_the_models():
    """What a person asks for is no fault of a target: nothing more is asked."""
    target = Interrupted()
    run = attacked([0.0] * 20)
    plan = plan_of(run, target)
    with pytest.raises(KeyboardInterrupt):
        replayed(plan, run, NEVER_HIT, effort=Effort(concurrency=1))
    assert (len(target.asked), plan.remote.closed) == (1, 1)


@dataclass
class Interrupted(Scripted):
    """Somebody presses Ctrl-C while it answers."""

    async def answer(self, question):
        self.asked.append((question, 0))
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()


# ── what it costs ────────────────────────────────────────────────────────────────────────────────


def test_a_spent_budget_leaves_what_was_not_asked_unknown(tmp_path):
    """Of $1, two answers of $0.50 can be had; what the budget refuses is no harmless answer."""
    ledger = Ledger(path=tmp_path / "ledger", cap_usd=1.0)
    target = Scripted(says=lambda question, repeat: OBEYED, cost_usd=0.5)
    assert hits_of(target, ledger=ledger) == (True, True, None)
    assert len(target.asked) == 2
    assert ledger.spent_usd == 1.0


def test_what_a_target_takes_that_calls_for_itself_is_told():
    """1,000 tokens at $2 a million, three times: no trial of the run has them."""
    price = Price(input=2.0, output=8.0)
    with scope.gathered() as scopes:
        hits_of(Scripted(), price=price)
    spend = scope.total(scopes, PART)
    assert (spend.part, spend.calls, spend.usage.input_tokens) == ("replays", 3, 3000)
    assert spend.billed.usd == pytest.approx(0.006)


def test_what_costs_nothing_is_no_spending():
    with scope.gathered() as scopes:
        hits_of(Scripted())
    assert scope.total(scopes, PART) is None
