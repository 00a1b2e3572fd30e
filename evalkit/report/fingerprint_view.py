"""What a run was made of, and what of it is not what the baseline was made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalkit.records import Baseline, Fingerprint, Run
from evalkit.report.sinks import clip, one_line, visible
from evalkit.settings import MOST, Change, changed, explained

_WIDEST = 48
"""Characters of one side of a change."""

_FIELDS = (
    ("target", "target"),
    ("generator", "generator"),
    ("judge", "judge"),
    ("embedder", "embedder"),
    ("prices", "price_table"),
    ("dataset", "dataset"),
    ("slice", "dataset_slice"),
    ("dataset digest", "dataset_digest"),
)
"""What a change is called → the field of the fingerprint."""


def fingerprint_rows(run: Run) -> tuple[tuple[str, str], ...]:
    """What the run was made of, in words; digests shortened, the saved run has them whole."""
    made = run.fingerprint
    rows = [
        ("suite", made.suite),
        ("profile", made.profile),
        ("dataset", f"{made.dataset}, slice {made.dataset_slice}"),
        ("dataset digest", made.dataset_digest[:16]),
        ("target", made.target),
        ("generator", made.generator),
        ("judge", made.judge),
        ("judge card", made.judge_card),
        ("embedder", made.embedder),
        ("prices", made.price_table),
        ("metrics", ", ".join(f"{name} v{version}" for name, version in made.metrics)),
        ("prompts", ", ".join(f"{ref} ({digest[:12]})" for ref, digest in made.prompts)),
        ("configuration", made.config_digest[:16]),
        ("commit", run.commit),
        ("evalkit", f"{run.evalkit_version}, records v{run.schema_version}"),
        *run.settings,
    ]
    return tuple((clip(visible(name)), clip(visible(value))) for name, value in rows if value)


def changes(run: Run, baseline: Baseline | None) -> tuple[tuple[str, str], ...]:
    """(what, how) for each part that differs from the baseline's, what is under test first.

    Settings stand under their names, the first few of them; digests where no setting says what
    they say. Empty without a baseline, and where everything recorded is the same.
    """
    if baseline is None:
        return ()
    settings = changed(baseline.settings, run.settings)
    found = [*_named(settings), *_differences(run.fingerprint, baseline.fingerprint, settings)]
    if not found and run.fingerprint.config_digest != baseline.fingerprint.config_digest:
        # It covers the parts above as well: with one of them it says nothing more.
        found.append(("configuration", "not the baseline's"))
    if run.rejudged is not None:
        found.append(("judge", "the baseline's answers were judged again by this run's"))
    if run.evalkit_version != baseline.evalkit_version:
        found.append(("evalkit", _arrow(baseline.evalkit_version, run.evalkit_version)))
    return tuple((clip(_drawn(name), _WIDEST), _drawn(how)) for name, how in found)


def _drawn(text: str) -> str:
    return one_line(visible(text))


def _named(settings: Sequence[Change]) -> Iterator[tuple[str, str]]:
    for change in settings[:MOST]:
        yield change.name, change.how
    left = len(settings) - MOST
    if left > 0:
        yield f"and {left} more", "settings" if left > 1 else "setting"


def _differences(
    now: Fingerprint, was: Fingerprint, settings: Sequence[Change]
) -> Iterator[tuple[str, str]]:
    """What differs, less what the changed settings say by name."""
    prompts = _pairs_changed(was.prompts, now.prompts)
    if prompts and not explained(settings, "prompts"):
        yield "prompts", prompts
    for name, field in _FIELDS:
        before, after = getattr(was, field), getattr(now, field)
        if before == after or explained(settings, field):
            continue
        digest = slice(12) if field == "dataset_digest" else slice(None)
        yield name, _arrow(before[digest], after[digest])
    metrics = _pairs_changed(was.metrics, now.metrics)
    if metrics:
        yield "metrics", metrics


def _pairs_changed(was: tuple[tuple[str, str], ...], now: tuple[tuple[str, str], ...]) -> str:
    """Which names came, went, or stand for something else now."""
    before, after = dict(was), dict(now)
    gone = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    other = [
        f"{name} (its content)" for name in after if before.get(name, after[name]) != after[name]
    ]
    moved = [_arrow(", ".join(gone), ", ".join(new))] if gone or new else []
    return "; ".join([*moved, *other])


def _arrow(before: str, after: str) -> str:
    return f"{clip(before, _WIDEST) or 'none'} → {clip(after, _WIDEST) or 'none'}"
