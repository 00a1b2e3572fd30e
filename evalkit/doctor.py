"""`evalkit doctor`: everything a run would need, checked one by one, each with its mend."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from evalkit import assemble, baselines, prompts
from evalkit.config import Project, find_root, load_project
from evalkit.errors import BaselineMismatch, EvalkitError

PACKAGES = ("numpy", "scipy", "onnxruntime", "tokenizers", "faiss-cpu", "bm25s", "jinja2", "pytest")
EXTRAS = (
    "openai", "anthropic", "genai-prices", "vllm", "ragas", "deepeval", "datasets", "pandas",
    "pyarrow", "pytest-xdist", "sentence-transformers",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: whether it is fine, and what to do where it is not."""

    ok: bool
    what: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.ok else 'FAIL'}  {self.what}"


def examine(folder: Path, *, profile: str) -> list[Finding]:
    """Look at the environment, the project, its prompts, each suite and each baseline."""
    findings = [_python(), *(_package(name) for name in PACKAGES)]
    findings += [_extra(name) for name in EXTRAS]
    try:
        project = load_project(find_root(folder))
    except EvalkitError as error:
        return [*findings, Finding(ok=False, what=str(error))]
    findings.append(Finding(ok=True, what=f"project at {project.root}"))
    findings.append(_try("prompts match prompts.lock", lambda: prompts.check_lock(project.root)))
    return [*findings, *_suites(project, profile)]


def _suites(project: Project, profile: str) -> Iterator[Finding]:
    try:
        paths = assemble.suite_files([], project=project)
    except EvalkitError as error:
        yield Finding(ok=False, what=str(error))
        return
    for path in paths:
        try:
            plans = assemble.plans(path, project=project, profile=profile)
        except EvalkitError as error:
            yield Finding(ok=False, what=str(error))
            continue
        for plan in plans:
            n, gates = len(plan.dataset.cases), len(plan.promise.gates)
            yield Finding(ok=True, what=f"suite {plan.name}: {n} cases, {gates} gates")
            try:
                baselines.load_fitting(project.root, plan.fingerprint, suite=path)
            except BaselineMismatch as error:
                yield Finding(ok=False, what=f"baseline of {plan.name}: {error}")
            else:
                yield Finding(ok=True, what=f"baseline of {plan.name} fits")


def _python() -> Finding:
    found = sys.version.split()[0]
    return Finding(ok=sys.version_info >= (3, 11), what=f"Python {found} (3.11 or later)")


def _package(name: str) -> Finding:
    try:
        return Finding(ok=True, what=f"{name} {version(name)}")
    except PackageNotFoundError:
        return Finding(ok=False, what=f"{name} is missing; reinstall evalkit-gate")


def _extra(name: str) -> Finding:
    try:
        return Finding(ok=True, what=f"{name} {version(name)} (optional)")
    except PackageNotFoundError:
        return Finding(ok=True, what=f"{name} is not installed (optional)")


def _try(what: str, check: Callable[[], object]) -> Finding:
    try:
        check()
    except EvalkitError as error:
        return Finding(ok=False, what=str(error))
    return Finding(ok=True, what=what)
