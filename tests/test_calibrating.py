"""Calibrating: the judge is asked as the metric asks it, and counted against people."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from evalkit import calibrating, cards
from evalkit.calibrating import About, calibrated, first, labelled_set, told
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.datasets.labelled import Labelled, LabelledSet
from evalkit.errors import ConfigError, DataError, JudgeError, ProviderError
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.protocol import Instruments
from evalkit.plan import InProcess
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Case, Judgement, Rated


def says(claim):
    """A stand-in for a judge: it approves of whatever has no "wrong" in it."""
    if "silent" in claim:
        raise JudgeError("no usable reply")
    return "unsupported" if "wrong" in claim else "supported"


def tools(**changes):
    return Instruments(judge=ScriptedJudge(supports=says, **changes), embedder=ScriptedEmbedder())


def item(name, text, human, contexts=("All is known.",)):
    return Labelled(id=name, text=text, contexts=contexts, human=human)


def of(*items, unit="answer"):
    return LabelledSet(name="mine", unit=unit, items=items)


def counts(found):
    card = found.calibration
    return (
        card.true_positives, card.false_negatives, card.true_negatives, card.false_positives,
        card.unanswered,
    )  # fmt: skip


TWO_BY_TWO = of(
    item("a", "Right.", 1.0),
    item("b", "Right. Also right.", 1.0),
    item("c", "Right. But wrong.", 1.0),
    item("d", "All wrong.", 0.0),
    item("e", "Half right. Half wrong.", 0.5),
    item("f", "It only sounds right.", 0.0),
    item("g", "The judge is silent.", 0.0),
    item("h", "Nobody labelled this.", None),
)


def test_supported_is_everything_it_says_on_both_sides():
    """One claim of two that the judge refuses is a refusal; a label of one half is one too."""
    found = calibrated(TWO_BY_TWO, InProcess(), tools())
    # a, b kept; c refused though supported; d, e refused rightly; f let through; g no verdict.
    assert counts(found) == (2, 1, 2, 1, 1)
    assert found.unlabelled == 1
    assert [one.id for one in found.silent] == ["g"]
    card = found.calibration
    assert (card.judge, card.labels, card.unit) == ("scripted", "mine", "answer")
    assert (card.suite, card.metric, card.ratings) == ("", "faithfulness", ())


def test_a_claim_is_asked_as_one_claim():
    """Near miss: as an answer it would be two claims, and the second would be refused."""
    row = item("a", "Right. But wrong.", 1.0)
    asked = []

    def label(claim):
        asked.append(claim)
        return "supported"

    judge = replace(tools(), judge=ScriptedJudge(supports=label))
    assert counts(calibrated(of(row, unit="claim"), InProcess(), judge)) == (1, 0, 0, 0, 0)
    assert asked == ["Right. But wrong."]
    calibrated(of(row), InProcess(), judge)
    assert asked[1:] == ["Right.", "But wrong."]


class Odd(ScriptedJudge):
    """A stand-in that answers about claims in a way that cannot be counted, or falsely quotes."""

    async def support(self, *, claims, contexts):
        if "twice" in claims[0]:
            return tuple(Judgement(unit=u, text="x", label="supported") for u in ("c1", "c2"))
        label = "uncertain" if "unsure" in claims[0] else "supported"
        return (Judgement(unit="c1", text=claims[0], label=label, evidence="not there"),)


def test_a_claim_without_a_passage_a_true_quote_or_one_verdict_is_not_supported():
    rows = of(
        item("a", "Nothing was shown.", 0.0, contexts=()),
        item("b", "The quote is false.", 0.0),
        item("c", "It is unsure.", 0.0),
        item("d", "Said twice.", 1.0),
        unit="claim",
    )
    found = calibrated(rows, InProcess(), Instruments(judge=Odd(), embedder=ScriptedEmbedder()))
    assert counts(found) == (0, 0, 3, 0, 1)
    assert found.why == "the judge gave 2 verdicts on 1 units"


def test_a_suites_labels_keep_both_scores_and_use_its_cases():
    """Where the case expects an abstention, an answer that says nothing is a full score."""
    rows = of(item("a", "Right. But wrong.", 0.5), item("b", "…", 1.0), item("c", "…", 0.0))
    cases = {
        "a": Case(id="a", input="q"),
        "b": Case(id="b", input="q", expect="abstain"),
        "c": Case(id="c", input="q"),
    }
    found = calibrated(rows, InProcess(), tools(), about=About(suite="tiny", cases=cases))
    card = found.calibration
    assert (card.suite, card.metric) == ("tiny", "faithfulness")
    assert card.ratings == (
        Rated(id="a", human=0.5, judged=0.5),
        Rated(id="b", human=1.0, judged=1.0),
        Rated(id="c", human=0.0, judged=0.0),
    )


def test_what_cannot_be_asked_is_refused():
    cases = About(suite="tiny", cases={})
    with pytest.raises(DataError, match="no row has a label"):
        calibrated(of(item("h", "x", None)), InProcess(), tools())
    with pytest.raises(DataError, match=r"not a case of the suite tiny\. Got h"):
        calibrated(of(item("h", "x", 1.0)), InProcess(), tools(), about=cases)
    with pytest.raises(ConfigError, match="needs the cases of a suite"):
        calibrated(of(item("h", "x", 1.0)), InProcess(), tools(), metric="context_recall")
    with pytest.raises(ConfigError, match="unknown"):
        calibrated(of(item("h", "x", 1.0)), InProcess(), tools(), metric="faithfullness")


class Models(InProcess):
    """Stands for models that must be let go of."""

    closed = 0

    async def close(self):
        Models.closed += 1


def test_an_outage_is_not_the_judges_silence():
    """A provider that fails stops everything, and connections are let go of all the same."""

    def out(claim):
        raise ProviderError("the provider is out")

    before = Models.closed
    down = Instruments(judge=ScriptedJudge(supports=out), embedder=ScriptedEmbedder())
    with pytest.raises(ProviderError, match="is out"):
        calibrated(TWO_BY_TWO, Models(), down)
    assert Models.closed == before + 1


class Waiting(ScriptedJudge):
    """A stand-in that lets others go first, and knows how many are asked at once."""

    now = most = 0

    async def support(self, *, claims, contexts):
        Waiting.now += 1
        Waiting.most = max(Waiting.most, Waiting.now)
        await asyncio.sleep(0)
        Waiting.now -= 1
        return await ScriptedJudge.support(self, claims=claims, contexts=contexts)


def test_items_are_judged_side_by_side():
    rows = of(*[item(f"r{i}", "Right.", 1.0) for i in range(8)], unit="claim")
    calibrated(rows, InProcess(), Instruments(judge=Waiting(), embedder=ScriptedEmbedder()))
    assert Waiting.most > 1


def test_the_words_name_every_figure_and_every_doubt():
    text = told(calibrated(replace(TWO_BY_TWO, ignored=("editor",)), InProcess(), tools()))
    assert "on mine: 6 answers, of which people call 3 supported" in text
    # Sensitivity 2/3, specificity 2/3: J = 1/3.
    assert "sensitivity        0.67 [0.21, 0.94]" in text
    assert "Youden's J         0.33" in text
    assert "it sees 0.33 of a true drop" in text
    warnings = [line for line in text.splitlines() if line.startswith("warning: ")]
    assert [line.split()[1] for line in warnings] == ["6", "J", "no", "1", "columns"]
    assert "no verdict on 1 item, 1 of them not supported" in text
    assert "no usable reply" in text
    assert "columns not read: editor" in text


def test_enough_good_labels_give_no_warning():
    """50 of each kind, all judged rightly. Near miss: 49 unsupported ones."""
    rows = [item(f"r{i}", "Right.", 1.0) for i in range(51)]
    rows += [item(f"w{i}", "All wrong.", 0.0) for i in range(50)]
    assert "warning" not in told(calibrated(of(*rows), InProcess(), tools()))
    assert "warning" in told(calibrated(of(*rows[:-1]), InProcess(), tools()))


def test_a_judge_that_approves_of_everything_sees_no_drop():
    rows = [item(f"r{i}", "Right.", float(i % 2)) for i in range(200)]
    text = told(calibrated(of(*rows), InProcess(), tools()))
    assert "no better than a coin" in text
    assert "warning: J is below 0.5" in text


def test_labels_of_one_kind_are_said_to_give_no_j():
    text = told(calibrated(of(*[item(f"r{i}", "R.", 1.0) for i in range(3)]), InProcess(), tools()))
    assert "labels of one kind only: J is unknown" in text
    assert "sensitivity" not in text


def test_a_limit_takes_the_same_items_whatever_their_order():
    rows = TWO_BY_TWO.items
    some = first(TWO_BY_TWO, 3)
    assert len(some.items) == 3
    assert set(first(of(*reversed(rows)), 3).items) == set(some.items)
    assert first(TWO_BY_TWO, 100) == TWO_BY_TWO


def test_a_limit_is_of_labelled_items_and_the_part_is_no_longer_called_the_set():
    """So that eight answers' card does not take the place of that of all. Near miss: all seven."""
    assert {one.id for one in first(TWO_BY_TWO, 6).items} < set("abcdefg")
    assert first(TWO_BY_TWO, 6).name == "mine, 6 of 7"
    assert first(TWO_BY_TWO, 7).name == "mine"


