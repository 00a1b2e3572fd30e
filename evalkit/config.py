"""`[tool.evalkit]` and suite files → frozen records, every problem reported at once.

Names (a metric, a gate kind, a target kind) are checked where they become objects, in `assemble`;
here the shape is checked: known keys, right types, nothing twice, nothing left out.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from evalkit.errors import ConfigError, Problem

T = TypeVar("T")
Table = Mapping[str, Any]


class TomlFile:
    """A parsed TOML file that can say on which line a key stands."""

    def __init__(self, path: Path, *, shown: str) -> None:
        """Read and parse. Raises `ConfigError` naming the line of a syntax error."""
        self.shown = shown
        try:
            self.text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "") or error
            raise ConfigError([Problem(where=shown, what=f"cannot be read: {why}")]) from error
        try:
            self.data: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"at line (\d+)", str(error))
            where = f"{shown}:{line[1]}" if line else shown
            raise ConfigError([Problem(where=where, what=f"not valid TOML: {error}")]) from error

    def where(self, *keys: str) -> str:
        """`file:line a.b.c` of a key, or of the nearest table that holds it."""
        table: tuple[str, ...] = ()
        best, best_depth = 1, -1
        for number, line in enumerate(self.text.splitlines(), start=1):
            header = re.match(r"\s*\[+([^\]]+)\]+", line)
            key = re.match(r"""\s*((?:[\w.-]|"[^"]*"|'[^']*')+)\s*=""", line)
            if header:
                table = tuple(part.strip(" \"'") for part in header[1].split("."))
                here = table
            elif key:
                here = (*table, *(part.strip("\"'") for part in key[1].split(".")))
            else:
                continue
            if here == keys[: len(here)] and len(here) > best_depth:
                best, best_depth = number, len(here)
        return f"{self.shown}:{best} {'.'.join(keys)}".rstrip()


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """In place of a file, where evalkit itself wrote the table; `shown` says what it is."""

    shown: str

    def where(self, *keys: str) -> str:
        """What it is, and the key."""
        return f"{self.shown} {'.'.join(keys)}".rstrip()


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a file, with its place: what `construct` turns into a record."""

    file: TomlFile | BuiltIn
    keys: tuple[str, ...]
    table: Table

    def problem(self, what: str, *keys: str, value: object = None, allowed: str = "") -> Problem:
        """A problem at a key of this section."""
        shown = "" if value is None else repr(value)[:80]
        where = self.file.where(*self.keys, *keys)
        return Problem(where=where, what=what, value=shown, allowed=allowed)

    def without(self, *keys: str) -> Section:
        """The same section less some keys, which something else reads."""
        kept = {key: value for key, value in self.table.items() if key not in keys}
        return Section(self.file, self.keys, kept)

    def child(self, key: str) -> Section:
        """A sub-table, or an empty one where the value is no table (a problem found elsewhere)."""
        value = self.table.get(key, {})
        return Section(self.file, (*self.keys, key), value if isinstance(value, dict) else {})


def construct(cls: type[T], section: Section, problems: list[Problem], /, **fixed: Any) -> T | None:
    """A dataclass from a TOML table: its fields are the keys allowed, `fixed` are given by us.

    Unknown keys, missing keys, wrong types and a `ValueError` of the class itself are appended to
    `problems`; the result is None when there was any.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init and f.name not in fixed}  # type: ignore[arg-type]  # a dataclass, by contract
    found: list[Problem] = []
    values: dict[str, Any] = dict(fixed)
    for key, value in section.table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            allowed = ", ".join(fields) or "no keys"
            found.append(section.problem(f"unknown key {key!r}.{hint}", key, allowed=allowed))
            continue
        ok, converted = _convert(hints[key], value)
        if ok:
            values[key] = converted
        else:
            expected = _describe(hints[key])
            found.append(section.problem("wrong type", key, value=value, allowed=expected))
    for name, f in fields.items():
        missing = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if missing and name not in section.table:
            expected = _describe(hints[name])
            found.append(section.problem(f"missing key {name!r}", allowed=expected))
    if found:
        problems.extend(found)
        return None
    try:
        return cls(**values)
    except ValueError as error:
        problems.append(section.problem(str(error)))
        return None


