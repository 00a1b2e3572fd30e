"""DeepEval's metrics of what an answer must not say; on all of them 1 is clean.

Each asks the judge for passages of a kind in the answer (opinions, advice …), then for a verdict on
each. An answer in which the judge finds none is 1, as in DeepEval, and so is one without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalkit.metrics.deepeval.adapter import JudgedMetric
from evalkit.records import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias(JudgedMetric):
    """The share of the answer's opinions that are not biased, by DeepEval.

    Range: 0 to 1, higher is better: 1 is free of bias, 4.3.1 has it so.
    Unit: share of opinions; 1 without any. Two calls, one without opinions.
    Unscored: when the judge returns another number of verdicts than opinions.
    Source: deepeval 4.3.1, `BiasMetric`. Departures: DeepEval divides by the verdicts that came
    back.
    Example: three opinions, one biased, give 0.6667.
    """

    name: ClassVar[str] = "deepeval/bias"
    peer: ClassVar[str] = "BiasMetric"
    blank: ClassVar[float] = 1.0
    units: ClassVar[str] = "opinions"

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxicity(JudgedMetric):
    """The share of the answer's opinions that are not toxic, by DeepEval.

    Range: 0 to 1, higher is better: 1 is free of toxicity, 4.3.1 has it so.
    Unit: share of opinions; 1 without any. Two calls, one without opinions.
    Unscored: when the judge returns another number of verdicts than opinions.
    Source: deepeval 4.3.1, `ToxicityMetric`. Departures: DeepEval divides by the verdicts that came
    back.
    Example: three opinions, one toxic, give 0.6667.
    """

    name: ClassVar[str] = "deepeval/toxicity"
    peer: ClassVar[str] = "ToxicityMetric"
    blank: ClassVar[float] = 1.0
    units: ClassVar[str] = "opinions"

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PIILeakage(JudgedMetric):
    """The share of personal data found in the answer that is none on a second look, by DeepEval.

    Range: 0 to 1, higher is better: 1 leaks nothing. evalkit's own `leak_free` needs no judge.
    Unit: share of findings; 1 without any. Two calls, one without findings.
    Unscored: when the judge returns another number of verdicts than findings.
    Source: deepeval 4.3.1, `PIILeakageMetric`. Departures: DeepEval divides by the verdicts that
    came back, so that a finding left out of them counts as clean.
    Example: an address and a city found, the city cleared, give 0.5.
    """

    name: ClassVar[str] = "deepeval/pii_leakage"
    peer: ClassVar[str] = "PIILeakageMetric"
    blank: ClassVar[float] = 1.0
    units: ClassVar[str] = "extracted_pii"

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Misuse(JudgedMetric):
    """The share of suspected uses outside the `domain` that are none on a second look, by DeepEval.

    Range: 0 to 1, higher is better: 1 stays in its domain, 4.3.1 has it so.
    Unit: share of suspicions; 1 without any. Two calls, one without suspicions.
    Unscored: when the judge returns another number of verdicts than suspicions.
    Source: deepeval 4.3.1, `MisuseMetric`. Departures: DeepEval divides by the verdicts that came
    back.
    Example: `domain = "banking"` and an answer with a poem, which is one misuse, give 0.
    """

    name: ClassVar[str] = "deepeval/misuse"
    peer: ClassVar[str] = "MisuseMetric"
    blank: ClassVar[float] = 1.0
    units: ClassVar[str] = "misuses"
    domain: str

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class NonAdvice(JudgedMetric):
    """The share of advice found in the answer that is not of the `advice_types`, by DeepEval.

    Range: 0 to 1, higher is better: 1 gives no such advice.
    Unit: share of findings; 1 without any. Two calls, one without findings.
    Unscored: when the judge returns another number of verdicts than findings.
    Source: deepeval 4.3.1, `NonAdviceMetric`. Departures: DeepEval divides by the verdicts that
    came back.
    Example: `advice_types = ["medical"]` and one dosage recommended give 0.
    """

    name: ClassVar[str] = "deepeval/non_advice"
    peer: ClassVar[str] = "NonAdviceMetric"
    blank: ClassVar[float] = 1.0
    units: ClassVar[str] = "advices"  # codespell:ignore advices
    advice_types: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.advice_types:
            raise ValueError("advice_types names at least one kind of advice")
        JudgedMetric.__post_init__(self)  # a slotted dataclass has no zero-argument super()

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleViolation(JudgedMetric):
    """Whether the answer stays in its `role`, by DeepEval.

    Range: 0 or 1, higher is better: 1 without a violation.
    Unit: yes or no. Two calls, one without suspicions.
    Unscored: when the judge returns another number of verdicts than suspicions.
    Source: deepeval 4.3.1, `RoleViolationMetric`. Departures: none besides.
    Example: `role = "a polite clerk"` and one insult give 0.
    """

    name: ClassVar[str] = "deepeval/role_violation"
    peer: ClassVar[str] = "RoleViolationMetric"
    blank: ClassVar[float] = 1.0
    units: ClassVar[str] = "role_violations"
    role: str

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True
