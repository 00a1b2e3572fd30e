"""The judge, tried on answers it has judged before. Every judge here is a scripted stand-in."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import scipy.stats

from evalkit import answers, baselines, pipeline, scope
from evalkit.answers import KeptAnswers
from evalkit.errors import DataError, JudgeError, RateLimited
from evalkit.gates.protocol import Promise
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.faithfulness import Faithfulness
from evalkit.metrics.protocol import Instruments
from evalkit.plan import Effort, Plan
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Dataset, Score, Unscored
from evalkit.rejudging import ANCHORS, Drift, drift, identical_answer_shift, rejudged
from tests.builders import FINGERPRINT, by_case, make_run
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import plans_of, said, write_served


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A stand-in for a metric that asks a judge: what it says is a function of case and epoch."""

    name: ClassVar[str] = "rated"
    version: ClassVar[int] = 1
    judged_on: ClassVar[str] = "answer"
    says: object = None
    asked: list[tuple[str, int]] = field(default_factory=list)

    def applies_to(self, case):
        return True

    async def score(self, case, answer, *, repeat, instruments):
        here = scope.current()
        assert (here.case_id, here.repeat, here.part) == (case.id, repeat, self.name)
        self.asked.append((case.id, repeat))
        value = self.says(case.id, repeat)
        if isinstance(value, str):
            return Unscored(case_id=case.id, repeat=repeat, metric=self.name, reason=value)
        return Score(case_id=case.id, repeat=repeat, metric=self.name, value=value)


@dataclass(frozen=True, kw_only=True)
class Counted(Rated):
    """A stand-in for a metric that asks no judge."""

    name: ClassVar[str] = "counted"
    judged_on: ClassVar[str] = ""


class Closing:
    """A stand-in for the models of a plan that are outside this process."""

    concurrency, ledger, servers = 0, None, ()

    def __init__(self):
        self.closed = 0

    async def close(self):
        self.closed += 1


class NeverAsked:
    """A stand-in for a target: judging again asks none."""

    fingerprint = "never"

    async def ingest(self, documents):
        raise AssertionError

    answer = ingest


def plan(run, *metrics, judge="judge/2"):
    dataset = Dataset(name="d", version="1", slice="", digest="d", cases=run.cases)
    promise = Promise(suite="rag_quality", path=Path("s.toml"), root=Path(), inconclusive="warn",
                      gates=())  # fmt: skip
    return Plan(
        purpose="p",
        promise=promise,
        dataset=dataset,
        target=NeverAsked(),
        metrics=metrics,
        instruments=Instruments(judge=ScriptedJudge(), embedder=ScriptedEmbedder()),
        price=None,
        fingerprint=replace(run.fingerprint, judge=judge, judge_card="its card"),
        remote=Closing(),
    )


def told(scores, *, answer_of=lambda case, epoch: f"answer {epoch % 2}", **rest):
    """A run whose answers are a function of case and epoch, its baseline, and what was kept."""
    run = make_run(scores, fingerprint=replace(FINGERPRINT, judge="judge/1"), **rest)
    run = replace(
        run, trials=tuple(
            replace(t, outcome=replace(t.outcome, text=answer_of(t.case_id, t.repeat)))
            for t in run.trials
        )
    )  # fmt: skip
    return run, baselines.reduced(run)


def kept_of(run, baseline, folder):
    answers.save(folder, baseline, run, target={})
    found = answers.load(folder, "offline", "rag_quality", baseline)
    assert isinstance(found, KeptAnswers)
    return found


@pytest.fixture
def judged(tmp_path):
    """Twelve cases, five epochs of two answers, judged 0.5 and 0.6 then; one metric counts."""
    run, baseline = told(
        {
            "rated": by_case([[0.5, 0.6, 0.5, 0.6, 0.5]] * 12),
            "counted": by_case([[0.25] * 5] * 12),
        }
    )
    return run, baseline, kept_of(run, baseline, tmp_path)


# ── the whole baseline ───────────────────────────────────────────────────────────────────────────


def test_a_baseline_is_scored_again_by_todays_judge(judged):
    """0.8 for the answer of even epochs, 0.9 for the other; what asks no judge stays as it was."""
    run, baseline, kept = judged
    rated = Rated(says=lambda case, epoch: 0.8 + 0.1 * epoch)
    counted = Counted(says=lambda case, epoch: 1.0)
    today = plan(run, rated, counted)
    again = rejudged(today, baseline, kept)
    assert dict(again.cases[3].scores) == {
        "rated": (0.8, 0.9, 0.8, 0.9, 0.8),
        "counted": (0.25,) * 5,
    }
    assert (again.fingerprint.judge, again.fingerprint.judge_card) == ("judge/2", "its card")
    assert again.promoted_at == baseline.promoted_at
    assert today.remote.closed == 1


