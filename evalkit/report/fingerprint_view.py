"""What a run was made of, and what of it is not what the baseline was made of."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.records import Baseline, Fingerprint, Run
from evalkit.report.sinks import clip, visible

_WIDEST = 48
"""Characters of one side of a change."""


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
    ]
    return tuple((name, clip(visible(value))) for name, value in rows if value)


def changes(run: Run, baseline: Baseline | None) -> tuple[tuple[str, str], ...]:
    """(what, how) for each part that differs from the baseline's, what is under test first.

    Empty without a baseline, and where everything recorded is the same.
    """
    if baseline is None:
        return ()
    found = list(_differences(run.fingerprint, baseline.fingerprint))
    if not found and run.fingerprint.config_digest != baseline.fingerprint.config_digest:
        # It covers the parts above as well: with one of them it says nothing more.
        found.append(("configuration", "not the baseline's"))
    if run.rejudged is not None:
        found.append(("judge", "the baseline's answers were judged again by this run's"))
    if run.evalkit_version != baseline.evalkit_version:
        found.append(("evalkit", _arrow(baseline.evalkit_version, run.evalkit_version)))
    return tuple((name, visible(how)) for name, how in found)


def _differences(now: Fingerprint, was: Fingerprint) -> Iterator[tuple[str, str]]:
    prompts = _pairs_changed(was.prompts, now.prompts)
    if prompts:
        yield "prompts", prompts
    for name, before, after in (
        ("target", was.target, now.target),
        ("generator", was.generator, now.generator),
        ("judge", was.judge, now.judge),
        ("embedder", was.embedder, now.embedder),
        ("prices", was.price_table, now.price_table),
        ("dataset", was.dataset, now.dataset),
        ("slice", was.dataset_slice, now.dataset_slice),
        ("dataset digest", was.dataset_digest[:12], now.dataset_digest[:12]),
    ):
        if before != after:
            yield name, _arrow(before, after)
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
