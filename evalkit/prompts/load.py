"""Prompts for use: parsed, and exactly what was released."""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import ConfigError
from evalkit.prompts import folder, lockfile
from evalkit.records import Prompt


def load_prompt(root: Path, ref: str, *, allow_draft: bool = False) -> Prompt:
    """The prompt `name@N` of the project at `root`.

    A version that is not in the lock is a draft, refused unless `allow_draft`; an edited release is
    refused always. Raises `ConfigError` with every problem of this prompt.
    """
    parsed = folder.parse_ref(ref, where="prompt")
    prompt = folder.read(root, parsed)
    locked, problems = lockfile.read(root)
    if problems:
        raise ConfigError(problems)
    released = locked.get(parsed)
    if released is None and not allow_draft:
        raise ConfigError([lockfile.unreleased_problem(parsed)])
    if released not in (None, prompt.digest):
        raise ConfigError([lockfile.edited_problem(root, parsed)])
    return prompt


def load_prompts(root: Path) -> tuple[Prompt, ...]:
    """Every prompt of the project, by name and version.

    Raises one `ConfigError` with all problems of all prompts and of the lock.
    """
    prompts, problems = folder.read_all(root)
    problems = (*problems, *lockfile.problems(root))
    if problems:
        raise ConfigError(problems)
    return prompts