# ── which metric ─────────────────────────────────────────────────────────────────────────────────


def test_labels_that_name_their_metric_are_of_no_other():
    cases = {"a": Case(id="a", input="q", references=("Right.",))}
    labels = replace(of(item("a", "Right.", 1.0)), metric="context_recall")
    about = About(suite="tiny", cases=cases)
    judge = replace(tools(), judge=ScriptedJudge())
    found = calibrated(labels, InProcess(), judge, about=about)
    assert found.calibration.metric == "context_recall"
    with pytest.raises(DataError, match=r"labels are not of faithfulness\. Got context_recall"):
        calibrated(labels, InProcess(), judge, about=about, metric="faithfulness")


def test_a_metric_that_asks_no_judge_has_nothing_to_calibrate():
    with pytest.raises(ConfigError, match="metric recall_at_k: asks no judge"):
        calibrated(TWO_BY_TWO, InProcess(), tools(), metric="recall_at_k")


def test_a_similarity_has_no_full_mark_and_so_no_j():
    """Cut at 1, the best judge's cosines would all be "not supported": J of 0, every gate stuck."""
    text = "Ada wrote the first program for it."
    rows = of(item("a", text, 1.0), item("b", text, 0.0))
    cases = {name: Case(id=name, input="Who wrote the first program?") for name in "ab"}
    found = calibrated(
        rows, InProcess(), tools(), about=About(suite="t", cases=cases), metric="answer_relevancy"
    )
    card = found.calibration
    assert (card.n, len(card.ratings)) == (0, 2)
    assert cards.agreement_of(card) is None
    off = sum(one.human - one.judged for one in card.ratings) / 2
    said = told(found)
    assert off < 0  # a cosine above one half, where people say 1 and 0
    assert f"2 answers; on average people give {-off:.3f} less than the judge" in said
    assert "counts no verdicts: it has no J" in said
    assert "2 labels; from 50 on" in said
    assert "not supported" not in said


