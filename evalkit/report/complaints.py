"""What the gates that are not green say, each thing once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.records import Outcome
from evalkit.report.attribution_view import AttributionView
from evalkit.report.gate_view import GateRow

_NAMED = 4
"""Gates with one reason that are named; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One reason with the gates that give it, and what was found to have moved them."""

    outcome: Outcome
    sentence: str
    gates: tuple[str, ...]
    attributions: tuple[AttributionView, ...]


def complaints(red: Sequence[GateRow]) -> tuple[Complaint, ...]:
    """The complaints of these rows, in their order; without a baseline all say the same."""
    alike: dict[tuple[Outcome, str], list[GateRow]] = {}
    for gate in red:
        alike.setdefault((gate.outcome, gate.reason), []).append(gate)
    return tuple(
        Complaint(
            outcome=outcome,
            sentence=gates[0].sentence if len(gates) == 1 else f"{_names(gates)}: {reason}",
            gates=tuple(gate.gate for gate in gates),
            attributions=tuple(found for gate in gates for found in gate.attributions),
        )
        for (outcome, reason), gates in alike.items()
    )


def _names(gates: Sequence[GateRow]) -> str:
    named = ", ".join(gate.gate for gate in gates[:_NAMED])
    left = len(gates) - _NAMED
    return f"{named} and {left} more" if left > 0 else named
