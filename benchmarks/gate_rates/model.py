"""Scores as a judge gives them on a RAG suite, before and after a change: the simulations' model.

The model and its constants are those of `research/gating-statistics.md` §2, so that figures made
here compare with the figures there. A case has 3 + Poisson(2) claims, each supported with the
case's own probability: 55 % of the cases are easy (Beta(80, 1)), 45 % hard (Beta(5, 2)). Its true
score is the supported share. Each run draws some answers anew (the target's noise), and the judge
adds noise of its own, clipped to [0, 1], so that many scores are exactly 1 and few are low.

What it leaves out: metrics of one build are independent here, which is the hardest case for a rule
on all of them and not the usual one; a judge's errors are noise, never a lean to one side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Shape = Literal["diffuse", "concentrated"]

EPOCHS = 5
MEAN = 0.55 * 80 / 81 + 0.45 * 5 / 7
"""The true mean score: 0.865."""

KEPT = 0.4
"""What a broken case keeps of its score in a concentrated drop."""

PER_DOCUMENT = 5
CORRELATION = 0.3
"""Of two cases of one document, in every score: their intraclass correlation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How noisy target and judge are: the share of answers each run draws anew, the judge's sd."""

    redrawn: float
    judge_sd: float


REGIMES = {
    "low": Regime(redrawn=0.1, judge_sd=0.05),
    "mid": Regime(redrawn=0.3, judge_sd=0.10),
    "high": Regime(redrawn=1.0, judge_sd=0.15),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened between baseline and candidate.

    `rerolled`: a harmless edit gives every case another answer of the same expected quality. `drop`
    is how far the true mean of the first `worse` metrics falls: `diffuse` thins every claim,
    `concentrated` takes 60 % of the score of a few cases. `identical` is the share of the cases
    whose answer is the baseline's to the byte, and whose score is therefore known.
    """

    rerolled: bool = False
    drop: float = 0.0
    shape: Shape = "diffuse"
    worse: int = 1
    identical: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Judged scores of some builds: `now` by build, metric and case, `before` by epoch as well.

    `known` marks those of `now` that needed no judge.
    """

    before: Floats
    now: Floats
    known: Bools


def draw(
    rng: np.random.Generator,
    regime: Regime,
    change: Change,
    *,
    builds: int,
    metrics: int,
    cases: int,
    clustered: bool = False,
) -> Scores:
    """Fresh cases, a fresh baseline of five epochs and one candidate epoch for each build.

    Clustered cases share a document by fives. Each takes the document's own draw, whole, with
    probability √0.3: two of a document are then the same draw with probability 0.3, which is their
    correlation, and no single case is distributed otherwise than before.
    """
    before, now = _draw(rng, regime, change, (builds, metrics, cases))
    if clustered:
        documents = cases // PER_DOCUMENT
        of = np.arange(cases) // PER_DOCUMENT
        shared_before, shared_now = _draw(rng, regime, change, (builds, metrics, documents))
        shares = rng.random(now.shape) < CORRELATION**0.5
        before = np.where(shares[..., None], shared_before[:, :, of], before)
        now = np.where(shares, shared_now[:, :, of], now)
    # One answer has one text, whichever metric looks at it.
    known = np.broadcast_to(rng.random((builds, 1, cases)) < change.identical, now.shape)
    return Scores(before=before, now=np.where(known, before.mean(axis=-1), now), known=known)


def _draw(
    rng: np.random.Generator, regime: Regime, change: Change, shape: tuple[int, int, int]
) -> tuple[Floats, Floats]:
    claims = 3 + rng.poisson(2, shape)
    easy = rng.random(shape) < 0.55
    support = np.where(easy, rng.beta(80, 1, shape), rng.beta(5, 2, shape))
    answered = rng.binomial(claims, support)
    epochs = (*shape, EPOCHS)
    anew = rng.random(epochs) < regime.redrawn
    again = rng.binomial(claims[..., None], support[..., None], epochs)
    supported = np.where(anew, again, answered[..., None])
    before = _judged(rng, regime, supported / claims[..., None])
    if change.rerolled:
        answered = rng.binomial(claims, support)
    anew_now = rng.random(shape) < regime.redrawn
    supported_now = np.where(anew_now, rng.binomial(claims, support), answered)
    return before, _judged(rng, regime, _worsened(rng, change, supported_now, claims))


def _worsened(
    rng: np.random.Generator, change: Change, supported: Counts, claims: Counts
) -> Floats:
    """The true scores after the change's drop, in the first metrics only."""
    scores = supported / claims
    if change.drop > 0.0:
        worse = slice(0, change.worse)
        if change.shape == "diffuse":
            left = rng.binomial(supported[:, worse], 1.0 - change.drop / MEAN)
            scores[:, worse] = left / claims[:, worse]
        else:
            share = change.drop / ((1.0 - KEPT) * MEAN)
            broken = rng.random(scores[:, worse].shape) < share
            scores[:, worse] *= np.where(broken, KEPT, 1.0)
    return scores


def _judged(rng: np.random.Generator, regime: Regime, scores: Floats) -> Floats:
    return np.clip(scores + rng.normal(0.0, regime.judge_sd, scores.shape), 0.0, 1.0)