# ── which judge, which set ───────────────────────────────────────────────────────────────────────


def test_begin_travels_in_the_package_and_the_embedded_judge_gets_what_it_has_not_seen():
    everyone = labelled_set("begin", judge=ScriptedJudge())
    assert (everyone.name, len(everyone.items)) == ("begin", 430)
    assert sum(one.human == 1.0 for one in everyone.items) == 180
    for name in ("embedded/lexical-cosine-r1-x", "panel of embedded/lexical-cosine-r1-x and y"):
        held = labelled_set("begin", judge=ScriptedJudge(fingerprint=name))
        assert (held.name, len(held.items)) == ("begin-held-out", 226)
    seen = {one.contexts[0].casefold() for one in everyone.items} - {
        one.contexts[0].casefold() for one in held.items
    }
    assert len(seen) > 50
    assert (calibrating.SHIPPED / "LICENSE").is_file()


def test_a_set_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(DataError, match=r"began: no such labelled set\. Allowed: .*begin"):
        labelled_set("began", judge=ScriptedJudge())


@pytest.fixture
def project(tmp_path):
    (tmp_path / "evalkit.toml").write_text(
        '[profiles.offline]\njudge = "scripted"\nembedder = "scripted"\n'
        '[profiles.strict]\ngenerator = "scripted"\n'
        'judge = { panel = ["scripted", "scripted"], rule = "minimum" }\nembedder = "scripted"\n'
    )
    return load_project(tmp_path)