def test_each_distinct_answer_is_judged_once(judged):
    """Twelve cases of two answers: 24 questions, not 60."""
    run, baseline, kept = judged
    rated, counted = Rated(says=lambda case, epoch: 0.8), Counted(says=lambda case, epoch: 1.0)
    rejudged(plan(run, rated, counted), baseline, kept)
    assert sorted(rated.asked) == [(case.id, epoch) for case in run.cases for epoch in (0, 1)]
    assert counted.asked == []


def test_a_rejudged_baseline_fits_a_run_of_todays_judge(judged):
    """And no longer one of the judge before."""
    run, baseline, kept = judged
    today = plan(run, Rated(says=lambda case, epoch: 0.8), Counted())
    assert baselines.mismatches(baseline, today.fingerprint) != ()
    again = rejudged(today, baseline, kept)
    assert baselines.mismatches(again, today.fingerprint) == ()
    assert baselines.mismatches(again, run.fingerprint) != ()


def test_a_metric_that_does_not_say_what_it_asks_is_scored_again(judged):
    """One of somebody else's may well ask the judge; the old judge's score must not stand."""

    @dataclass(frozen=True)
    class Foreign:
        name: ClassVar[str] = "counted"
        version: ClassVar[int] = 1

        async def score(self, case, answer, *, repeat, instruments):
            return Score(case_id=case.id, repeat=repeat, metric="counted", value=0.75)

    run, baseline, kept = judged
    again = rejudged(plan(run, Rated(says=lambda case, epoch: 0.8), Foreign()), baseline, kept)
    assert dict(again.cases[0].scores)["counted"] == (0.75,) * 5


def test_the_real_metric_is_asked_about_the_kept_answer(tmp_path):
    """Two sentences, one of them supported: 0.5, from text that only the file still holds."""
    run, baseline = told(
        {"faithfulness": by_case([[1.0] * 5] * 2)}, answer_of=lambda case, epoch: "So. No."
    )
    kept = kept_of(run, baseline, tmp_path)
    judge = ScriptedJudge(supports=lambda claim: "supported" if claim == "So." else "unsupported")
    today = plan(run, Faithfulness())
    today = replace(today, instruments=replace(today.instruments, judge=judge))
    # Without any passage nothing is supported: the metric asks no judge, and gives 0.
    assert dict(rejudged(today, baseline, kept).cases[0].scores) == {"faithfulness": (0.0,) * 5}


def raising(error):
    def says(case, epoch):
        raise error

    return says


@pytest.mark.parametrize(
    ("says", "error", "message"),
    [
        (lambda case, epoch: "no verdict on c2", JudgeError, "rated of case c0.*no verdict on c2"),
        (raising(RateLimited("slow down")), RateLimited, "slow down"),
    ],
)
def test_a_score_that_cannot_be_made_ends_it(judged, says, error, message):
    """A baseline with holes would let every run skip the same cases; and no more is bought."""
    run, baseline, kept = judged
    rated = Rated(says=says)
    today = plan(run, rated, Counted())
    with pytest.raises(error, match=message):
        rejudged(today, baseline, kept)
    assert len(rated.asked) < 24
    assert today.remote.closed == 1


def test_a_baseline_of_other_cases_is_not_judged_again(judged):
    run, baseline, kept = judged
    rated = Rated(says=lambda case, epoch: 0.8)
    with pytest.raises(DataError, match="1 case of the baseline cannot be judged again"):
        rejudged(plan(replace(run, cases=run.cases[1:]), rated), baseline, kept)
    assert rated.asked == []


# ── a sample of it ───────────────────────────────────────────────────────────────────────────────


def test_a_judge_that_says_what_it_said_has_not_drifted(judged):
    """The stored score of an answer is the mean of the epochs that gave it."""
    run, baseline, kept = judged
    today = plan(run, Rated(says=lambda case, epoch: 0.5), Counted())
    (found,) = drift(today, baseline, kept, seed="a")
    assert found == Drift(
        metric="rated", n=12, shift=0.0, low=0.0, high=0.0, p_value=1.0, drifted=False,
        detectable=0.0,
    )  # fmt: skip
    assert found.text == (
        "no change of the judge seen: rated of the same 12 answers is to the digit what it was"
    )


def test_scores_that_moved_and_cancel_out_are_not_called_the_same(judged):
    """The near miss of no change: six answers 0.25 up, six 0.25 down."""
    run, baseline, kept = judged
    ids = [case.id for case in run.cases]
    rated = Rated(says=lambda case, epoch: 0.75 if ids.index(case) % 2 else 0.25)
    (found,) = drift(plan(run, rated, Counted()), baseline, kept, seed="a")
    assert found.shift == 0.0
    assert "moved by 0.000 (99 % [−0." in found.text


