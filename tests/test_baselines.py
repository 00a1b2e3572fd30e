"""Baselines: what may be promoted, how it is kept, and what it may be compared with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit import baselines
from evalkit.errors import BaselineMismatch, DataError
from evalkit.records import Answer, Passage, Usage
from tests.builders import FINGERPRINT, by_case, make_baseline, make_run

SCORES = {"m": by_case([[0.5, 0.5, 0.5, 0.5, 1.0]] * 3)}
RUN = make_run(SCORES, usd={"c000": 0.01}, clusters={"c000": "doc"})


def promoted(run=RUN, **changes):
    return baselines.promote(
        run, **({"because": "new prompt", "by": "ada", "commit": "abc"} | changes)
    )


# ── promoting ────────────────────────────────────────────────────────────────────────────────────


def test_a_complete_run_of_five_repeats_becomes_a_baseline():
    baseline = promoted()
    assert (baseline.epochs, baseline.promoted_at) == (5, RUN.started_at)
    assert (baseline.because, baseline.promoted_by, baseline.commit) == ("new prompt", "ada", "abc")
    first = baseline.cases[0]
    assert (first.id, first.cluster) == ("c000", "doc")
    assert first.scores == (("m", (0.5, 0.5, 0.5, 0.5, 1.0)),)
    assert (first.input_tokens, first.usd) == ((100,) * 5, (0.01,) * 5)


def test_a_metric_that_does_not_apply_to_a_case_is_not_missing():
    run = make_run({"m": by_case([[1.0] * 5] * 2), "n": {"c000": [1.0] * 5}})
    assert [dict(case.scores).keys() for case in promoted(run).cases] == [{"m", "n"}, {"m"}]


@pytest.mark.parametrize(
    ("run", "fault"),
    [
        (make_run({"m": by_case([[0.5] * 4])}), "4 repeats, a baseline needs 5"),
        (replace(RUN, trials=(), scores=()), "0 repeats, a baseline needs 5"),
        (make_run(SCORES, failed=[("c001", 3)]), "case c001, repeat 3: TimeoutError in answer"),
        (replace(RUN, trials=RUN.trials[1:]), "case c000, repeat 0: no trial"),
        (replace(RUN, trials=(*RUN.trials, RUN.trials[0])), "a trial is recorded twice"),
        (
            make_run({"m": by_case([[0.5, 0.5, None, 0.5, 0.5]])}),
            "case c000, repeat 2: m unscored: the judge is out",
        ),
        (replace(RUN, scores=RUN.scores[:-1]), "case c002, repeat 4: m unscored: no score"),
        (replace(RUN, scores=()), "m applied to no case"),
        (replace(RUN, cases=(), trials=(), scores=()), "the run has no cases"),
    ],
)
def test_a_run_with_a_hole_is_refused(run, fault):
    with pytest.raises(DataError) as caught:
        promoted(run)
    assert f"the run: {fault}." in [str(p).rstrip(".") + "." for p in caught.value.problems]


def test_a_baseline_needs_a_reason_and_all_faults_are_told_at_once():
    with pytest.raises(DataError) as caught:
        promoted(make_run({"m": by_case([[0.5] * 4])}), because="  ")
    assert [problem.where for problem in caught.value.problems] == ["the run", "--because"]


# ── keeping ──────────────────────────────────────────────────────────────────────────────────────


def test_what_is_saved_is_read_back(tmp_path):
    path = baselines.save(tmp_path, promoted())
    assert path == tmp_path / "reports" / "baselines" / "offline" / "rag_quality.json"
    assert baselines.load_baseline(tmp_path, "offline", "rag_quality") == promoted()


def test_a_case_is_a_line_sorted_by_id():
    """A promotion that moves one case changes one line."""
    text = baselines.render(replace(promoted(), cases=promoted().cases[::-1]))
    assert text == baselines.render(promoted())
    rows = [line for line in text.splitlines() if line.startswith('  {"id"')]
    assert [json.loads(row.rstrip(","))["id"] for row in rows] == ["c000", "c001", "c002"]
    moved = make_run(SCORES | {"m": SCORES["m"] | {"c001": [0.0] * 5}}, usd={"c000": 0.01},
                     clusters={"c000": "doc"})  # fmt: skip
    changed = set(baselines.render(promoted(moved)).splitlines()) - set(text.splitlines())
    assert len(changed) == 1


def test_no_text_of_a_case_or_answer_is_kept():
    run = replace(RUN, cases=tuple(replace(c, input="SECRET question") for c in RUN.cases))
    assert "SECRET" not in baselines.render(promoted(run))


def test_a_target_of_a_suite_has_a_baseline_of_its_own(tmp_path):
    run = replace(
        RUN, fingerprint=replace(FINGERPRINT, suite="rag_quality@small", metrics=(("m", "1"),))
    )
    path = baselines.save(tmp_path, promoted(run))
    assert path.name == "rag_quality@small.json"
    assert baselines.load_baseline(tmp_path, "offline", "rag_quality@small") == promoted(run)
    with pytest.raises(BaselineMismatch):
        baselines.load_baseline(tmp_path, "offline", "rag_quality")


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a/b", "a\\b", "-flag", "@a", "a\n"])
def test_a_name_that_would_leave_the_folder_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="cannot name a baseline file"):
        baselines.load_baseline(tmp_path, "offline", name)
    with pytest.raises(DataError, match="cannot name a baseline file"):
        baselines.path_of(tmp_path, name, "suite")


def test_a_missing_baseline_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(BaselineMismatch) as caught:
        baselines.load_baseline(tmp_path, "offline", "rag_quality")
    assert caught.value.reasons == (
        "there is no baseline reports/baselines/offline/rag_quality.json",
    )
    assert caught.value.mend.startswith(
        "evalkit baseline promote suites/rag_quality.toml --profile offline"
    )


def edited(change):
    data = json.loads(baselines.render(promoted()))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "schema_version. Got None. Allowed: 2"),
        (edited(lambda d: d.update(schema_version=1)), "schema_version. Got 1. Allowed: 2"),
        (edited(lambda d: d["cases"][0]["answers"].pop()), "case c000: 4 answers for 5 epochs"),
        (edited(lambda d: d["cases"][0]["passages"].pop()), "case c000: 4 passages for 5 epochs"),
        (edited(lambda d: d["cases"][0]["latency_s"].pop()), "4 latency_s for 5 epochs"),
        (edited(lambda d: d.pop("epochs")), "missing field epochs"),
        (edited(lambda d: d.update(extra=1)), "unknown field extra"),
        (edited(lambda d: d.update(cases=[])), "the baseline has no cases"),
        (edited(lambda d: d.update(settings=[["a", "1"], ["a", "2"]])), "a setting repeats"),
        (edited(lambda d: d.update(settings=[["a"]])), r"settings\[0\]: expected 2 items, got 1"),
        (edited(lambda d: d["cases"].append(d["cases"][0])), "a case repeats"),
        (edited(lambda d: d["cases"][0]["usd"].pop()), "case c000: 4 usd for 5 epochs"),
        (
            edited(lambda d: d["cases"][0]["scores"][0][1].__setitem__(0, 1.5)),
            r"case c000: scores of m outside \[0, 1\]: 1.5",
        ),
        (
            edited(lambda d: d["cases"][0]["input_tokens"].__setitem__(0, -1)),
            r"input_tokens outside \[0, inf\]: -1",
        ),
        (
            edited(lambda d: d["cases"][0]["scores"].append(d["cases"][0]["scores"][0])),
            "case c000: a metric repeats",
        ),
        (baselines.render(promoted()).replace("0.5", "NaN", 1), "NaN is not a number"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, text, message):
    """It was edited by hand, and it decides builds."""
    path = baselines.save(tmp_path, promoted())
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=message):
        baselines.load_baseline(tmp_path, "offline", "rag_quality")


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        baselines.read(tmp_path)


# ── reduced, for another target ──────────────────────────────────────────────────────────────────


def test_a_run_reduced_is_what_its_baseline_would_be():
    whole = replace(promoted(), because="", promoted_by="", commit="")
    assert baselines.reduced(RUN) == whole


def test_a_run_with_holes_can_be_reduced_and_only_holes_are_missing():
    """One repeat unanswered, one unscored, one case never tried: the rest is there as it was."""
    run = make_run(
        {"m": by_case([[0.5, 1.0], [0.5, None], [0.5, 0.5]])}, failed=[("c000", 1), ("c002", 0),
        ("c002", 1)],
    )  # fmt: skip
    run = replace(run, trials=tuple(trial for trial in run.trials if trial.case_id != "c002"))
    first, second, third = baselines.reduced(run).cases
    assert first.scores == (("m", (0.5,)),)
    assert first.usd == (0.0,)
    assert second.scores == (("m", (0.5,)),)
    assert len(second.usd) == 2
    assert (third.scores, third.usd, third.input_tokens) == ((), (), ())


# ── comparing ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dataset": "x@2"}, "dataset is 'x@2', the baseline's 'clapnq@1'"),
        ({"dataset_digest": "e"}, "dataset digest is 'e', the baseline's 'dddddddd'"),
        ({"dataset_slice": "full"}, "dataset slice is 'full', the baseline's 'ci'"),
        ({"profile": "gpu"}, "profile is 'gpu', the baseline's 'offline'"),
        ({"suite": "other"}, "suite is 'other', the baseline's 'rag_quality'"),
        ({"judge": "openai/x"}, "judge is 'openai/x', the baseline's 'embedded/lexical-cosine'"),
        ({"metrics": (("m", "2"),)}, "metric m is version 2, the baseline's 1"),
        ({"embedder": "e"}, "embedder is 'e', the baseline's 'embedded/minilm'"),
    ],
)
def test_what_measures_must_agree(changes, reason):
    found = baselines.mismatches(promoted(), replace(RUN.fingerprint, **changes))
    assert found == (reason,)


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "rag/2"},
        {"generator": "vllm/x"},
        {"prompts": (("answer@3", "q"),)},
        {"config_digest": "x"},
        {"judge_card": "BAcc 0.8"},
        {"price_table": "z"},
        {"metrics": (("m", "1"), ("new", "3"))},
        {"metrics": ()},
    ],
)
def test_what_is_under_test_may_differ(changes):
    assert baselines.mismatches(promoted(), replace(RUN.fingerprint, **changes)) == ()


def test_the_embedder_counts_only_where_it_measures():
    def found(metrics, judge="openai/x"):
        then = replace(FINGERPRINT, judge=judge, metrics=metrics)
        baseline = replace(make_baseline(SCORES), fingerprint=then)
        return baselines.mismatches(baseline, replace(then, embedder="other"))

    assert found((("faithfulness", "1"),)) == ()
    assert len(found((("answer_relevancy", 1),))) == 1
    assert len(found((("faithfulness", "1"),), judge="embedded/lexical-cosine")) == 1


def test_a_fitting_baseline_is_loaded_and_another_refused_with_all_reasons(tmp_path):
    baselines.save(tmp_path, promoted())
    suite = tmp_path / "suites" / "rag_quality.toml"
    assert baselines.load_fitting(tmp_path, RUN.fingerprint, suite=suite) == promoted()
    changed = replace(RUN.fingerprint, dataset_digest="e", judge="z")
    with pytest.raises(BaselineMismatch) as caught:
        baselines.load_fitting(tmp_path, changed, suite=suite)
    assert len(caught.value.reasons) == 2
    assert "promote suites/rag_quality.toml --profile offline" in caught.value.mend


def test_the_command_names_the_suites_own_file(tmp_path):
    for suite, shown in (("checks/a.toml", "checks/a.toml"), ("../b.toml", "../b.toml")):
        with pytest.raises(BaselineMismatch) as caught:
            baselines.load_fitting(tmp_path, RUN.fingerprint, suite=tmp_path / suite)
        assert f"{shown} --profile offline" in caught.value.mend


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


def test_a_baseline_in_words():
    lines = baselines.show(promoted()).splitlines()
    # Mean of 0.5, 0.5, 0.5, 0.5, 1 is 0.6; $0.01 for one of three cases is 0.003333 a case.
    assert lines[0] == "rag_quality · offline profile · 3 cases × 5 epochs"
    assert {
        "because new prompt",
        "m 0.6",
        "input_tokens per case 100",
        "usd per case 0.003333",
    } <= {*lines}


def test_a_diff_says_what_changed_and_nothing_else():
    assert baselines.diff(promoted(), promoted()) == ()
    run = make_run(
        {"m": {"c000": [0.5] * 5, "c009": [0.5] * 5}, "n": {"c000": [1.0] * 5}},
        usage={"c000": Usage(input_tokens=300, output_tokens=10)},
        usd={"c000": 0.01},
        fingerprint=replace(FINGERPRINT, target="rag/2", prompts=()),
    )
    assert baselines.diff(promoted(), promoted(run, commit="def")) == (
        "commit: abc → def",
        "target: rag/1 → rag/2",
        "metrics: none → n=1",
        "prompts: answer@2=pppppppp → none",
        "case c009 added",
        "case c001 removed",
        "case c002 removed",
        "m: 0.6 → 0.5 (-0.1)",
        "input_tokens per case: 100 → 200 (+100)",
        "usd per case: 0.003333 → 0.005 (+0.001667)",
        "n: added",
    )
    assert "n: removed" in baselines.diff(promoted(run), promoted())


# ── the release ──────────────────────────────────────────────────────────────────────────────────


SETTINGS = (("target.prompt", "answer@2"), ("target.retrieve.k", "5"))


def test_settings_are_kept_a_line_each_and_read_back(tmp_path):
    """One that changes is one line of a promotion's diff."""
    made = promoted(replace(RUN, settings=SETTINGS))
    assert made.settings == SETTINGS
    baselines.save(tmp_path, made)
    assert baselines.load_baseline(tmp_path, "offline", "rag_quality") == made
    text = baselines.render(made)
    moved = promoted(replace(RUN, settings=(SETTINGS[0], ("target.retrieve.k", "1"))))
    assert set(baselines.render(moved).splitlines()) - set(text.splitlines()) == {
        '  ["target.retrieve.k", "1"]'
    }


