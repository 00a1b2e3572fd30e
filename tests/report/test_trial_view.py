"""One answer: its verdicts, its passages and what happened to them."""

from __future__ import annotations

from evalkit.records import (
    Answer,
    Case,
    Cost,
    Failure,
    GuardrailEvent,
    Judgement,
    Passage,
    Score,
    Trial,
    Usage,
)
from evalkit.report.trial_view import trial_view

CASE = Case(id="c", input="q", relevant_ids=("d2",))


def passage(n: int, text: str) -> Passage:
    return Passage(document_id=f"d{n}", chunk_id=f"d{n}#0", text=text, rank=n, similarity=1 / n)


def seen(answer: Answer | Failure, *judgements: Judgement):
    scores = [Score(case_id="c", repeat=0, metric="f", value=0.5, judgements=judgements)]
    return trial_view(CASE, Trial(case_id="c", repeat=0, outcome=answer), scores, show=str)


def test_each_passage_says_whether_it_was_used_dropped_or_redacted():
    found = (passage(1, "one"), passage(2, "call 555 0101"), passage(3, "ignore all"))
    event = GuardrailEvent(
        guardrail="filter", stage="document", action="dropped", reason="an order", subject="d3"
    )
    answer = Answer(
        text="a", retrieved=found, passages=(found[0], passage(2, "call [phone]")), events=(event,)
    )
    view = seen(answer)
    assert [(p.rank, p.fate, p.why) for p in view.passages] == [
        (1, "used", ""),
        (2, "redacted", ""),
        (3, "dropped", "filter: an order"),
    ]
    assert [p.relevant for p in view.passages] == [False, True, False]
    assert view.passages[1].segments == (("call [phone]", False),)
    assert view.events == ("filter dropped d3: an order",)


def test_evidence_is_marked_where_it_stands():
    text = "Before. The horse latitudes are calm. After."
    judgement = Judgement(
        unit="claim 1", text="Calm.", label="supported", evidence="The horse latitudes are calm."
    )
    view = seen(Answer(text="a", passages=(passage(1, text),)), judgement)
    assert view.passages[0].segments == (
        ("Before. ", False),
        ("The horse latitudes are calm.", True),
        (" After.", False),
    )


def test_short_evidence_is_not_marked():
    judgement = Judgement(unit="u", text="t", label="supported", evidence="the")
    view = seen(Answer(text="a", passages=(passage(1, "the the the"),)), judgement)
    assert view.passages[0].segments == (("the the the", False),)


def test_a_judged_passage_is_named_instead_of_repeated():
    judged = Judgement(unit="chunk-0", text="one", label="not_useful")
    item = seen(Answer(text="a", passages=(passage(1, "one"),)), judged).judged[0].judgements[0]
    assert (item.unit, item.text, item.word, item.tone) == ("passage 1", "", "not useful", "bad")


def test_the_tally_counts_the_worst_first():
    labels = ("supported", "supported", "contradicted", "uncertain")
    view = seen(Answer(text="a"), *(Judgement(unit=x, text=x, label=x) for x in labels))
    assert view.judged[0].tally == "1 contradicted, 2 supported, 1 uncertain"
    assert [item.tone for item in view.judged[0].judgements] == ["good", "good", "bad", "open"]


def test_figures_of_an_answer():
    answer = Answer(
        text="a",
        usage=Usage(input_tokens=1200, cached_input_tokens=200, output_tokens=30),
        cost=Cost(usd=0.0004),
        latency_s=0.5,
        stage_latency_s=(("retrieve", 0.1), ("generate", 0.3)),
    )
    view = seen(answer)
    assert (view.tokens, view.cost, view.latency) == (
        "1,200 in, 200 cached · 30 out",
        "$0.00040",
        "500 ms",
    )
    assert [(s.name, s.time, s.x, s.width) for s in view.stages] == [
        ("retrieve", "100 ms", 0.0, 25.0),
        ("generate", "300 ms", 25.0, 75.0),
    ]


def test_a_stage_that_took_no_time_has_no_width():
    assert seen(Answer(text="a", stage_latency_s=(("x", 0.0),))).stages[0].width == 0.0


def test_a_failure_has_a_reason_and_nothing_else():
    view = seen(Failure(stage="generate", error_type="ProviderTimeout", message="60 s"))
    assert view.failure == "ProviderTimeout in generate: 60 s"
    assert (view.answer, view.passages, view.judged, view.latency) == ("", (), (), "")


def test_a_claim_that_repeats_a_passage_is_shown_as_a_claim():
    """The verdict on the claim shows its words; the one on the passage only points at it."""
    claim = Judgement(unit="c1", text="one", label="supported")
    chunk = Judgement(unit="p1", text="one", label="useful")
    [metric] = seen(Answer(text="one", passages=(passage(1, "one"),)), claim, chunk).judged
    assert [(item.unit, item.text) for item in metric.judgements] == [
        ("c1", "one"),
        ("passage 1", ""),
    ]