@pytest.mark.parametrize(("now", "way"), [(0.55, "0.050 higher"), (0.45, "0.050 lower")])
def test_a_shift_of_every_score_is_a_drift_and_never_a_regression(judged, now, way):
    run, baseline, kept = judged
    today = plan(run, Rated(says=lambda case, epoch: now), Counted())
    (found,) = drift(today, baseline, kept, seed="a")
    assert found.drifted
    assert found.shift == pytest.approx(now - 0.5)
    assert found.text.startswith(f"judge changed: rated of the same 12 answers is {way} than it")
    assert "regress" not in found.text


def test_the_test_is_the_paired_t_of_the_library(judged):
    """Two-sided, at 99 %; the sizes by hand from the same quantiles."""
    run, baseline, kept = judged
    draw = random.Random(7)
    says = {case.id: 0.5 + draw.uniform(-0.2, 0.25) for case in run.cases}
    (found,) = drift(plan(run, Rated(says=lambda case, epoch: says[case])), baseline, kept,
                     seed="a")  # fmt: skip
    oracle = scipy.stats.ttest_1samp([value - 0.5 for value in says.values()], 0.0)
    assert found.p_value == pytest.approx(oracle.pvalue)
    interval = oracle.confidence_interval(0.99)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    sizes = scipy.stats.t.ppf(0.995, 11) + scipy.stats.t.ppf(0.8, 11)
    error = (found.high - found.shift) / scipy.stats.t.ppf(0.995, 11)
    assert found.detectable == pytest.approx(sizes * error)


def test_anchors_are_a_seeded_sample_of_cases(judged):
    """The same for the same seed, others for another; one answer a case."""
    run, baseline, kept = judged

    def asked(seed):
        rated = Rated(says=lambda case, epoch: 0.5)
        (found,) = drift(plan(run, rated, Counted()), baseline, kept, anchors=10, seed=seed)
        assert found.n == 10
        return sorted(rated.asked)

    assert asked("a") == asked("a") != asked("b")
    assert all(epoch == 0 for _, epoch in asked("a"))


def test_cases_of_one_document_are_not_as_many_cases(tmp_path):
    """Twelve answers in four clusters that moved alike within: three degrees of freedom."""
    clusters = {f"c{i:03}": f"d{i % 4}" for i in range(12)}
    run, baseline = told({"rated": by_case([[0.5] * 5] * 12)}, clusters=clusters)
    kept = kept_of(run, baseline, tmp_path)
    moved = {"d0": 0.1, "d1": 0.2, "d2": 0.0, "d3": 0.1}
    rated = Rated(says=lambda case, epoch: 0.5 + moved[clusters[case]])
    (found,) = drift(plan(run, rated), baseline, kept, seed="a")
    alone = scipy.stats.ttest_1samp([0.1, 0.2, 0.0, 0.1], 0.0)
    assert found.p_value == pytest.approx(alone.pvalue)
    assert found.low == pytest.approx(alone.confidence_interval(0.99).low)
    assert not found.drifted  # as twelve cases it would be: p = 0.0006
    assert found.text.startswith(
        "no change of the judge seen: rated of the same 12 answers moved by 0.100 (99 % ["
    )
    assert "would be found 8 times in 10" in found.text


def test_too_few_answers_are_no_check(tmp_path):
    """Nine could not tell; saying "no change seen" would be green by accident."""
    run, baseline = told({"rated": by_case([[0.5] * 5] * 9)})
    kept = kept_of(run, baseline, tmp_path)
    with pytest.raises(DataError, match="no metric that asks the judge has 10 kept answers"):
        drift(plan(run, Rated(says=lambda case, epoch: 0.5)), baseline, kept, seed="a")


def test_a_remembered_reply_is_no_check(judged):
    """Yesterday's words say nothing of today's judge; the whole baseline may be made of them."""

    def remembered(case, epoch):
        scope.current().cached_calls += 1
        return 0.5

    run, baseline, kept = judged
    today = plan(run, Rated(says=remembered), Counted())
    with pytest.raises(DataError, match=r"remembered or recorded.*no cache and no recordings"):
        drift(today, baseline, kept, seed="a")
    assert dict(rejudged(today, baseline, kept).cases[0].scores)["rated"] == (0.5,) * 5


# ── for nothing, on answers that did not change ──────────────────────────────────────────────────


def compared(now, *, same=12, known=False, then=0.5, n=12):
    """A run of `n` cases judged `now`, whose first `same` answers are the baseline's."""
    _, baseline = told({"rated": by_case([[then] * 5] * n)})
    run, _ = told(
        {"rated": by_case([now] * n)},
        answer_of=lambda case, epoch: "answer 0" if int(case[1:]) < same else "other",
    )
    if known:
        run = replace(run, scores=tuple(replace(score, known=True) for score in run.scores))
    return identical_answer_shift(run, baseline, "rated")


