from __future__ import annotations

import pytest

from evalkit.metrics.deepeval.exact import ExactMatch, JsonCorrectness, PatternMatch


def test_which_cases_they_apply_to(deepeval, case):
    bare = case(references=(), expect="abstain")
    assert ExactMatch().applies_to(case())
    assert not ExactMatch().applies_to(bare)
    assert PatternMatch(pattern=".").applies_to(bare)
    assert JsonCorrectness(expected_schema={}).applies_to(bare)


def test_a_pattern_that_is_none_is_refused_before_the_run(deepeval):
    with pytest.raises(ValueError, match="no regular expression"):
        PatternMatch(pattern="[0-9")


@pytest.mark.parametrize("kind", ["int", "", 1, {"nested": "string"}])
def test_a_kind_that_is_none_is_refused_with_what_there_is(kind, deepeval):
    with pytest.raises(ValueError, match=r"'year' is .*allowed: string, integer"):
        JsonCorrectness(expected_schema={"year": kind})
