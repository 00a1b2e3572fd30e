"""What is kept: runs, and the baselines promoted from them."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records.answers import Trial
from evalkit.records.attribution import Attribution
from evalkit.records.golden import Case
from evalkit.records.invariants import require
from evalkit.records.looks import Looks
from evalkit.records.replays import Replay
from evalkit.records.scores import Score, Unscored
from evalkit.records.serving import ServerRecord
from evalkit.records.spending import Spend
from evalkit.records.verdicts import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What a run was made of: two runs compare only where these agree.

    `metrics` maps a metric's name to its version and options (`1`, `1 k=5`), `prompts` a prompt's
    ref to its digest.
    """

    suite: str
    profile: str
    dataset: str
    dataset_slice: str
    dataset_digest: str
    target: str
    generator: str
    judge: str
    judge_card: str
    embedder: str
    price_table: str
    metrics: tuple[tuple[str, str], ...]
    prompts: tuple[tuple[str, str], ...]
    config_digest: str


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Run:
    """Everything one execution of one suite measured. Deciding and rendering need nothing else.

    `looks` is None where every case was judged, by every metric. `rejudged` is the baseline with
    the scores that the run's judge gave its answers, where another judge had given them first.
    `replays` are the new breaches that were tried again, one a case and metric.
    `settings` are what the target and the judge were made of, by dotted name, to be read by people:
    nothing is decided by them, and none is a secret.
    """

    schema_version: int
    evalkit_version: str
    commit: str
    started_at: str
    duration_s: float
    purpose: str
    fingerprint: Fingerprint
    cases: tuple[Case, ...]
    trials: tuple[Trial, ...]
    scores: tuple[Score | Unscored, ...]
    spends: tuple[Spend, ...] = ()
    servers: tuple[ServerRecord, ...] = ()
    looks: Looks | None = None
    rejudged: Baseline | None = None
    replays: tuple[Replay, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A `run.json`: what was measured, what was concluded from it, what moved what failed."""

    run: Run
    decision: Decision
    attributions: tuple[Attribution, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineCase:
    """One case of a baseline: scores by metric, tokens, dollars, seconds an epoch. No text.

    `answers` and `passages` are digests of what a judge is shown, an epoch each: the answer with
    its passages, and the passages alone.
    """

    id: str
    cluster: str
    scores: tuple[tuple[str, tuple[float, ...]], ...]
    input_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]
    usd: tuple[float, ...]
    latency_s: tuple[float, ...] = ()
    answers: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A promoted, committed run: several fresh epochs, reduced to numbers per case.

    `settings` are the run's; baselines of an older evalkit have none.
    """

    schema_version: int
    evalkit_version: str
    commit: str
    promoted_at: str
    promoted_by: str
    because: str
    epochs: int
    fingerprint: Fingerprint
    cases: tuple[BaselineCase, ...]
    settings: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        require(self.epochs >= 1, "a baseline needs at least one epoch")
        ids = [case.id for case in self.cases]
        require(len(ids) == len(set(ids)), "a case repeats in the baseline")
