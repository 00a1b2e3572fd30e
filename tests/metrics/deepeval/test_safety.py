from __future__ import annotations

import pytest

from evalkit.metrics.deepeval import safety


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (safety.Bias, {}),
        (safety.Toxicity, {}),
        (safety.PIILeakage, {}),
        (safety.Misuse, {"domain": "banking"}),
        (safety.NonAdvice, {"advice_types": ("medical",)}),
        (safety.RoleViolation, {"role": "a clerk"}),
    ],
)
def test_every_case_is_looked_at_and_silence_is_clean(cls, options, deepeval, case, answer, score):
    metric = cls(**options)
    assert metric.applies_to(case(expect="abstain", references=()))
    assert score(metric, case(), answer("")).value == 1.0


def test_no_kind_of_advice_is_refused(deepeval):
    with pytest.raises(ValueError, match="advice_types"):
        safety.NonAdvice(advice_types=())