def test_the_judge_of_a_profile_or_one_named_as_a_role(project):
    def fingerprint(wanted):
        models, found = calibrating.judge_of(project, wanted, profile="offline", traffic=Traffic())
        asyncio.run(models.close())
        return found.judge.fingerprint

    assert fingerprint("offline") == "scripted"
    assert "panel" in fingerprint("strict")
    assert fingerprint("embedded/lexical-cosine").startswith("embedded/lexical-cosine")


def test_a_model_that_a_profile_tests_may_be_calibrated_as_a_judge(project, monkeypatch):
    """Nothing is under test here; in that profile's own runs it would judge itself."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-stand-in")
    (project.root / "evalkit.toml").write_text(
        '[profiles.hosted]\ngenerator = "openai/gpt-5-mini"\njudge = "openai/gpt-5-mini"\n'
        'embedder = "scripted"\n'
    )
    hosted = load_project(project.root)
    models, found = calibrating.judge_of(
        hosted, "openai/gpt-5-mini", profile="hosted", traffic=Traffic()
    )
    asyncio.run(models.close())
    assert found.judge.name == "openai/gpt-5-mini"
    with pytest.raises(ConfigError, match="would judge its own answers"):
        calibrating.judge_of(hosted, "hosted", profile="hosted", traffic=Traffic())


@pytest.mark.parametrize(
    ("wanted", "profile", "what"),
    [
        ("offlien", "offline", "Did you mean offline"),
        ("openai/x", "night", "unknown profile 'night'"),
        ("nobody/x", "offline", "the judge asked for judge"),
    ],
)
def test_a_judge_that_is_none_is_refused(project, wanted, profile, what):
    with pytest.raises(ConfigError, match=what):
        calibrating.judge_of(project, wanted, profile=profile, traffic=Traffic())


SUITE = '[suite]\npurpose = "p"\ndataset = "tiny@1"\n{}\n[metrics]\nfaithfulness = {{}}\n'
SUITE += "[gates.faithfulness]\nfloor = 0.5\n"


def test_a_suite_gives_its_cases_by_name_or_by_file(project):
    folder = project.root / "datasets" / "tiny" / "1"
    folder.mkdir(parents=True)
    (folder / "cases.jsonl").write_text('{"id": "c1", "input": "q", "expect": "abstain"}\n')
    suites = project.root / "suites"
    suites.mkdir()
    (suites / "tiny.toml").write_text(SUITE.format('target = "app"'))
    (suites / "both.toml").write_text(SUITE.format('targets = ["old", "new"]'))
    for name in ("tiny", str(suites / "tiny.toml")):
        found = calibrating.about(project, name)
        assert (found.suite, found.cases["c1"].expect) == ("tiny", "abstain")
    assert calibrating.about(project, "both@new").suite == "both@new"
    with pytest.raises(ConfigError, match=r"has one target only.*Allowed: tiny"):
        calibrating.about(project, "tiny@old")
    for name in ("both", "both@newer"):
        with pytest.raises(ConfigError, match="both@old, both@new"):
            calibrating.about(project, name)
