"""What `evalkit prompts list | show | diff` print, as text."""

from __future__ import annotations

import difflib
from pathlib import Path

from evalkit.prompts import folder, lockfile
from evalkit.records import Prompt


def listing(root: Path) -> str:
    """A line a prompt: ref, release state, variables, purpose; then what is wrong, if anything."""
    prompts, problems = folder.read_all(root)
    problems = (*problems, *lockfile.problems(root))
    locked, _ = lockfile.read(root)
    rows = [(p.ref, _state(p, locked), ", ".join(p.variables) or "–", p.purpose) for p in prompts]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
    if not rows:
        lines = [f"no prompts in {folder.FOLDER}/"]
    return "\n".join([*lines, *(str(problem) for problem in problems)])


def show(root: Path, ref: str) -> str:
    """One prompt: what it is for, what it takes and gives, why it differs, and its template."""
    prompt = folder.read(root, folder.parse_ref(ref, where="prompt"))
    locked, _ = lockfile.read(root)
    fields = (
        ("prompt", f"{prompt.ref} ({_state(prompt, locked)})"),
        ("digest", prompt.digest),
        ("purpose", prompt.purpose),
        ("variables", ", ".join(prompt.variables) or "–"),
        ("output", prompt.output_contract),
        ("why", prompt.why),
    )
    return "\n".join([*(f"{name:<9}  {text}" for name, text in fields), "", prompt.template])


def diff(root: Path, ref_a: str, ref_b: str) -> str:
    """A unified diff of two prompt files, header included; says so where they are equal."""
    refs = [folder.parse_ref(text, where="prompt") for text in (ref_a, ref_b)]
    old, new = (folder.read_text(root, ref).split("\n") for ref in refs)
    lines = difflib.unified_diff(old, new, refs[0].shown, refs[1].shown, lineterm="")
    return "\n".join(lines) or f"{refs[0]} and {refs[1]} have the same text"


def _state(prompt: Prompt, locked: dict[folder.Ref, str]) -> str:
    released = locked.get(folder.Ref(prompt.name, prompt.version))
    if released is None:
        return "draft"
    return "released" if released == prompt.digest else "edited"