def _convert(hint: Any, value: Any) -> tuple[bool, Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        options = (_convert(arg, value) for arg in args if arg is not type(None))
        return next((result for result in options if result[0]), (False, None))
    if origin is Literal:
        return value in args, value
    if origin is tuple:
        if not isinstance(value, list):
            return False, None
        items = [_convert(args[0], item) for item in value]
        return all(ok for ok, _ in items), tuple(item for _, item in items)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict), value
    if dataclasses.is_dataclass(hint):
        return _convert_record(typing.cast("type", hint), value)
    if hint is float and type(value) is int:
        return True, float(value)
    # `type is`: TOML's true must not pass for 1.
    return type(value) is hint, value


def _convert_record(cls: type, value: Any) -> tuple[bool, Any]:
    """An inline table such as `price = { input = 1.0 }`; any mismatch is one 'wrong type'."""
    if not isinstance(value, dict):
        return False, None
    hints = typing.get_type_hints(cls)
    converted = {key: _convert(hints[key], item) for key, item in value.items() if key in hints}
    if set(value) - set(hints) or not all(ok for ok, _ in converted.values()):
        return False, None
    try:
        return True, cls(**{key: item for key, (_, item) in converted.items()})
    except (TypeError, ValueError):
        return False, None


def _describe(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " | ".join(map(repr, args))
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_describe(arg) for arg in args if arg is not type(None))
    if origin is tuple:
        return f"a list of {_describe(args[0])}"
    if dataclasses.is_dataclass(hint):
        inside = ", ".join(f.name for f in dataclasses.fields(hint))
        return f"a table with {inside}"
    names = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
    return names.get(hint, "a table")


# ── suites ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteHeader:
    """The `[suite]` table. `inconclusive` says what a build does with such a verdict.

    A suite has one `target`, or several `targets`, of which each is measured on the same cases and
    may be compared with those before it. `keep_answers` keeps the texts that a baseline was made of
    beside it: what attribution replays and another judge judges again. `judge_all` asks the judge
    about every answer, also where the verdict does not need it or the baseline knows it.
    """

    purpose: str
    dataset: str
    target: str = ""
    targets: tuple[str, ...] = ()
    slice: str = ""
    inconclusive: Literal["warn", "fail"] = "warn"
    keep_answers: bool = False
    judge_all: bool = False

    def __post_init__(self) -> None:
        if bool(self.target) == bool(self.targets):
            raise ValueError("names its target, or several targets; exactly one of the two keys")
        if len(set(self.targets)) != len(self.targets):
            raise ValueError(f"names a target twice in {', '.join(self.targets)}")
        for name in self.targets:  # each becomes part of the names of files
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
                raise ValueError(
                    f"names the target {name!r}; one of several has a name of letters, digits, "
                    "'_', '.' and '-', the first none of the last two"
                )

    @property
    def measured(self) -> tuple[str, ...]:
        """The targets, in the order they are measured."""
        return self.targets or (self.target,)


@dataclass(frozen=True, slots=True)
class SuiteFile:
    """A suite as written: the header is a record, the rest are sections still to be named.

    `head` is the table that the header was made from: what it names is found wrong only later.
    """

    path: Path
    name: str
    header: SuiteHeader
    head: Section
    metrics: tuple[Section, ...]
    gates: tuple[Section, ...]
    attack: Section | None
    text: str


SUITE_TABLES = ("suite", "metrics", "gates", "attack")


def load_suite(path: Path, *, root: Path) -> SuiteFile:
    """Read a suite file. Raises `ConfigError` with every problem of its shape."""
    file = TomlFile(path, shown=shown_path(path, root))
    whole = Section(file, (), file.data)
    problems: list[Problem] = []
    for key in file.data:
        if key not in SUITE_TABLES:
            allowed = ", ".join(SUITE_TABLES)
            problems.append(whole.problem(f"unknown table {key!r}", key, allowed=allowed))
    if "suite" not in file.data:
        problems.append(whole.problem("missing table [suite]"))
    header = construct(SuiteHeader, whole.child("suite"), problems) if not problems else None
    metrics = _tables(whole, "metrics", problems)
    gates = _tables(whole, "gates", problems)
    if not metrics:
        problems.append(whole.problem("[metrics] names nothing to measure", "metrics"))
    if not gates:
        problems.append(whole.problem("[gates] promises nothing", "gates"))
    if problems or header is None:
        raise ConfigError(problems)
    attack = whole.child("attack") if "attack" in file.data else None
    head = whole.child("suite")
    return SuiteFile(path, path.stem, header, head, metrics, gates, attack, file.text)


