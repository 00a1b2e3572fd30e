"""Where the numbers that a suite is compared with come from."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records import Baseline
from evalkit.report import figures
from evalkit.report.sinks import clip, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineNote:
    """A baseline's commit, age at the time of the run, epochs, and why it was promoted."""

    commit: str
    age: str
    epochs: str
    because: str


def baseline_note(
    baseline: Baseline | None, *, started_at: str, named: str = ""
) -> BaselineNote | None:
    """The note; without the baseline at hand only its name, and None without one."""
    if baseline is None:
        name = visible(named)
        return BaselineNote(commit=name, age="", epochs="", because="") if name else None
    by = f" ({baseline.promoted_by})" if baseline.because and baseline.promoted_by else ""
    return BaselineNote(
        commit=visible(baseline.commit[:12]),
        age=figures.age(baseline.promoted_at, started_at),
        epochs=figures.plural(baseline.epochs, "epoch"),
        because=clip(visible(f"{baseline.because}{by}")),
    )


def in_short(note: BaselineNote | None) -> str:
    """The note in a few words, for a title."""
    if note is None:
        return "no baseline"
    # Outside git it has no commit, and a clock set back leaves it no age.
    known = ", ".join(filter(None, (note.commit, note.age))) or "of unknown age"
    return f"baseline {known}"
