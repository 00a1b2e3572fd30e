"""What every metric offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from evalkit.judges.protocol import Judge
from evalkit.providers.protocol import Embedder, Model
from evalkit.records import Answer, Case, Score, Unscored

JudgedOn = Literal["answer", "passages", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """What a metric may measure with.

    `model` is the judge's chat model, for metrics that bring prompts of their own; None where the
    judge has none. Cache, budget, retries and limits are around it already.
    """

    judge: Judge
    embedder: Embedder
    model: Model | None = None


class Metric(Protocol):
    """A per-trial rule that gives a score in [0, 1], higher is better.

    A metric is a frozen dataclass whose fields are its options in the suite file. `version` goes up
    whenever the same trial could score differently: baselines of another version are refused.
    `judged_on` says what of a trial the judge is shown, beside the case: the `answer` with its
    passages, the `passages` alone, or nothing. Where that is the same to the byte, so is the score
    that a baseline holds, and no judge need be asked.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    judged_on: ClassVar[JudgedOn]

    def applies_to(self, case: Case) -> bool:
        """Whether the case has what the metric needs.

        Decided by the golden row alone, never by the answer: a metric that drops out on bad answers
        would raise its own mean.
        """
        ...

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """The value on this answer, or why there is none. Raises `JudgeError`, `ProviderError`."""
        ...


def judged_on(metric: object) -> str:
    """What a metric says its judge is shown; one that does not say is always judged anew."""
    return str(getattr(metric, "judged_on", ""))
