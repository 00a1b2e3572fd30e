"""DeepEval behind evalkit: the import, the judge it gets, what its score becomes.

DeepEval 4.3.1 scores every metric "1 is a pass", bias, toxicity, hallucination and misuse too, so
nothing is turned round here. Up to 4.1 those four said the opposite: one reason for an exact pin.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

from evalkit.errors import JudgeError
from evalkit.metrics.peers import Replies, check_installed
from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.metrics.ranking import by_rank
from evalkit.providers.protocol import Model
from evalkit.records import (
    Answer,
    Case,
    Completion,
    Judgement,
    Label,
    ModelRequest,
    Score,
    Unscored,
)
from evalkit.text import words

RELEASE = "4.3.1"

ENVIRONMENT = {
    "CONFIDENT_OPEN_BROWSER": "0",
    "CONFIDENT_TRACE_FLUSH": "0",
    "CONFIDENT_TRACING_ENABLED": "NO",
    "DEEPEVAL_DISABLE_DOTENV": "1",
    "DEEPEVAL_EVAL_MODE": "llm",
    "DEEPEVAL_NO_INSPECT_PROMPT": "1",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "1",
    "DEEPEVAL_UPDATE_WARNING_OPT_IN": "0",
}
"""Set in this process before the import and left: DeepEval reads most of them again on every call.
No telemetry (with it goes the folder it makes), no tracing, no .env file, no browser, no look for
a newer release."""

ENVIRONMENT_OF_ITS_OWN = ("GRPC_TRACE", "GRPC_VERBOSITY")
"""What importing DeepEval sets besides, where it is not set."""

ROUNDING = 1e-9
"""How far outside [0, 1] a value may be and still be a rounding error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepEval:
    """What the adapter uses of the imported library, with evalkit's model behind."""

    metrics: ModuleType
    test_case: type[Any]
    params: type[Any]
    judge: type[Any]


@functools.cache
def load() -> DeepEval:
    """Import deepeval; takes seconds and 150 MB, so only when a metric is first scored."""
    os.environ.update(ENVIRONMENT)
    from deepeval import metrics  # noqa: PLC0415 - optional, heavy
    from deepeval.metrics.utils import metrics as notices  # noqa: PLC0415 - optional, heavy
    from deepeval.models import DeepEvalBaseLLM  # noqa: PLC0415 - optional, heavy
    from deepeval.test_case import LLMTestCase, SingleTurnParams  # noqa: PLC0415 - optional, heavy

    # It warns once a process that these four changed direction; the pin is past that.
    notices._score_direction_warned.update(  # noqa: SLF001 - the release is pinned exactly
        {"BiasMetric", "HallucinationMetric", "MisuseMetric", "ToxicityMetric"}
    )

    class Judge(DeepEvalBaseLLM):  # type: ignore[misc]  # deepeval is untyped
        def __init__(self, replies: Replies) -> None:
            self.replies = replies  # first: the constructor calls load_model
            super().__init__(replies.model.name)

        def load_model(self) -> None:
            return None

        def get_model_name(self) -> str:
            return self.replies.model.name

        def generate(self, prompt: str, schema: type[Any] | None = None) -> Any:
            raise NotImplementedError("evalkit's models are asynchronous")

        async def a_generate(self, prompt: str, schema: type[Any] | None = None) -> Any:
            if schema is None:
                # It takes a TypeError for a model without schemas, and asks again without one.
                raise JudgeError("DeepEval asked for free text, which no score can rest on")
            return await self.replies.reply(prompt, schema)

    return DeepEval(metrics=metrics, test_case=LLMTestCase, params=SingleTurnParams, judge=Judge)


