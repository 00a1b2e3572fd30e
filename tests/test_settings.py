"""What changed is said by name: known changes, and what is no change."""

from __future__ import annotations

import pytest

from evalkit.settings import MOST, Change, changed, explained, in_words

BEFORE = (("target.prompt", "answer@1"), ("target.retrieve.k", "5"), ("target.retrieve.mode", "x"))
NOW = (("target.prompt", "answer@2"), ("target.retrieve.k", "1"), ("target.retrieve.mode", "x"))


def test_each_setting_that_differs_is_a_change():
    assert changed(BEFORE, NOW) == (
        Change(name="target.prompt", before="answer@1", now="answer@2"),
        Change(name="target.retrieve.k", before="5", now="1"),
    )


def test_equal_settings_are_no_change_in_any_order():
    assert changed(BEFORE, BEFORE[::-1]) == ()


@pytest.mark.parametrize(("before", "now"), [((), NOW), (NOW, ()), ((), ())])
def test_nothing_is_known_of_a_side_without_settings(before, now):
    """Near miss: it does not read as if every setting had come."""
    assert changed(before, now) == ()


def test_what_is_under_test_comes_first_and_what_only_one_side_has_last():
    before = (("attack.count", "1"), ("judge", "a"), ("target.a.b", "1"), ("target.gone", "1"))
    now = (("attack.count", "2"), ("judge", "b"), ("target.a.b", "2"), ("target.z", "1"))
    found = changed(before, now)
    names = ["target.a.b", "target.gone", "target.z", "judge", "attack.count"]
    assert [change.name for change in found] == names
    assert [change.how for change in found[1:3]] == ["1 → none", "none → 1"]


def test_a_line_names_a_few_and_counts_the_rest():
    found = changed(
        [(f"target.s{i}", "0") for i in range(MOST + 3)],
        [(f"target.s{i}", "1") for i in range(MOST + 3)],
    )
    assert in_words(found).endswith("target.s5 0 → 1 and 3 more")
    assert in_words(found[:2]) == "target.s0 0 → 1, target.s1 0 → 1"
    assert in_words(()) == ""


def test_a_long_value_is_cut_on_a_line():
    change = Change(name="n", before="a" * 48, now="b" * 49)
    assert change.how == f"{'a' * 48} → {'b' * 47}…"


def test_a_setting_says_what_a_digest_of_it_would_say():
    k = changed(BEFORE, (("target.retrieve.k", "1"), *BEFORE[:1], *BEFORE[2:]))
    assert explained(k, "target")
    assert explained(k, "config_digest")
    assert not explained(k, "prompts")  # a text edited under its old name
    assert not explained(k, "judge")
    assert not explained(k, "dataset")
    assert not explained((), "target")
    assert explained(changed(BEFORE, NOW), "prompts")


@pytest.mark.parametrize(
    "name", ["generator.timeout_s", "generator.limits.max", "target.price.input"]
)
def test_what_shapes_no_answer_explains_no_other_target(name):
    """Near miss: `generator.temperature` does."""
    assert not explained([Change(name=name, before="1", now="2")], "target")
    assert explained([Change(name="generator.temperature", before="1", now="2")], "target")
