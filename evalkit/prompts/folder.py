"""`prompts/<name>/v<N>.md` → `Prompt`: one file, or the whole folder with every problem in it.

A file is a TOML header between two lines `+++`, then the template. TOML because its parser refuses
duplicate keys and knows no aliases: neither a second `variables` that silently wins nor an alias
bomb can be written.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit import codec
from evalkit.errors import ConfigError, Problem
from evalkit.prompts import template
from evalkit.records import Prompt

FOLDER = "prompts"
FENCE = "+++"
MAX_FILE_BYTES = 64_000
TEXT_KEYS = ("purpose", "output_contract", "why")
KEYS = ("purpose", "variables", "output_contract", "why")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FILE = re.compile(r"v([1-9][0-9]{0,4})\.md")
_REF = re.compile(rf"({_NAME.pattern})@([1-9][0-9]{{0,4}})")
_VARIABLE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A prompt's name and version; sorts by name, then by number."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def shown(self) -> str:
        """The file's path as messages show it, relative to the project."""
        return f"{FOLDER}/{self.name}/v{self.version}.md"

    def path(self, root: Path) -> Path:
        """The file of this prompt in the project at `root`."""
        return root / FOLDER / self.name / f"v{self.version}.md"


def parse_ref(text: str, *, where: str) -> Ref:
    """`name@N` as a `Ref`. Raises `ConfigError`: anything else could also name another file."""
    found = _REF.fullmatch(text)
    if not found:
        problem = Problem(
            where=where,
            what="not the name of a prompt with its version.",
            value=repr(text[:80]),
            allowed="name@N, such as answer_from_context@2",
        )
        raise ConfigError([problem])
    return Ref(found[1], int(found[2]))


def find(root: Path) -> tuple[tuple[Ref, ...], tuple[Problem, ...]]:
    """Every prompt file under `root`, sorted, and a problem for each file that is none.

    A misnamed file would be a version that nobody reads, so it is not passed over.
    """
    refs: list[Ref] = []
    problems: list[Problem] = []
    for folder in sorted(path for path in (root / FOLDER).glob("*") if path.is_dir()):
        for path in sorted(folder.glob("[!.]*")):
            version = _FILE.fullmatch(path.name)
            if _NAME.fullmatch(folder.name) and version and path.is_file():
                refs.append(Ref(folder.name, int(version[1])))
            else:
                where = path.relative_to(root).as_posix()
                allowed = f"{FOLDER}/<name>/v<N>.md with a name in lower case"
                problems.append(Problem(where=where, what="not a prompt file.", allowed=allowed))
    return tuple(sorted(refs)), tuple(problems)


def read_bytes(root: Path, ref: Ref) -> bytes:
    """The file's bytes with Unix line ends, so that a checkout on Windows has the same digest.

    Raises `ConfigError`, with near matches where there is no such file.
    """
    try:
        data = ref.path(root).read_bytes()
    except OSError as error:
        known = [str(other) for other in find(root)[0]]
        near = difflib.get_close_matches(str(ref), known, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        what = f"cannot be read: {error.strerror}.{hint}"
        allowed = ", ".join(known) or f"nothing: {FOLDER}/ holds no prompt"
        raise ConfigError([Problem(where=ref.shown, what=what, allowed=allowed)]) from error
    return data.replace(b"\r\n", b"\n")


def read_text(root: Path, ref: Ref) -> str:
    """The file's text. Raises `ConfigError` where it is unreadable, too long or not UTF-8."""
    data = read_bytes(root, ref)
    if len(data) > MAX_FILE_BYTES:
        what = f"{len(data)} bytes; a prompt has at most {MAX_FILE_BYTES}"
        raise ConfigError([Problem(where=ref.shown, what=what)])
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"not UTF-8: {error.reason} at byte {error.start}"
        raise ConfigError([Problem(where=ref.shown, what=what)]) from error


def read(root: Path, ref: Ref) -> Prompt:
    """One prompt, whatever the lock says of it. Raises `ConfigError` with all its problems."""
    text = read_text(root, ref)
    header, body, first_line = _split(text, ref)
    table = _table(header, ref)
    problems = _header_problems(table, header, ref)
    declared = tuple(table["variables"]) if not problems else None
    problems += template.problems(body, where=ref.shown, line=first_line, declared=declared)
    if problems:
        raise ConfigError(problems)
    return Prompt(
        name=ref.name,
        version=ref.version,
        purpose=table["purpose"],
        variables=tuple(table["variables"]),
        output_contract=table["output_contract"],
        why=table["why"],
        template=body,
        digest=codec.digest(text.encode()),
    )


def read_all(root: Path) -> tuple[tuple[Prompt, ...], tuple[Problem, ...]]:
    """Every prompt that can be read, and every problem of those that cannot."""
    refs, found = find(root)
    prompts: list[Prompt] = []
    problems = list(found)
    for ref in refs:
        try:
            prompts.append(read(root, ref))
        except ConfigError as error:
            problems.extend(error.problems)
    return tuple(prompts), tuple(problems)


def _split(text: str, ref: Ref) -> tuple[str, str, int]:
    """Header, body, and the number of the body's first line."""
    lines = text.split("\n")
    fences = [i for i, line in enumerate(lines) if line.rstrip() == FENCE][:2]
    if len(fences) < 2 or fences[0] != 0:
        what = f"no header: the file begins with a line {FENCE}, TOML, and another line {FENCE}"
        raise ConfigError([Problem(where=f"{ref.shown}:1", what=what)])
    end = fences[1]
    return "".join(f"{line}\n" for line in lines[1:end]), "\n".join(lines[end + 1 :]), end + 2


def _table(header: str, ref: Ref) -> dict[str, Any]:
    try:
        return tomllib.loads(header)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # Its own "(at line …)" counts from the header, which begins on the file's second line.
        message, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        where = f"{ref.shown}:{int(line[1]) + 1 if line else header.count(chr(10)) + 1}"
        raise ConfigError([Problem(where=where, what=f"not valid TOML: {message}")]) from error


def _header_problems(table: dict[str, Any], header: str, ref: Ref) -> list[Problem]:
    def problem(key: str, what: str, allowed: str = "") -> Problem:
        lines = header.split("\n")
        found = (i for i, line in enumerate(lines, 2) if re.match(rf"\s*\"?{key}\"?\s*=", line))
        shown = repr(table[key])[:80] if key in table else ""
        where = f"{ref.shown}:{next(found, 1)} {key}"
        return Problem(where=where, what=what, value=shown, allowed=allowed)

    problems = [
        problem(re.escape(key), "unknown key.", ", ".join(KEYS)) for key in table.keys() - {*KEYS}
    ]
    problems += [problem(key, "missing key.") for key in KEYS if key not in table]
    problems += [
        problem(key, "wrong type.", "a text that is not blank")
        for key in TEXT_KEYS
        if key in table and not (isinstance(table[key], str) and table[key].strip())
    ]
    variables = table.get("variables", [])
    if not isinstance(variables, list) or not all(
        isinstance(name, str) and _VARIABLE.fullmatch(name) for name in variables
    ):
        problems.append(problem("variables", "wrong type.", "a list of names in lower case"))
    elif len(set(variables)) != len(variables):
        problems.append(problem("variables", "a name is listed twice."))
    return sorted(problems, key=str)
