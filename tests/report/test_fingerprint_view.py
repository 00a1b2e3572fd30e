"""What is not as it was in the baseline is told, what is under test first."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from evalkit.report.fingerprint_view import changes, fingerprint_rows
from evalkit.settings import MOST
from tests.builders import make_baseline, make_run

SCORES = {"f": {"a": 0.9}}
RUN = make_run(SCORES)
BASELINE = replace(
    make_baseline(SCORES), fingerprint=RUN.fingerprint, evalkit_version=RUN.evalkit_version
)


SETTINGS = (("generator", "m/1"), ("target.prompt", "answer@1"), ("target.retrieve.k", "5"))


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


# ── settings ─────────────────────────────────────────────────────────────────────────────────────


def since(was, now, **fingerprint):
    """What is told of a run with these settings against a baseline with those."""
    run = replace(RUN, settings=now, fingerprint=replace(RUN.fingerprint, **fingerprint))
    return changes(run, replace(BASELINE, settings=was))


def with_k(k):
    return (*SETTINGS[:2], ("target.retrieve.k", k))


def test_a_setting_is_named_in_the_place_of_the_digests_that_hold_it():
    """k 5 → 1 makes another target and another configuration: both say no more than the name."""
    found = since(SETTINGS, with_k("1"), target="rag/2", config_digest="e" * 8)
    assert found == (("target.retrieve.k", "5 → 1"),)


def test_equal_settings_say_nothing():
    assert since(SETTINGS, SETTINGS) == ()


@pytest.mark.parametrize(("was", "now"), [((), SETTINGS), (SETTINGS, ())])
def test_where_a_side_has_no_settings_the_digests_are_told(was, now):
    assert since(was, now, target="rag/2") == (("target", "rag/1 → rag/2"),)
    assert since(was, now) == ()


def test_another_target_that_no_setting_explains_is_told_by_its_digest():
    """A function's source, or a header that is never shown: the settings are equal."""
    assert since(SETTINGS, SETTINGS, target="rag/2") == (("target", "rag/1 → rag/2"),)
    slower = (*SETTINGS, ("generator.timeout_s", "60"))
    faster = (*SETTINGS, ("generator.timeout_s", "9"))
    assert since(slower, faster, target="rag/2") == (
        ("generator.timeout_s", "60 → 9"),
        ("target", "rag/1 → rag/2"),
    )


def test_a_prompt_is_told_once_and_a_text_under_its_old_name_still():
    newer = (SETTINGS[0], ("target.prompt", "answer@3"), SETTINGS[2])
    assert since(SETTINGS, newer, prompts=(("answer@3", "q"),), target="rag/2") == (
        ("target.prompt", "answer@1 → answer@3"),
    )
    edited = since(SETTINGS, with_k("1"), prompts=(("answer@2", "other"),))
    assert edited == (("target.retrieve.k", "5 → 1"), ("prompts", "answer@2 (its content)"))


def test_a_generator_is_told_once():
    newer = (("generator", "m/2"), *SETTINGS[1:])
    found = since(SETTINGS, newer, generator="m/2", target="rag/2")
    assert found == (("generator", "m/1 → m/2"),)


def test_a_few_settings_are_named_and_the_rest_counted():
    was = tuple((f"target.s{i}", "0") for i in range(MOST + 1))
    now = tuple((f"target.s{i}", "1") for i in range(MOST + 1))
    found = since(was, now)
    assert len(found) == MOST + 1
    assert found[-1] == ("and 1 more", "setting")
    assert since(was[1:], now[1:])[-1] == (f"target.s{MOST}", "0 → 1")  # near miss: all fit


def test_a_setting_of_a_damaged_baseline_stays_on_its_line():
    ((name, how),) = since((("target.a\n::x", "1\x1b[2J\n2"),), (("target.a\n::x", "3"),))
    assert not re.search(r"[\n\x1b]", name + how)
    assert len(since((("n" * 500, "1"),), (("n" * 500, "2"),))[0][0]) < 50


def test_the_settings_of_a_run_are_among_what_it_was_made_of():
    rows = fingerprint_rows(replace(RUN, settings=SETTINGS))
    assert rows[-1] == ("target.retrieve.k", "5")