def test_a_baseline_without_settings_is_read_and_written_as_before(tmp_path):
    """Those of an older evalkit have no such key, and pinning one adds none."""
    text = baselines.render(promoted())
    assert "settings" not in text
    path = tmp_path / "old.json"
    path.write_text(text)
    assert baselines.read(path).settings == ()


def test_settings_decide_nothing():
    """Near miss: what the fingerprint holds of them does."""
    made = promoted(replace(RUN, settings=SETTINGS))
    assert baselines.mismatches(made, RUN.fingerprint) == ()
    assert made.fingerprint == promoted().fingerprint


def test_a_diff_names_settings_in_the_place_of_digests():
    old = promoted(replace(RUN, settings=SETTINGS))
    run = replace(
        RUN,
        settings=(SETTINGS[0], ("target.retrieve.k", "1")),
        fingerprint=replace(RUN.fingerprint, target="rag/2", config_digest="e" * 8),
    )
    assert baselines.diff(old, promoted(run)) == ("target.retrieve.k: 5 → 1",)
    assert baselines.diff(promoted(), promoted(run)) == (
        "target: rag/1 → rag/2",
        f"config_digest: {FINGERPRINT.config_digest} → {'e' * 8}",
    )
    assert "setting target.retrieve.k 1" in baselines.show(promoted(run)).splitlines()


