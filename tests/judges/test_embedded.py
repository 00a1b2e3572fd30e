"""The embedded judge: what it flags, what it leaves alone, and that it says the same every time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re

import pytest

from evalkit.errors import JudgeError
from evalkit.judges.embedded import WEIGHTS, EmbeddedJudge, is_abstention
from evalkit.judges.embedded_features import FEATURES
from evalkit.providers.minilm import MiniLmEmbedder

PANTHERS = (
    "The Panthers defense gave up just 308 points, ranking sixth in the league, while also "
    "leading the NFL in interceptions with 24. Pro Bowl defensive tackle Kawann Short led the team "
    "in sacks with 11. The stadium was not sold in 2015."
)
WARSAW = (
    "The botanical gardens of Warsaw were opened in 1818. They cover five hectares near the palace."
)


@pytest.fixture(scope="module")
def judge():
    return EmbeddedJudge(MiniLmEmbedder())


def support(judge, claim, *contexts):
    (judgement,) = asyncio.run(judge.support(claims=(claim,), contexts=contexts))
    return judgement


def test_a_verbatim_claim_is_supported(judge):
    """Word for word, whatever the case and the spacing before the full stop."""
    verdict = support(judge, "the stadium was not sold in 2015 .", WARSAW, PANTHERS)
    assert verdict.label == "supported"
    assert verdict.evidence == "The stadium was not sold in 2015."
    assert verdict.note == "verbatim"


def test_a_reworded_claim_is_supported(judge):
    """The near miss of verbatim: other words, same fact."""
    claim = "Defensive tackle Kawann Short led the Panthers in sacks with 11."
    assert support(judge, claim, PANTHERS).label == "supported"


def test_another_number_contradicts_and_is_named(judge):
    """308 became 318; the evidence is the sentence that says otherwise."""
    claim = "The Panthers defense gave up just 318 points, ranking sixth in the league."
    verdict = support(judge, claim, PANTHERS, WARSAW)
    assert verdict.label == "contradicted"
    assert "numbers in no context: 318" in verdict.note
    assert verdict.evidence in PANTHERS


def test_a_negation_more_or_less_contradicts(judge):
    """Put in or taken out, it is the same contradiction."""
    for claim in (
        "The botanical gardens of Warsaw were not opened in 1818.",
        "The stadium was sold in the year 2015.",
    ):
        verdict = support(judge, claim, PANTHERS, WARSAW)
        assert verdict.label == "contradicted", claim
        assert "negated" in verdict.note


def test_a_claim_about_something_else_is_unsupported_not_contradicted(judge):
    """A number or a negation of its own does not make it a contradiction."""
    claim = "Photosynthesis does not take place at 80 degrees in the leaves of a fern."
    verdict = support(judge, claim, PANTHERS, WARSAW)
    assert verdict.label == "unsupported"
    assert "numbers in no context: 80" in verdict.note


def test_a_name_that_no_context_has_is_named(judge):
    """The reviewer sees which."""
    claim = "Quarterback Peyton Manning led the team in sacks with 11."
    verdict = support(judge, claim, PANTHERS)
    assert verdict.label != "supported"
    assert "Peyton Manning" in verdict.note


def test_without_a_context_every_claim_is_unsupported(judge):
    """Nothing retrieved, or only white space, supports nothing; no claim, no verdict."""
    assert support(judge, "It rained.").label == "unsupported"
    assert support(judge, "It rained.", " ").label == "unsupported"
    assert asyncio.run(judge.support(claims=(), contexts=(PANTHERS,))) == ()


def test_there_is_one_verdict_a_unit_in_order(judge):
    """Units are named c1, c2, … and evidence is verbatim context."""
    claims = ("It rained.", "Kawann Short had 11 sacks.", "It rained.")
    verdicts = asyncio.run(judge.support(claims=claims, contexts=(PANTHERS, WARSAW)))
    assert [verdict.unit for verdict in verdicts] == ["c1", "c2", "c3"]
    assert tuple(verdict.text for verdict in verdicts) == claims
    assert all(verdict.evidence in PANTHERS + WARSAW for verdict in verdicts)


def test_claims_are_the_sentences_that_state_something(judge):
    """An abstention states nothing; "yes" states its question."""
    answer = "They were opened in 1818. They cover five hectares. I don't know who paid."
    assert asyncio.run(judge.claims(question="When?", answer=answer)) == (
        "They were opened in 1818.",
        "They cover five hectares.",
    )
    assert asyncio.run(judge.claims(question="Who paid?", answer="The passages do not say.")) == ()
    assert asyncio.run(judge.claims(question="Is it old?", answer="Yes.")) == ("Is it old? Yes.",)
    assert asyncio.run(judge.claims(question="How many?", answer="308")) == ("308",)
    assert asyncio.run(judge.claims(question="How many?", answer=" ")) == ()


def test_the_context_that_answers_is_useful_and_its_neighbour_is_not(judge):
    """Same team, another topic: not useful."""
    neighbour = "The Panthers play in Charlotte. Their stadium opened in 1996 and seats 75,000."
    verdicts = asyncio.run(
        judge.usefulness(
            question="How many points did the Panthers defense give up?",
            reference="308",
            contexts=(neighbour, PANTHERS, WARSAW),
        )
    )
    assert [verdict.unit for verdict in verdicts] == ["p1", "p2", "p3"]
    assert [verdict.label for verdict in verdicts] == ["not_useful", "useful", "not_useful"]
    assert verdicts[1].evidence.startswith("The Panthers defense gave up just 308 points")


def test_reference_sentences_are_attributed_to_the_contexts(judge):
    """The one that was retrieved is, the one that was not is not."""
    verdicts = asyncio.run(
        judge.attribution(
            sentences=("Warsaw's botanical gardens opened in 1818.", "A whale is a mammal."),
            contexts=(PANTHERS, WARSAW),
        )
    )
    assert [verdict.label for verdict in verdicts] == ["attributed", "not_attributed"]


def test_a_reversal_is_the_answer_without_its_abstentions(judge):
    """It stands for the question it answers; an opening abstention makes it noncommittal."""
    plain = asyncio.run(judge.reversal(question="When?", answer="They were opened in 1818."))
    assert plain.questions == ("They were opened in 1818.",)
    assert not plain.noncommittal
    dodge = "I don't know. They were perhaps opened in 1818."
    assert asyncio.run(judge.reversal(question="When?", answer=dodge)).noncommittal
    assert asyncio.run(judge.reversal(question="When?", answer="")).noncommittal


def test_a_fragment_has_no_reversal(judge):
    """The cosine of "308" with its question says nothing, so no score comes of it."""
    with pytest.raises(JudgeError, match="fewer than 5 words"):
        asyncio.run(judge.reversal(question="How many points?", answer="308"))


@pytest.mark.parametrize(
    "sentence",
    [
        "I don't know.",
        "I do not have enough information to answer that.",
        "Sorry, I don't know",
        "I'm not sure.",
        "I cannot answer this from the given context.",
        "I'm unable to determine who paid.",
        "The passages do not say who paid.",
        "The provided context doesn't mention the price.",
        "The given documents do not contain the answer.",
        "None of the passages mention it.",
        "That is not mentioned in the passages.",
        "The price is not stated in the provided context.",
        "There is no information about the price in the context.",
        "Not enough information.",
        "The question cannot be answered from the context.",
        "Unanswerable.",
    ],
)
def test_an_abstention_is_recognised(sentence):
    """In the words models use for it."""
    assert is_abstention(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The treaty does not mention slavery.",
        "The company did not give a reason for the closure.",
        "He did not know that the war was over.",
        "I know that it opened in 1818.",
        "The name is not known before 1200.",
        "The virus cannot be found in birds.",
        "Slavery is not mentioned in the constitution.",
        "There is no evidence-based treatment in children, only care.",
        "The passages were opened in 1818.",
    ],
)
def test_a_statement_with_a_negation_is_no_abstention(sentence):
    """What a source does not say may be the answer."""
    assert not is_abstention(sentence)


def test_a_second_judge_says_the_same(judge):
    """Other objects, other batch, same verdicts and same notes."""
    claims = ("Kawann Short had 11 sacks.", "It rained.")
    contexts = (PANTHERS, WARSAW)
    one = asyncio.run(judge.support(claims=claims, contexts=contexts))
    other = EmbeddedJudge(MiniLmEmbedder(threads=1))
    alone = support(other, claims[0], *contexts)
    two = asyncio.run(other.support(claims=claims, contexts=contexts))
    assert one == two
    assert alone == one[0]
    assert judge.fingerprint == other.fingerprint


def test_the_card_is_the_figure_measured_for_this_embedder(judge):
    """Weights fitted on another embedder's cosines must not ship."""
    fitted = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    value, low, high = fitted["measured"]["begin, responses cut into claims"]["balanced_accuracy"]
    assert judge.card == fitted["card"]
    shown = [float(figure) for figure in re.findall(r"0\.\d\d", judge.card)]
    unseen = fitted["measured"]["begin, fitted without it"]["balanced_accuracy"][0]
    assert shown == pytest.approx([value, low, high, unseen], abs=0.0051)
    assert fitted["embedder"] == MiniLmEmbedder().fingerprint
    assert tuple(fitted["features"]) == FEATURES


def test_the_fingerprint_changes_with_the_weights(tmp_path, judge):
    """One more space is another file."""
    other = tmp_path / "embedded.json"
    other.write_bytes(WEIGHTS.read_bytes() + b" ")
    assert EmbeddedJudge(MiniLmEmbedder(), weights=other).fingerprint != judge.fingerprint
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:12] in judge.fingerprint
