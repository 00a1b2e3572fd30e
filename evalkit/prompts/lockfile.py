"""`prompts/prompts.lock`: a digest a released prompt, so that a released version never changes.

A score belongs to a prompt's exact text. If version 2 could be edited, "answer_from_context@2" in
an old run and in a new one would be two prompts under one name. Lines are only ever added.
"""

from __future__ import annotations

import re
from pathlib import Path

from evalkit import codec
from evalkit.errors import ConfigError, Problem
from evalkit.prompts import folder
from evalkit.prompts.folder import Ref

SHOWN = f"{folder.FOLDER}/prompts.lock"
_LINE = re.compile(r"(\S+) ([0-9a-f]{64})")


def check_lock(root: Path) -> None:
    """Raises `ConfigError` with every prompt that is edited, missing, or not released yet."""
    if found := problems(root):
        raise ConfigError(found)


def lock(root: Path) -> tuple[str, ...]:
    """Release every prompt that is not released yet: add its line. Returns their `name@N`.

    Raises `ConfigError`, and writes nothing, where a released prompt is edited or missing, or where
    any prompt has a problem: what is released must at least render.
    """
    locked, found = read(root)
    prompts, broken = folder.read_all(root)
    found = (*found, *broken, *_changes(root, locked))
    if found:
        raise ConfigError(found)
    new = {Ref(p.name, p.version): p.digest for p in prompts}
    added = tuple(sorted(new.keys() - locked.keys()))
    if added:
        lines = [f"{ref} {digest}\n" for ref, digest in sorted({**new, **locked}.items())]
        codec.write_atomic(root / SHOWN, "".join(lines).encode())
    return tuple(str(ref) for ref in added)


def read(root: Path) -> tuple[dict[Ref, str], tuple[Problem, ...]]:
    """The released digests, and a problem for each line that cannot be one. No file is no lines."""
    try:
        text = (root / SHOWN).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, ()
    except (OSError, UnicodeDecodeError) as error:
        return {}, (Problem(where=SHOWN, what=f"cannot be read: {error}"),)
    locked: dict[Ref, str] = {}
    found: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{SHOWN}:{number}"
        match = _LINE.fullmatch(line)
        if not match:
            what = "not a line of the lock."
            shown = repr(line[:80])
            found.append(Problem(where=where, what=what, value=shown, allowed="name@N sha256"))
            continue
        try:
            ref = folder.parse_ref(match[1], where=where)
        except ConfigError as error:
            found.extend(error.problems)
            continue
        if ref in locked:
            found.append(Problem(where=where, what=f"{ref} is locked twice"))
        locked[ref] = match[2]
    return locked, tuple(found)


def problems(root: Path) -> tuple[Problem, ...]:
    """Everything in which the lock and the files disagree; broken templates are not looked for."""
    locked, found = read(root)
    refs, _ = folder.find(root)
    unreleased = tuple(unreleased_problem(ref) for ref in refs if ref not in locked)
    return (*found, *_changes(root, locked), *unreleased)


def unreleased_problem(ref: Ref) -> Problem:
    """What to say of a version without a line in the lock."""
    what = "is not released: when its text is final, run `evalkit prompts lock`"
    return Problem(where=ref.shown, what=what)


def edited_problem(root: Path, ref: Ref) -> Problem:
    """What to say of a released version whose file has another digest now."""
    versions = [other.version for other in folder.find(root)[0] if other.name == ref.name]
    following = max([*versions, ref.version]) + 1
    what = f"was released and has been edited; add v{following} instead"
    return Problem(where=ref.shown, what=what)


def digest(root: Path, ref: Ref) -> str:
    """SHA-256 of the file as it is now, line ends normalised."""
    return codec.digest(folder.read_bytes(root, ref))


def _changes(root: Path, locked: dict[Ref, str]) -> tuple[Problem, ...]:
    """A problem a released prompt whose file is gone or differs."""
    found = []
    for ref, released in sorted(locked.items()):
        if not ref.path(root).is_file():
            what = f"{ref.shown} was released and is missing; restore it"
            found.append(Problem(where=SHOWN, what=what))
        elif digest(root, ref) != released:
            found.append(edited_problem(root, ref))
    return tuple(found)