def test_a_pinned_release_stays_when_the_baseline_moves_on(tmp_path):
    path = baselines.save(tmp_path, promoted(commit="a" * 12))
    pinned = baselines.pin(tmp_path, "offline", path.stem, because="release 1.0")
    assert pinned.name == f"{path.stem}.release.json"
    baselines.save(tmp_path, promoted(commit="b" * 12))
    found = baselines.load_release(tmp_path, FINGERPRINT, suite=Path(f"suites/{path.stem}.toml"))
    assert (found.commit, found.because) == ("a" * 12, "release 1.0")


def test_what_was_never_released_names_the_command_that_pins(tmp_path):
    with pytest.raises(BaselineMismatch) as caught:
        baselines.load_release(tmp_path, FINGERPRINT, suite=Path("suites/rag_quality.toml"))
    assert caught.value.mend.startswith("evalkit baseline pin suites/rag_quality.toml")


def test_a_release_judged_by_another_judge_is_refused(tmp_path):
    path = baselines.save(tmp_path, promoted())
    baselines.pin(tmp_path, "offline", path.stem, because="release 1.0")
    other = replace(FINGERPRINT, judge="another")
    with pytest.raises(BaselineMismatch, match="the release baseline: judge is"):
        baselines.load_release(tmp_path, other, suite=Path("suites/rag_quality.toml"))


