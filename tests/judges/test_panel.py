from __future__ import annotations

import asyncio

import pytest

from evalkit.errors import (
    AuthFailed,
    BudgetExceeded,
    JudgeError,
    NotRecorded,
    ProviderTimeout,
    RateLimited,
)
from evalkit.judges.panel import PanelJudge
from evalkit.judges.protocol import Reversal
from evalkit.judges.scripted import ScriptedJudge
from evalkit.records import Judgement

S, C, N, U = "supported", "contradicted", "unsupported", "uncertain"


class Silent:
    """A judge that raises whatever it is asked."""

    name = fingerprint = card = "silent"

    def __init__(self, error):
        self.error = error

    async def _silent(self, **_):
        raise self.error

    claims = support = usefulness = attribution = reversal = _silent


def member(vote):
    """A judge that says this of every claim; an exception is raised, None a lost connection."""
    if vote is None:
        return Silent(ProviderTimeout("late"))
    if isinstance(vote, Exception):
        return Silent(vote)
    return ScriptedJudge(supports=vote, name=vote)


def panel(*votes, rule="majority"):
    return PanelJudge(judges=tuple(map(member, votes)), rule=rule)


def support(judge, claims=("It rains.",)):
    return asyncio.run(judge.support(claims=claims, contexts=("x",)))


@pytest.mark.parametrize(
    ("votes", "majority", "minimum"),
    [
        ((S, S, S), S, S),
        ((S, S, C), S, C),
        ((S, C, C), C, C),
        ((S, N, C), N, C),  # no verdict has two votes: most find it unsupported at best
        ((S, S, U), S, U),
        ((S, N), N, N),  # a tie is the worse one
        ((S, S, N, N), N, N),
        ((S, S, S, N), S, N),
        ((S, S, C, N, C), N, C),
    ],
)
def test_what_the_votes_come_to(votes, majority, minimum):
    for rule, label in (("majority", majority), ("minimum", minimum)):
        (found,) = support(panel(*votes, rule=rule))
        assert found.label == label
        (found,) = support(panel(*reversed(votes), rule=rule))
        assert found.label == label


@pytest.mark.parametrize(
    ("votes", "rule", "label"),
    [
        ((S, S, None), "majority", S),  # whatever the third had said
        ((C, C, None), "majority", C),
        ((S, N, None), "majority", None),
        ((S, None, None), "majority", None),
        ((S, None), "majority", None),
        ((C, None), "majority", C),
        ((S, S, None, None), "majority", None),
        ((S, S, S, None), "majority", S),
        ((S, S, None), "minimum", None),
        ((C, S, None), "minimum", C),
        ((N, S, None), "minimum", None),  # it could have been contradicted
        ((None, None), "majority", None),
    ],
)
def test_a_missing_vote_counts_where_it_could_have_changed_the_outcome(votes, rule, label):
    if label is None:
        with pytest.raises(JudgeError, match=r"the panel .*ProviderTimeout: late"):
            support(panel(*votes, rule=rule))
    else:
        (found,) = support(panel(*votes, rule=rule))
        assert found.label == label
        assert "silent gave no verdict" in found.note


@pytest.mark.parametrize("error", [JudgeError("x"), RateLimited("x"), ProviderTimeout("x")])
def test_a_judge_out_of_reach_is_a_missing_vote(error):
    (found,) = support(panel(S, S, error))
    assert found.label == S


@pytest.mark.parametrize(
    "error", [AuthFailed("x"), NotRecorded("x"), BudgetExceeded("x"), ZeroDivisionError()]
)
def test_what_a_person_must_mend_is_no_missing_vote(error):
    with pytest.raises(type(error)):
        support(panel(S, S, error))
    with pytest.raises(type(error)):
        asyncio.run(panel(S, S, error).reversal(question="q", answer="a"))


def test_the_note_says_how_the_votes_fell():
    one = ScriptedJudge(name="one", supports=S)
    two = ScriptedJudge(name="two", supports=C)
    three = ScriptedJudge(name="three", supports=S)
    (found,) = support(PanelJudge(judges=(one, two, three)))
    assert (
        found.note == "2 of 3 judges (one supported, two contradicted, three supported). scripted"
    )
    assert (found.unit, found.text) == ("c1", "It rains.")


def test_evidence_is_that_of_a_judge_who_gave_the_verdict():
    class Quoting(ScriptedJudge):
        async def support(self, *, claims, contexts):
            return (Judgement(unit="c1", text="t", label=S, evidence="the quote"),)

    (found,) = support(PanelJudge(judges=(member(C), Quoting(), Quoting())))
    assert (found.label, found.evidence) == (S, "the quote")


