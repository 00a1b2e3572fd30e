"""What a build will probably cost, before anything is spent: `evalkit run --estimate`.

A suite whose last run is at hand, with the same target, judge, cases and prices, is expected to
take what that run took. Any other is measured once with rehearsed models: chunking, search and all
prompts are the real ones, tokens are counted with the shipped tokenizer (`calls.rehearsal` says how
near that comes), and nobody is called. On the four shipped suites the estimate is 0.6 % below to
3.4 % above their bill in tokens of o200k_base, where the generator is the embedded model itself;
another one's answers may be longer, which the next estimate knows from the run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit import codec, pipeline
from evalkit.errors import DataError
from evalkit.observations import repeats_of
from evalkit.plan import Effort, Plan
from evalkit.records import Answer, Run, Saved, Spend, Unscored, Usage
from evalkit.report.spending_view import AFTERWARDS, TARGET_PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The calls of one role in one suite; `basis` says where the figures come from."""

    suite: str
    role: str
    calls: int
    input_tokens: int
    output_tokens: int
    usd: float
    basis: str


def expected(plans: Sequence[Plan], *, report: Path, repeats: int = 1) -> tuple[Expected, ...]:
    """The calls of each suite with a cold cache; suites that call nobody are left out.

    The plans must have been made for rehearsal; `report` is the folder of the last run.
    """
    found: list[Expected] = []
    for plan in plans:
        run, basis = _earlier(report, plan), "as in the last run"
        if run is None:
            run, basis = _rehearsed(plan), "rehearsed"
        for role, spends in _by_role(run).items():
            if spends:
                scale = repeats / len(repeats_of(run))
                found.append(_expected(plan.name, role, spends, scale, basis))
    return tuple(found)


def _rehearsed(plan: Plan) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        place = pipeline.fresh_place(Path(folder), resume=False)
        return pipeline.measure(plan, place=place, effort=Effort())


def table(rows: Sequence[Expected]) -> str:
    """The estimate as text, with its sum."""
    if not rows:
        return "no model outside this process would be called: $0"
    lines = [
        f"{row.suite} {row.role}: {row.calls:,} calls, {row.input_tokens:,} + "
        f"{row.output_tokens:,} tokens, ${row.usd:.4f} ({row.basis})"
        for row in rows
    ]
    total = sum(row.usd for row in rows)
    calls = sum(row.calls for row in rows)
    return "\n".join([*lines, f"in all: {calls:,} calls, ${total:.4f} with an empty reply cache"])


def _by_role(run: Run) -> dict[str, list[Spend]]:
    others = (*TARGET_PARTS, *AFTERWARDS)
    return {
        "target": [spend for spend in run.spends if spend.part in TARGET_PARTS],
        "judge": [spend for spend in run.spends if spend.part not in others],
    }


def _expected(suite: str, role: str, spends: Sequence[Spend], scale: float, basis: str) -> Expected:
    usage = sum((spend.usage for spend in spends), Usage())
    return Expected(
        suite=suite,
        role=role,
        calls=round(scale * sum(spend.calls - spend.shared_calls for spend in spends)),
        input_tokens=round(scale * usage.input_tokens),
        output_tokens=round(scale * usage.output_tokens),
        usd=scale * sum(spend.cold.usd for spend in spends),
        basis=basis,
    )


def _earlier(report: Path, plan: Plan) -> Run | None:
    """The last saved run of the same cases, target, judge and prices, if it is whole, or None."""
    try:
        run = codec.load(Saved, report / "runs" / f"{plan.name}.json").run
    except DataError:
        return None
    same = (
        "profile", "dataset_digest", "generator", "judge", "price_table", "metrics", "prompts",
        "config_digest",
    )  # fmt: skip
    now = plan.fingerprint
    fits = all(getattr(run.fingerprint, name) == getattr(now, name) for name in same)
    return run if fits and _is_whole(run) else None


def _is_whole(run: Run) -> bool:
    """Whether nothing is missing: what a budget or an outage cut short cost less than it will."""
    return all(isinstance(trial.outcome, Answer) for trial in run.trials) and not any(
        isinstance(score, Unscored) for score in run.scores
    )
