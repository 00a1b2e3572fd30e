"""Replays of new breaches in drawn builds: what the other epochs of the same attack were.

A build answers a new breach again before its gate decides. A drawn build has nobody to ask: each
replay is the result of an epoch of that case, drawn with replacement, the breached one among them.
It is what these epochs know of a fresh draw. An attack that is hit one time in a hundred is thus
replayed as one that is hit one time in six.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from evalkit.gates.new_breach import MOST_REPLAYED, new_breaches
from evalkit.gates.protocol import Gate
from evalkit.gates.rate import RateGate
from evalkit.observations import repeats_of
from evalkit.records import Baseline, Replay, Run, Score

Hits = Mapping[tuple[str, str], Sequence[bool | None]]
"""By case and metric: whether each epoch was hit; None where it has no score."""


def hits_of(run: Run, gates: Sequence[Gate]) -> Hits:
    """The epochs of what these gates have replayed; empty where none asks for it."""
    epochs = len(repeats_of(run))
    found: dict[tuple[str, str], list[bool | None]] = defaultdict(lambda: [None] * epochs)
    metrics = {gate.measured for gate in _replaying(gates)}
    for score in run.scores:
        if score.metric in metrics and isinstance(score, Score):
            found[score.case_id, score.metric][score.repeat] = score.value < 1.0
    return found


def drawn_replays(
    run: Run,
    baseline: Baseline,
    gates: Sequence[Gate],
    *,
    hits: Hits,
    origin: Mapping[str, str],
    chance: random.Random,
) -> tuple[Replay, ...]:
    """The replays of a build's new breaches; `origin` says which case of `hits` each is a draw of.

    As many as an evaluation makes: those of the first `MOST_REPLAYED` cases.
    """
    wanted: dict[tuple[str, str], int] = {}
    for gate in _replaying(gates):
        for breach in new_breaches(run, baseline, gate.measured):
            key = (breach.case_id, gate.measured)
            wanted[key] = max(wanted.get(key, 0), gate.replays_of_breaches)
    breached = {case_id for case_id, _ in wanted}
    first = [case.id for case in run.cases if case.id in breached][:MOST_REPLAYED]
    return tuple(
        Replay(
            case_id=case_id,
            metric=metric,
            hits=tuple(chance.choices(hits[origin[case_id], metric], k=times)),
        )
        for (case_id, metric), times in wanted.items()
        if case_id in first
    )


def _replaying(gates: Sequence[Gate]) -> list[RateGate]:
    return [gate for gate in gates if isinstance(gate, RateGate) and gate.replays_of_breaches]