def test_every_unit_says_how_many_of_the_judges_agreed():
    judge = PanelJudge(
        judges=(
            ScriptedJudge(supports=S),
            ScriptedJudge(supports=lambda claim: C if "snow" in claim else S),
        )
    )
    found = support(judge, ("rain", "snow", "hail", "wind"))
    assert [(one.votes, one.voters) for one in found] == [(2, 2), (1, 2), (2, 2), (2, 2)]
    assert [(one.votes, one.voters) for one in support(ScriptedJudge())] == [(0, 0)]


def test_useful_and_attributed_are_voted_on_their_own_scales():
    yes, no = ScriptedJudge(), ScriptedJudge(finds_useful="not_useful", attributes="not_attributed")
    lost = member(None)
    for judges, rule, index in (
        ((yes, yes, no), "majority", 0),
        ((yes, no, no), "majority", 1),
        ((yes, no), "majority", 1),
        ((yes, yes, no), "minimum", 1),
        ((no, lost), "minimum", 1),  # nothing is worse
        ((no, lost), "majority", 1),
    ):
        judge = PanelJudge(judges=judges, rule=rule)
        (useful,) = asyncio.run(judge.usefulness(question="q", reference="r", contexts=("x",)))
        (found,) = asyncio.run(judge.attribution(sentences=("s",), contexts=("x",)))
        assert useful.label == ("useful", "not_useful")[index]
        assert found.label == ("attributed", "not_attributed")[index]


def test_a_label_that_was_not_asked_for_is_no_vote():
    with pytest.raises(JudgeError, match="said leaked"):
        support(panel(S, "leaked", S))


def test_judges_that_count_differently_are_undecided():
    class Short(ScriptedJudge):
        async def support(self, *, claims, contexts):
            return ()

    with pytest.raises(JudgeError, match="0 and 1 verdicts"):
        support(PanelJudge(judges=(member(S), Short())))


def test_claims_are_the_first_judges():
    one = ScriptedJudge(makes_claims=lambda question, answer: ("one",))
    two = ScriptedJudge(makes_claims=lambda question, answer: ("two",))
    judge = PanelJudge(judges=(one, two))
    assert asyncio.run(judge.claims(question="q", answer="a")) == ("one",)


def reversing(*questions, noncommittal=False):
    return ScriptedJudge(
        reverses=lambda question, answer: Reversal(questions=questions, noncommittal=noncommittal)
    )


def test_questions_are_those_of_all_judges_who_find_the_answer_committal():
    judges = (reversing("a?", "b?"), reversing("x?", noncommittal=True), reversing("c?"))
    found = asyncio.run(PanelJudge(judges=judges).reversal(question="q", answer="a"))
    assert found == Reversal(questions=("a?", "b?", "c?"), noncommittal=False)
    strict = PanelJudge(judges=judges, rule="minimum")
    found = asyncio.run(strict.reversal(question="q", answer="a"))
    assert found == Reversal(questions=("x?",), noncommittal=True)
    with pytest.raises(JudgeError, match="undecided whether the answer commits"):
        asyncio.run(
            PanelJudge(judges=(*judges[:1], member(None))).reversal(question="q", answer="a")
        )


def test_judges_are_asked_at_once():
    """Each gives way to the others once it is asked; one after the other they would never meet."""
    asked, most = [], []

    class GivesWay(ScriptedJudge):
        async def support(self, *, claims, contexts):
            asked.append(self)
            for _ in range(10):
                await asyncio.sleep(0)
            most.append(len(asked))
            asked.pop()
            return await ScriptedJudge.support(self, claims=claims, contexts=contexts)

    support(PanelJudge(judges=(GivesWay(),) * 5))
    assert max(most) == 5


def test_who_judges():
    judge = PanelJudge(judges=(ScriptedJudge(name="one"), ScriptedJudge(name="two")))
    assert judge.name == "panel(one, two)"
    assert judge.fingerprint == "panel-majority(scripted, scripted)"
    assert judge.card == f"panel of 2 judges by majority: {ScriptedJudge().card}"


@pytest.mark.parametrize(
    ("judges", "rule"),
    [((), "majority"), ((ScriptedJudge(),), "majority"), ((ScriptedJudge(),) * 2, "mean")],
)
def test_a_panel_of_one_and_an_unknown_rule_are_refused(judges, rule):
    with pytest.raises(ValueError, match=r"panel has at least two|majority or minimum"):
        PanelJudge(judges=judges, rule=rule)
