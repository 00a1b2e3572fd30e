"""What is not as it was in the baseline is told, what is under test first."""

from __future__ import annotations

from dataclasses import replace

from evalkit.report.fingerprint_view import changes, fingerprint_rows
from tests.builders import make_baseline, make_run

SCORES = {"f": {"a": 0.9}}
RUN = make_run(SCORES)
BASELINE = replace(
    make_baseline(SCORES), fingerprint=RUN.fingerprint, evalkit_version=RUN.evalkit_version
)


def changed(**fingerprint):
    return changes(replace(RUN, fingerprint=replace(RUN.fingerprint, **fingerprint)), BASELINE)


def test_nothing_changed_is_nothing_said():
    assert changes(RUN, BASELINE) == ()
    assert changes(RUN, None) == ()


def test_a_new_prompt_version_is_an_arrow():
    assert changed(prompts=(("answer@3", "q"),)) == (("prompts", "answer@2 → answer@3"),)


def test_a_prompt_with_another_text_under_its_old_name_is_told():
    assert changed(prompts=(("answer@2", "other"),)) == (("prompts", "answer@2 (its content)"),)


def test_a_prompt_more_comes_from_none():
    more = (*RUN.fingerprint.prompts, ("rewrite@1", "r"))
    assert changed(prompts=more) == (("prompts", "none → rewrite@1"),)


def test_the_target_and_its_generator_are_told_apart():
    found = changed(target="rag/2", generator="openai/x")
    assert found == (
        ("target", "rag/1 → rag/2"),
        ("generator", "embedded/extractive → openai/x"),
    )


def test_what_is_under_test_stands_before_what_measures():
    found = changed(judge="other", prompts=(("answer@3", "q"),))
    assert [name for name, _ in found] == ["prompts", "judge"]


def test_the_configuration_is_named_where_nothing_else_is():
    """A new target has a new configuration, so beside one it says nothing more."""
    assert changed(config_digest="e" * 8) == (("configuration", "not the baseline's"),)
    assert changed(config_digest="e" * 8, target="rag/2") == (("target", "rag/1 → rag/2"),)


def test_another_evalkit_is_a_change():
    older = replace(BASELINE, evalkit_version="0.0.9")
    assert changes(RUN, older) == (("evalkit", f"0.0.9 → {RUN.evalkit_version}"),)


def test_a_baseline_that_was_judged_again_says_so():
    again = replace(RUN, rejudged=BASELINE)
    assert changes(again, BASELINE) == (
        ("judge", "the baseline's answers were judged again by this run's"),
    )


def test_controls_in_a_name_are_drawn():
    ((_, how),) = changed(target="a\x1b[2Jb")
    assert "\x1b" not in how


def test_rows_leave_out_what_is_not_known():
    names = [name for name, _ in fingerprint_rows(RUN)]
    assert "judge" in names
    assert "judge card" not in names  # the builder's is empty


def test_another_version_of_a_metric_is_a_change():
    assert changed(metrics=(("f", "2"),)) == (("metrics", "f (its content)"),)
    assert changed(metrics=(("g", "1"),)) == (("metrics", "f → g"),)
