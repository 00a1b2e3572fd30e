"""Which side of a pipeline moved a metric, as it is told under a failed gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.records import Attribution
from evalkit.report import figures
from evalkit.report.trial_view import Show


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionView:
    """`said` in one line. `square` holds the four means, a row a generator: (old, new) contexts.

    `square` is empty where nothing could be replayed; `said` is then the reason.
    """

    said: str
    square: tuple[tuple[str, str, str], ...]


def attribution_views(
    attributions: Sequence[Attribution], gate: str, *, show: Show
) -> tuple[AttributionView, ...]:
    """The views of what was replayed for one gate."""
    return tuple(_view(found, show) for found in attributions if found.gate == gate)


def _view(found: Attribution, show: Show) -> AttributionView:
    if found.why_not:
        return AttributionView(said=show(f"not attributed: {found.why_not}"), square=())
    cases = figures.plural(len(found.cases), "case")
    return AttributionView(
        said=f"retriever {_effect(found.retriever)}, generator {_effect(found.generator)} "
        f"(2×2 replay over {cases})",
        square=(
            ("old generator", f"{found.old_old:.2f}", f"{found.new_old:.2f}"),
            ("new generator", f"{found.old_new:.2f}", f"{found.new_new:.2f}"),
        ),
    )


def _effect(value: float) -> str:
    """With a sign also at nothing: `+0.00` is an effect that was looked for and not found."""
    text = f"{abs(value):.2f}"
    return f"−{text}" if value < 0 and float(text) else f"+{text}"
