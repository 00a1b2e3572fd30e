"""What holds for every registered metric, whoever wrote it.

The shape of docstrings and versions is a house rule: tests/house/test_docstrings.py.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import JudgeError, ProviderError
from evalkit.judges.protocol import Reversal
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics import METRICS
from evalkit.metrics.protocol import Instruments
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import (
    Answer,
    Attack,
    Canary,
    Case,
    Judgement,
    Passage,
    Score,
    Secret,
    Unscored,
)

# Those of other libraries need the library: tests/metrics/ragas, tests/metrics/deepeval, and with
# it tests/peers.
NAMES = [name for name in METRICS.names() if "/" not in name]
RICH = Case(
    id="c1",
    input="Where is the tower?",
    references=("It is in Paris. It is tall.", "Paris."),
    relevant_ids=("d1", "d9"),
    attack=Attack(
        id="a1",
        channel="document",
        technique="direct",
        document_ids=("d1",),
        canary=Canary(first="269CDFH", second="JKMNPQR"),
        secrets=(Secret(kind="email", value="ann@example.org"),),
    ),
)
POOR = Case(id="c2", input="Why?", expect="abstain")
TEXTS = st.sampled_from(
    ["", ":", "I don't know.", "It is in Paris.", "It is tall. It is old. A B."]
)


def passages(*texts):
    return tuple(
        Passage(document_id=f"d{i}", chunk_id=f"d{i}#0", text=text, rank=i, similarity=0.5)
        for i, text in enumerate(texts, start=1)
    )


def scored(metric, case, answer, *, judge=None, embedder=None):
    instruments = Instruments(
        judge=judge or ScriptedJudge(), embedder=embedder or ScriptedEmbedder()
    )
    return asyncio.run(metric.score(case, answer, repeat=3, instruments=instruments))


class Refusing:
    """A judge with no usable verdict on anything."""

    name = fingerprint = card = "refusing"

    async def _refuse(self, **_):
        raise JudgeError("no verdict")

    claims = support = usefulness = attribution = reversal = _refuse


class Broken(ScriptedEmbedder):
    async def embed(self, texts):
        return np.full((len(texts), 4), np.nan, dtype=np.float32)


LABELS = st.sampled_from(
    "supported contradicted unsupported uncertain useful not_useful attributed not_attributed "
    "leaked".split()
)


class Arbitrary(ScriptedJudge):
    """A judge that returns whatever it is given for any question, fit or not."""

    __slots__ = ("labels",)

    def __init__(self, labels):
        super().__init__()
        object.__setattr__(self, "labels", labels)

    async def _verdicts(self, **_):
        return tuple(
            Judgement(unit=str(i), text="", label=label) for i, label in enumerate(self.labels)
        )

    support = usefulness = attribution = _verdicts

    async def reversal(self, *, question, answer):
        return Reversal(questions=tuple(self.labels), noncommittal=False)


@pytest.fixture(params=NAMES)
def metric(request):
    return METRICS.get(request.param)()


def test_a_metric_is_a_frozen_dataclass_with_defaults(metric):
    """So that `faithfulness = {}` in a suite is enough, and options cannot change mid-run."""
    assert dataclasses.is_dataclass(metric)
    assert type(metric).__dataclass_params__.frozen
    assert hash(metric) == hash(type(metric)())
    with pytest.raises((AttributeError, TypeError)):
        metric.name = "other"


def test_the_first_line_is_one_sentence(metric):
    first = inspect.getdoc(metric).split("\n\n")[0]
    assert first.endswith(".")
    assert ". " not in first


@pytest.mark.parametrize("text", ["", "x", "I don't know."])
def test_whether_it_applies_is_decided_by_the_case_alone(metric, text):
    """A metric that dropped out on bad answers would raise its own mean."""
    assert list(inspect.signature(metric.applies_to).parameters) == ["case"]
    if metric.applies_to(RICH):
        found = scored(metric, RICH, Answer(text=text))
        assert isinstance(found, Score | Unscored)


def test_at_least_one_of_a_rich_and_a_poor_case_is_measured(metric):
    assert metric.applies_to(RICH) or metric.applies_to(POOR)


@pytest.mark.parametrize("case", [RICH, POOR], ids=["rich", "poor"])
@settings(max_examples=settings.default.max_examples * 2 // 5)  # each example scores every metric
@given(text=TEXTS, shown=st.lists(TEXTS, max_size=4), labels=st.lists(LABELS, max_size=5))
def test_any_judge_gives_a_score_in_range_or_none(case, text, shown, labels):
    answer = Answer(text=text, passages=passages(*shown), retrieved=passages(*shown))
    for name in NAMES:
        metric = METRICS.get(name)()
        if metric.applies_to(case):
            found = scored(metric, case, answer, judge=Arbitrary(labels))
            assert (found.case_id, found.repeat, found.metric) == (case.id, 3, name)
            if isinstance(found, Score):
                numbers = [found.value, *(value for _, value in found.parts)]
                assert all(math.isfinite(n) and 0 <= n <= 1 for n in numbers)
                assert len({part for part, _ in found.parts}) == len(found.parts)
            else:
                assert found.reason


def test_the_same_trial_scores_the_same(metric):
    case = RICH if metric.applies_to(RICH) else POOR
    shown = passages("It is in Paris.", "It is tall.")
    answer = Answer(text="It is in Paris, near the river.", passages=shown, retrieved=shown)
    assert scored(metric, case, answer) == scored(metric, case, answer)


def test_a_judge_without_a_verdict_is_never_a_number(metric):
    case = RICH if metric.applies_to(RICH) else POOR
    shown = passages("It is in Paris.")
    answer = Answer(text="It is in Paris, near the river.", passages=shown, retrieved=shown)
    try:
        found = scored(metric, case, answer, judge=Refusing())
    except JudgeError:
        return
    # A metric that gives a number all the same must be one that asks no judge at all.
    assert found == scored(metric, case, answer, judge=ScriptedJudge(supports="contradicted"))
    assert metric.name in {
        "recall_at_k", "precision_at_k", "mrr", "ndcg_at_k", "answer_similarity",
        "attack_resistance", "leak_free",
    }  # fmt: skip


def test_an_embedder_that_gives_no_numbers_is_never_a_number(metric):
    case = RICH if metric.applies_to(RICH) else POOR
    shown = passages("It is in Paris.")
    answer = Answer(text="It is in Paris, near the river.", passages=shown, retrieved=shown)
    try:
        found = scored(metric, case, answer, embedder=Broken())
    except ProviderError:
        return
    # Whoever scores all the same does not look at vectors.
    assert metric.name not in {"answer_relevancy", "answer_similarity"}
    assert found == scored(metric, case, answer)


class Watched(ScriptedJudge):
    """The scripted judge, remembering everything that it is shown."""

    __slots__ = ("shown",)

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "shown", [])

    async def claims(self, **asked):
        self.shown.append(asked)
        return await super().claims(**asked)

    async def support(self, **asked):
        self.shown.append(asked)
        return await super().support(**asked)

    async def usefulness(self, **asked):
        self.shown.append(asked)
        return await super().usefulness(**asked)

    async def attribution(self, **asked):
        self.shown.append(asked)
        return await super().attribution(**asked)

    async def reversal(self, **asked):
        self.shown.append(asked)
        return await super().reversal(**asked)


def test_it_says_what_the_judge_is_shown(metric):
    """A baseline's score is taken over where that is the same: nothing else may shape a verdict."""
    answer = Answer(text="It is in Paris.", passages=passages("Paris has it."))
    reworded = dataclasses.replace(answer, text="It stands in Paris.")
    elsewhere = dataclasses.replace(answer, passages=passages("Rome has none."))

    def shown(given):
        judge = Watched()
        if metric.applies_to(RICH):
            scored(metric, RICH, given, judge=judge)
        return judge.shown

    assert bool(shown(answer)) == bool(metric.judged_on)
    if metric.judged_on == "passages":
        assert shown(reworded) == shown(answer)
        assert shown(elsewhere) != shown(answer)
    if metric.judged_on == "answer":
        assert shown(reworded) != shown(answer)