def suite_sections(path: Path, *, root: Path) -> tuple[tuple[Section, ...], tuple[Section, ...]]:
    """The metrics and the gates of a suite file whose other parts may be wrong.

    Raises `ConfigError` for a file that is not TOML.
    """
    file = TomlFile(path, shown=shown_path(path, root))
    whole = Section(file, (), file.data)
    return _tables(whole, "metrics", []), _tables(whole, "gates", [])


def _tables(whole: Section, key: str, problems: list[Problem]) -> tuple[Section, ...]:
    """The sub-tables of `[metrics]` or `[gates]`, one section each."""
    parent = whole.child(key)
    if key in whole.table and not isinstance(whole.table[key], dict):
        problems.append(whole.problem(f"[{key}] must be a table", key))
    for name, value in parent.table.items():
        if not isinstance(value, dict):
            problems.append(parent.problem("must be a table", name, value=value, allowed="{ … }"))
    return tuple(parent.child(name) for name in parent.table)


# ── the project ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the roles are bound to under `[tool.evalkit.profiles.<name>]`.

    A role is `<provider>/<model>`, a table `{ provider = "…", model = "…", … }` with the provider's
    options, or `module:attribute` of the project's own; a judge may also be a table
    `{ panel = […], rule = "majority" }`. `generator` may be left out where no target of kind "rag"
    is used. A model that judges its own answers is refused unless `allow_self_judging` is true.
    """

    name: str
    section: Section
    judge: str | Mapping[str, Any]
    generator: str | Mapping[str, Any] = ""
    embedder: str | Mapping[str, Any] = "embedded/minilm"
    allow_self_judging: bool = False

    def role(self, role: str) -> Section:
        """The table of a role; a name as written becomes `{ provider, model }`."""
        return named(getattr(self, role), self.section, role)


def named(written: str | Mapping[str, Any], section: Section, *keys: str) -> Section:
    """What is written for a model, at `keys` of a section, as a table with a `provider`."""
    if isinstance(written, str):
        provider, slash, model = written.partition("/")
        own = ":" in provider  # the project's own code: its path may hold anything
        written = (
            {"provider": written} if own or not slash else {"provider": provider, "model": model}
        )
    return Section(section.file, (*section.keys, *keys), written)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with suites, datasets and prompts. Targets are sections until a suite names one."""

    root: Path
    targets: Mapping[str, Section] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        """Where embeddings and indexes are kept between runs; safe to delete."""
        return self.root / ".evalkit" / "cache"


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` with an evalkit.toml or a `[tool.evalkit]` table.

    Raises `ConfigError` where there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "evalkit.toml").is_file():
            return folder
        pyproject = folder / "pyproject.toml"
        if pyproject.is_file() and "[tool.evalkit" in pyproject.read_text("utf-8", "replace"):
            return folder
    what = "no evalkit.toml and no [tool.evalkit] table here or above; `evalkit init` makes one"
    raise ConfigError([Problem(where=str(start), what=what)])


def load_project(root: Path) -> Project:
    """Read evalkit.toml, else `[tool.evalkit]`. Raises `ConfigError` with every problem."""
    own = root / "evalkit.toml"
    path, keys = (own, ()) if own.is_file() else (root / "pyproject.toml", ("tool", "evalkit"))
    file = TomlFile(path, shown=path.name)
    table: Table = file.data
    for key in keys:
        table = table.get(key, {})
    section = Section(file, keys, table)
    problems = [
        section.problem(f"unknown table {key!r}", key, allowed="targets, profiles")
        for key in table
        if key not in ("targets", "profiles")
    ]
    targets = {s.keys[-1]: s for s in _tables(section, "targets", problems)}
    profiles = {
        s.keys[-1]: construct(Profile, s, problems, name=s.keys[-1], section=s)
        for s in _tables(section, "profiles", problems)
    }
    if problems:
        raise ConfigError(problems)
    return Project(root, targets, {k: p for k, p in profiles.items() if p is not None})


def shown_path(path: Path, root: Path) -> str:
    """A path as messages show it: relative to the project where it is inside."""
    resolved = path.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(path)