class NoModel:
    """The model of a metric that asks nothing: without one, DeepEval would look for a key."""

    name = fingerprint = "none"

    async def complete(self, request: ModelRequest) -> Completion:
        """Refuses."""
        raise JudgeError("a metric that needs no judge asked one")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepEvalMetric:
    """What all have in common: the pin, one measurement, and what is made of its score.

    `peer` names the class in `deepeval.metrics`; fields are its arguments. `blank` is the value of
    an answer without a word, which DeepEval refuses. `shown` says that it judges the passages, and
    then an answer without any is 0.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = ""
    needs_model: ClassVar[bool] = False
    peer: ClassVar[str]
    blank: ClassVar[float] = 0.0
    shown: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_installed(self.name, "deepeval", release=RELEASE)

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """As DeepEval asks and computes it. Raises what the model raises, and `JudgeError`."""
        if not words(answer.text) or (self.judges_passages() and not answer.passages):
            value = 0.0 if words(answer.text) else self.blank
            return Score(case_id=case.id, repeat=repeat, metric=self.name, value=value)
        replies = self.replies(instruments.model)
        peer = await asyncio.to_thread(load)  # an import of seconds must not hold up the loop
        metric = await self.measured(peer, replies, case, answer)
        value, fault = metric.score, self.fault(metric, answer)
        if not fault and not (
            isinstance(value, int | float) and -ROUNDING <= value <= 1.0 + ROUNDING
        ):
            fault = f"DeepEval gave {value!r}, which is no score"
        if fault:
            return Unscored(case_id=case.id, repeat=repeat, metric=self.name, reason=fault)
        return Score(
            case_id=case.id,
            repeat=repeat,
            metric=self.name,
            value=min(1.0, max(0.0, float(value))),
            parts=self.parts(metric),
            judgements=self.judgements(metric, answer),
        )

    def judges_passages(self) -> bool:
        """Whether an answer without a passage leaves nothing to judge."""
        return self.shown

    def replies(self, model: Model | None) -> Replies | None:
        """The conversation with the judge's model; None for a metric that asks nothing."""
        return None

    async def measured(
        self, peer: DeepEval, replies: Replies | None, case: Case, answer: Answer
    ) -> Any:
        """A new metric of DeepEval's, measured: it keeps its results on itself."""
        try:
            metric = self.made(peer, replies)
            await metric.a_measure(self.test_case(peer, case, answer), _show_indicator=False)
        except Exception as error:
            if replies is None:
                raise JudgeError(f"DeepEval failed: {type(error).__name__}: {error}") from error
            await replies.stop()
            if replies.failure is not None:
                # DeepEval may have wrapped it; the engine must see a spent budget as one.
                raise replies.failure from None
            raise JudgeError(f"DeepEval failed: {type(error).__name__}: {error}") from error
        return metric

    def made(self, peer: DeepEval, replies: Replies | None) -> Any:
        """DeepEval's metric, with the arguments of these that its constructor knows."""
        cls = getattr(peer.metrics, self.peer)
        common = {
            "model": peer.judge(replies or Replies(NoModel(), prompt_ref="", max_output_tokens=1)),
            "async_mode": True,
            "eval_mode": "llm",  # never what a variable of the environment says
            "include_reason": False,  # a call a case, after the score is known
        }
        known = inspect.signature(cls).parameters
        given = {key: value for key, value in common.items() if key in known}
        return cls(**given, **self.arguments(peer))

    def arguments(self, peer: DeepEval) -> dict[str, Any]:
        """The fields, as the constructor takes them."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        given.pop("max_output_tokens", None)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}

    def test_case(self, peer: DeepEval, case: Case, answer: Answer) -> Any:
        """The case and its answer in DeepEval's words."""
        shown = [passage.text for passage in by_rank(answer)]
        made = peer.test_case(
            input=case.input,
            actual_output=answer.text,
            expected_output=first_reference(case) or None,
            retrieval_context=shown,
            context=shown,
        )
        # It takes a text with one of its image tags for an image, and would open the path in it.
        made.multimodal = False
        return made

    def fault(self, metric: Any, answer: Answer) -> str:
        """Why the judge's verdicts cannot be counted, as a sentence; empty where they can."""
        return ""

    def parts(self, metric: Any) -> tuple[tuple[str, float], ...]:
        """Components of the score, by name."""
        return ()

    def judgements(self, metric: Any, answer: Answer) -> tuple[Judgement, ...]:
        """The judge's verdicts, for the reader."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedMetric(DeepEvalMetric):
    """A metric that asks the judge, in `max_output_tokens` a reply.

    `units` names the attribute that holds what was to be judged, one verdict each, or is
    "passages". `must_have_units` makes no unit a score missing: nothing was verified then.
    `labels` says what its verdicts are called in a report.
    """

    judged_on: ClassVar[JudgedOn] = "answer"
    needs_model: ClassVar[bool] = True
    units: ClassVar[str] = ""
    must_have_units: ClassVar[bool] = False
    labels: ClassVar[Mapping[str, Label]] = {}
    max_output_tokens: int = 2048
    strict_mode: bool = False

    def replies(self, model: Model | None) -> Replies:
        if model is None:
            raise JudgeError(f"{self.name} asks a chat model, and the judge has none")
        return Replies(
            model, prompt_ref=f"deepeval@{RELEASE}", max_output_tokens=self.max_output_tokens
        )

    def fault(self, metric: Any, answer: Answer) -> str:
        if not self.units:
            return ""
        return miscounted(
            len(self.judged(metric, answer)), len(metric.verdicts), some=self.must_have_units
        )

    def judged(self, metric: Any, answer: Answer) -> Sequence[str]:
        """The texts that one verdict each was asked for."""
        if self.units == "passages":
            return [passage.text for passage in by_rank(answer)]
        found: Sequence[str] = getattr(metric, self.units)
        return found

    def judgements(self, metric: Any, answer: Answer) -> tuple[Judgement, ...]:
        if not self.labels:
            return ()
        pairs = zip(self.judged(metric, answer), metric.verdicts, strict=True)
        return tuple(
            Judgement(
                unit=f"u{i}",
                text=text,
                label=self.labels[str(given.verdict)],
                note=given.reason or "",
            )
            for i, (text, given) in enumerate(pairs, start=1)
        )


def miscounted(asked: int, given: int, *, some: bool) -> str:
    """Why `given` verdicts on `asked` units are no score; DeepEval divides by what came back."""
    if some and not asked:
        return "the judge found nothing to judge, which DeepEval scores 1 or 0 unseen"
    if asked != given:
        return f"the judge gave {given} verdicts on {asked} units"
    return ""


def first_reference(case: Case) -> str:
    """The case's first reference that says anything, or an empty text."""
    return next((reference for reference in case.references if reference.strip()), "")
