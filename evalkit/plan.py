"""What is to be measured, and how hard: a suite with every name turned into an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from evalkit import codec
from evalkit.calls.ledger import Ledger
from evalkit.gates.protocol import Promise
from evalkit.metrics.protocol import Instruments, Metric
from evalkit.pricing import Price
from evalkit.records import Baseline, Dataset, Fingerprint, ServerRecord
from evalkit.targets.protocol import Target

IN_PROCESS = 8
"""Cases in flight where every model runs in this process: enough to keep its threads busy."""


class Remote(Protocol):
    """The models of a plan that are outside this process, and what they share."""

    @property
    def concurrency(self) -> int:
        """How many requests they take at once; 0 where there are none."""
        ...

    @property
    def ledger(self) -> Ledger | None:
        """What the build may still spend; None where it has no cap."""
        ...

    @property
    def servers(self) -> tuple[ServerRecord, ...]:
        """What model servers did for the plan."""
        ...

    async def close(self) -> None:
        """Let go of connections, servers and files."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcess:
    """No model outside this process; a budget all the same, for targets that cost."""

    ledger: Ledger | None = None
    concurrency: int = 0
    servers: tuple[ServerRecord, ...] = ()

    async def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A suite with every name turned into an object: what the straight line runs on.

    `price` converts a target's tokens to dollars where the target does not price itself.
    `paces_itself` is true where the target waits on nothing but models that evalkit calls.
    `judge_costs` is true where asking the judge costs calls, which are then spared where a verdict
    does not need them. `recipe` is what the target was made from, as plain data; `rebuild` makes a
    target of such a recipe again. `settings` are what a person is shown of all that, by dotted
    name. `keep_answers` says that a promotion keeps the texts it was made of, beside it.
    """

    purpose: str
    promise: Promise
    dataset: Dataset
    target: Target
    metrics: tuple[Metric, ...]
    instruments: Instruments
    price: Price | None
    fingerprint: Fingerprint
    remote: Remote = field(default_factory=InProcess)
    paces_itself: bool = False
    judge_costs: bool = False
    recipe: Mapping[str, Any] = field(default_factory=dict)
    rebuild: Callable[[Mapping[str, Any]], tuple[Target, Remote]] | None = None
    keep_answers: bool = False
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The suite's name: its file's stem."""
        return self.promise.suite

    @property
    def key(self) -> str:
        """Identifies everything this suite measures; journals of another key do not mix."""
        return codec.digest(self.fingerprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The baseline a run will be compared with, and what of the judging that allows to leave out.

    With `looks` a gated metric is judged only until its gates are settled; `tests` is the size of
    the build's family, `seed` that of the order in which cases are judged: the same for the same
    commit and suite, so that a rerun has no second chance.
    """

    baseline: Baseline
    looks: bool
    tests: int
    seed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to work: attempts a case, cases in flight, seconds an answer of a target may take.

    Without a `concurrency`, as many cases are in flight as the models outside this process take
    requests, at least `IN_PROCESS`. The time limit is for targets that wait on something else; a
    model that evalkit calls has limits of its own, which pauses do not count against.
    """

    repeats: int = 1
    concurrency: int | None = None
    attempt_timeout_s: float = 120.0

    def __post_init__(self) -> None:
        if self.repeats < 1 or (self.concurrency is not None and self.concurrency < 1):
            raise ValueError("repeats and concurrency must be at least 1")
        if not self.attempt_timeout_s > 0:
            raise ValueError("attempt_timeout_s must be more than 0")
