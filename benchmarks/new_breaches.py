"""How often the replays of new breaches are wrong, by simulation through the gate's own code.

    python -m benchmarks.new_breaches [builds]

Prints the tables of docs/statistics.md. Each build is a run of 60 attacks beside a baseline of five
epochs, decided by `RateGate` and `check_new_breaches`. The hits are drawn, not measured: no model.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.gates.new_breach import MOST_REPLAYED, check_new_breaches, new_breaches
from evalkit.gates.protocol import Measurement
from evalkit.gates.rate import MOST_REPLAYS, RateGate
from evalkit.records import (
    Answer,
    Attack,
    Baseline,
    BaselineCase,
    Case,
    Fingerprint,
    Outcome,
    Replay,
    Run,
    Score,
    Trial,
    worst,
)

ATTACKS, EPOCHS, BUILDS, SEED = 60, 5, 1000, 20261122
METRIC = "attack_resistance"
ASKED = (3, MOST_REPLAYS)
"""Replays a new breach: the default, and the most."""

Draws = npt.NDArray[np.bool_]
Rates = tuple[float, ...]

FINGERPRINT = Fingerprint(
    suite="s", profile="p", dataset="n@1", dataset_slice="", dataset_digest="d", target="t",
    generator="g", judge="none", judge_card="", embedder="e", price_table="",
    metrics=((METRIC, "1"),), prompts=(), config_digest="c",
)  # fmt: skip
ATTACK = Attack(id="a", channel="user", technique="drawn")
CASES = tuple(Case(id=f"a{i:02}", input="q", attack=ATTACK) for i in range(ATTACKS))
TRIALS = tuple(Trial(case_id=case.id, repeat=0, outcome=Answer(text="")) for case in CASES)
SCORES = {
    case.id: tuple(Score(case_id=case.id, repeat=0, metric=METRIC, value=v) for v in (1.0, 0.0))
    for case in CASES
}
"""By case: the score of an attack that was withstood, and of one that was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How attacks are hit: with these rates before, and now.

    `frozen` answers are drawn once and then always the same; after a harmless edit they are
    `rerolled`, once.
    """

    name: str
    before: Rates
    now: Rates = ()
    frozen: bool = False
    rerolled: bool = False

    def draws(self, rng: np.random.Generator) -> tuple[Draws, Draws]:
        """The baseline's epochs, and this build's answer with every replay there may be."""
        now = self.now or self.before
        if not self.frozen:
            return _drawn(rng, self.before, EPOCHS), _drawn(rng, now, 1 + MOST_REPLAYS)
        then = _drawn(rng, self.before, 1)
        today = _drawn(rng, now, 1) if self.rerolled else then
        return then.repeat(EPOCHS, axis=1), today.repeat(1 + MOST_REPLAYS, axis=1)


def _drawn(rng: np.random.Generator, rates: Rates, n: int) -> Draws:
    return rng.random((ATTACKS, n)) < np.array(rates)[:, None]


def everywhere(rate: float) -> Rates:
    """The same rate for each attack."""
    return (rate,) * ATTACKS


def among(few: int, rate: float) -> Rates:
    """A rate for the first few; the others are never hit."""
    return (rate,) * few + (0.0,) * (ATTACKS - few)


UNCHANGED = (
    *(
        Regime(name=f"fresh, each attack {rate:.0%}", before=everywhere(rate))
        for rate in (0.0, 0.02, 0.1, 0.3)
    ),
    Regime(name="fresh, 6 attacks 30%, the others never", before=among(6, 0.3)),
    *(
        Regime(name=f"frozen, {rate:.0%} of the attacks", before=everywhere(rate), frozen=True)
        for rate in (0.02, 0.1, 0.3)
    ),
    *(
        Regime(
            name=f"frozen, re-rolled, {rate:.0%} of the attacks",
            before=everywhere(rate),
            frozen=True,
            rerolled=True,
        )
        for rate in (0.0, 0.02, 0.1, 0.3)
    ),
)
BREACHED = tuple(
    Regime(
        name=f"{few} of 60, hit {rate:.0%} of the time", before=among(0, 0.0), now=among(few, rate)
    )
    for few in (1, 3)
    for rate in (1.0, 0.8, 0.5, 0.2)
)


def records(before: Draws, now: Draws) -> tuple[Run, Baseline]:
    """A run with its replays, as a build would have it, and its baseline."""
    baseline = Baseline(
        schema_version=2,
        evalkit_version="0",
        commit="",
        promoted_at="2026-11-22T00:00:00+00:00",
        promoted_by="",
        because="",
        epochs=EPOCHS,
        fingerprint=FINGERPRINT,
        cases=tuple(
            BaselineCase(
                id=case.id,
                cluster="",
                scores=((METRIC, tuple(1.0 - float(hit) for hit in hits)),),
                input_tokens=(),
                output_tokens=(),
                usd=(),
            )
            for case, hits in zip(CASES, before.tolist(), strict=True)
        ),
    )
    answered = {case.id: hits for case, hits in zip(CASES, now.tolist(), strict=True)}
    scores = tuple(SCORES[case_id][hits[0]] for case_id, hits in answered.items())
    new = new_breaches(_run(scores, ()), baseline, METRIC)[:MOST_REPLAYED]
    replays = tuple(
        Replay(case_id=one.case_id, metric=METRIC, hits=tuple(answered[one.case_id][1:]))
        for one in new
    )
    return _run(scores, replays), baseline


def _run(scores: tuple[Score, ...], replays: tuple[Replay, ...]) -> Run:
    return Run(
        schema_version=1,
        evalkit_version="0",
        commit="",
        started_at="2026-11-22T00:00:00+00:00",
        duration_s=0.0,
        purpose="",
        fingerprint=FINGERPRINT,
        cases=CASES,
        trials=TRIALS,
        scores=scores,
        replays=replays,
    )


def decided(run: Run, baseline: Baseline) -> dict[int, Outcome]:
    """By number of replays: what new breaches come to; 0 is McNemar's test without them."""
    gate = RateGate(name=METRIC, compare=True, replays=0)
    measurement = Measurement(run=run, estimates=(), baseline=baseline)
    found = {0: gate.decide(measurement, ()).outcome}
    for asked in ASKED:
        checks = check_new_breaches(run, baseline, METRIC, replays=asked)
        found[asked] = worst(("PASS", *(check.outcome for check in checks)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Of all builds in a regime: FAIL by McNemar, and what replays made of new breaches."""

    mcnemar: float
    outcomes: Mapping[tuple[int, Outcome], float]

    def share(self, replays: int, outcome: Outcome) -> float:
        """How many builds ended so, with so many replays a new breach."""
        return self.outcomes.get((replays, outcome), 0.0)


def simulated(regime: Regime, builds: int = BUILDS, seed: int = SEED) -> Shares:
    """Decide so many builds of one regime."""
    rng = np.random.default_rng([seed, *regime.name.encode()])
    times: Counter[tuple[int, Outcome]] = Counter()
    for _ in range(builds):
        times.update(decided(*records(*regime.draws(rng))).items())
    shares = {key: n / builds for key, n in times.items()}
    return Shares(mcnemar=shares.get((0, "FAIL"), 0.0), outcomes=shares)


def table(regimes: Sequence[Regime], builds: int) -> Iterator[str]:
    """A markdown table."""
    kinds = [f"{n} replays: {what}" for n in ASKED for what in ("FAIL", "INCONCLUSIVE")]
    yield f"| attacks are hit | McNemar: FAIL | {' | '.join(kinds)} |"
    yield "|---|" + "---|" * (1 + len(kinds))
    for regime in regimes:
        shares = simulated(regime, builds)
        cells = [shares.mcnemar]
        for asked in ASKED:
            cells += [shares.share(asked, "FAIL"), shares.share(asked, "INCONCLUSIVE")]
        shown = " | ".join(f"{share:.1%}".replace("%", " %") for share in cells)
        yield f"| {regime.name.replace('%', ' %')} | {shown} |"


def main(builds: int = BUILDS) -> None:
    """Print both tables."""
    print(f"Unchanged, {builds} builds a row:\n")
    print("\n".join(table(UNCHANGED, builds)))
    print(f"\nNever hit before, hit now, {builds} builds a row:\n")
    print("\n".join(table(BREACHED, builds)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
