"""Caps that each single answer must keep, as exact as the meter that counted it."""

from __future__ import annotations

from evalkit.gates.limits import ROUNDING, SHOWN_CASES
from evalkit.gates.spending import Quantity, spending
from evalkit.gates.wording import count
from evalkit.records import Answer, Check, Run


def check_requests(run: Run, quantity: Quantity, limit: float) -> Check:
    """No answer may take more than `limit`: one that does fails the build, and is named.

    A request is one attempt of the target at one case, with all the model calls it made. What an
    attempt that failed had taken is not known, so that enough must be answered.
    """
    kind = f"{quantity.name} per request"
    taken = [
        (quantity.of_answer(trial.outcome), trial.case_id)
        for trial in run.trials
        if isinstance(trial.outcome, Answer)
    ]
    above = sorted(((-value, case_id) for value, case_id in taken if not value <= limit + ROUNDING))
    cases = tuple(dict.fromkeys(case_id for _, case_id in above))
    if above:
        shown = [
            f"{case_id} {quantity.beside(-value, limit)}" for value, case_id in above[:SHOWN_CASES]
        ]
        left = len(above) - SHOWN_CASES
        more = f" and {left} more" if left > 0 else ""
        reason = (
            f"{count(len(above), 'request')} of {len(taken)} above {quantity.show(limit)}: "
            f"{', '.join(shown)}{more}"
        )
        return Check(kind=kind, outcome="FAIL", reason=reason, cases=cases[:SHOWN_CASES])
    invalid = spending(run, quantity).why_invalid
    if invalid:
        return Check(kind=kind, outcome="ERROR", reason=invalid)
    dearest = quantity.show(max(value for value, _ in taken))
    reason = f"at most {dearest} in {count(len(taken), 'request')}, within {quantity.show(limit)}"
    return Check(kind=kind, outcome="PASS", reason=reason)