def test_the_same_answers_with_other_scores_show_another_judge():
    found = compared(0.4)
    assert (found.n, found.drifted) == (12, True)
    assert found.shift == pytest.approx(-0.1)


def test_the_same_answers_with_the_same_scores_show_nothing():
    assert not compared(0.5).drifted


def test_other_answers_are_no_evidence():
    """Ten are enough, nine are not, however far they moved."""
    assert compared(0.0, same=10).n == 10
    assert compared(0.0, same=9) is None


def test_scores_taken_from_the_baseline_are_no_evidence():
    """They agree because nobody was asked."""
    assert compared(0.5, known=True) is None


def test_only_the_epochs_with_the_same_answer_count():
    """Odd epochs said something else, and were judged 0.9: the answer of even ones stood at 0.5."""
    _, baseline = told({"rated": by_case([[0.5, 0.9, 0.5, 0.9, 0.5]] * 12)})
    run, _ = told({"rated": by_case([0.5] * 12)})
    assert identical_answer_shift(run, baseline, "rated").shift == 0.0


def test_a_metric_that_was_not_measured_shows_nothing():
    run, baseline = told({"rated": by_case([0.5] * 12)})
    assert identical_answer_shift(run, baseline, "mrr") is None


# ── a judge behind a server ──────────────────────────────────────────────────────────────────────


def test_a_hosted_judge_is_asked_and_the_plan_still_measures_after(project):
    """Answers of another judge's baseline, scored by today's: the target is asked nothing."""
    with OpenAIServer(said) as server:
        write_served(project, server.base_url)
        place = pipeline.fresh_place(project.root / ".evalkit", resume=False)
        (before,) = plans_of(project, profile="provider")
        run = pipeline.measure(before, place=place, effort=Effort(repeats=5))
        baseline = baselines.promote(run, because="a test needs one", by="ada", commit="")
        answers.save(project.root, baseline, run, target={})
        kept = answers.load(project.root, "provider", "tiny", baseline)
        project.edit("evalkit.toml", '"large"', '"larger"')
        (today,) = plans_of(project, profile="provider")
        asked = len(server.requests)
        again = rejudged(today, baseline, kept)
        models = [seen.body["model"] for seen in server.requests[asked:]]
        assert set(models) == {"larger"}
        assert again.fingerprint.judge == today.fingerprint.judge != baseline.fingerprint.judge
        assert [case.scores for case in again.cases] == [case.scores for case in baseline.cases]
        fresh = pipeline.fresh_place(project.root / ".evalkit", resume=False)
        after = pipeline.measure(today, place=fresh, effort=Effort())
        assert all(isinstance(score, Score) for score in after.scores)


# ── its error rates ──────────────────────────────────────────────────────────────────────────────


def alarms(shift, *, n=ANCHORS, replicates=400):
    """The share of checks that alarm, of a judge with sd 0.10 and three stored scores.

    Scores as in `research/gating-statistics.md` §1.8: 55 % of cases easy, the rest mixed.
    """
    rng = np.random.default_rng(20261122)
    found = 0
    for _ in range(replicates):
        claims = 3 + rng.poisson(2, n)
        p = np.where(rng.random(n) < 0.55, rng.beta(80, 1, n), rng.beta(5, 2, n))
        true = rng.binomial(claims, p) / claims
        noise = rng.normal(0.0, 0.10, (4, n))
        judged = np.clip(true + noise + np.array([[0.0]] * 3 + [[shift]]), 0.0, 1.0)
        _, baseline = told(
            {"rated": {f"c{i:03}": list(judged[:3, i]) for i in range(n)}},
            answer_of=lambda case, epoch: "x",
        )
        run, _ = told(
            {"rated": {f"c{i:03}": float(judged[3, i]) for i in range(n)}},
            answer_of=lambda case, epoch: "x",
        )
        found += identical_answer_shift(run, baseline, "rated").drifted
    return found / replicates


@pytest.mark.slow
def test_a_drop_of_005_is_found_about_as_often_as_the_study_says():
    """90 % with 100 anchors there; 400 replicates put two standard errors at 3 points."""
    assert alarms(-0.05) == pytest.approx(0.90, abs=0.04)
    assert alarms(-0.05, n=30) == pytest.approx(0.27, abs=0.06)


@pytest.mark.slow
def test_an_unchanged_judge_is_rarely_accused():
    """1 % is promised; of 400, 10 is past its 99.5 % point."""
    assert alarms(0.0) <= 10 / 400