def test_nothing_is_pinned_without_a_baseline_or_a_reason(tmp_path):
    with pytest.raises(BaselineMismatch):
        baselines.pin(tmp_path, "offline", "rag_quality", because="release 1.0")
    path = baselines.save(tmp_path, promoted())
    with pytest.raises(DataError, match="needs a reason"):
        baselines.pin(tmp_path, "offline", path.stem, because="  ")


# ── what a judge is shown ────────────────────────────────────────────────────────────────────────


def test_a_digest_is_of_all_that_a_judge_is_shown():
    shown = Answer(text="It is.", passages=(a_passage("One."), a_passage("Two.")))
    reworded = replace(shown, text="It was.")
    turned = replace(shown, passages=shown.passages[::-1])
    assert baselines.answer_digest(shown) != baselines.answer_digest(reworded)
    assert baselines.passages_digest(shown) == baselines.passages_digest(reworded)
    assert baselines.passages_digest(shown) != baselines.passages_digest(turned)
    # What an answer took says nothing of what it says.
    assert baselines.answer_digest(shown) == baselines.answer_digest(replace(shown, latency_s=9.0))


def test_an_answer_cannot_pass_for_a_passage():
    assert baselines.answer_digest(Answer(text="a", passages=(a_passage("b"),))) != (
        baselines.answer_digest(Answer(text="ab"))
    )


def a_passage(text):
    return Passage(document_id="d", chunk_id="d#0", text=text, rank=1, similarity=0.5)
