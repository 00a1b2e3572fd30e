"""Names in files → implementations, with every fault a problem at its line."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from evalkit.config import Project, Section, construct
from evalkit.errors import ConfigError, InputError, Problem
from evalkit.registry import Registry, UnknownName

T = TypeVar("T")


def collected(problems: list[Problem], make: Callable[[], T]) -> T | None:
    """What `make` gives, or None with its problems appended."""
    try:
        return make()
    except InputError as error:
        problems.extend(error.problems)
        return None


def unknown(what: str, name: str, known: Iterable[str], *, where: str) -> ConfigError:
    """The error for a name that the project does not define."""
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    allowed = ", ".join(known) or "none"
    return ConfigError(
        [Problem(where=where, what=f"unknown {what} {name!r}.{hint}", allowed=allowed)]
    )


@dataclass(frozen=True, slots=True)
class Names:
    """Turns names into implementations: registered ones, or `module:attribute` of the project."""

    project: Project

    def find(self, registry: Registry[T], name: object, problem: Callable[[str], Problem]) -> T:
        """The implementation. Raises `ConfigError` with `problem` where there is none."""
        if not isinstance(name, str) or not name:
            known = ", ".join(registry.names())
            raise ConfigError([problem(f"names no {registry.kind}; known: {known}")])
        try:
            return self._own(name) if ":" in name else registry.get(name)
        except UnknownName as error:
            raise ConfigError([problem(str(error))]) from error
        except Exception as error:  # importing somebody's module may raise anything
            what = f"{registry.kind} {name!r} cannot be used: {type(error).__name__}: {error}"
            raise ConfigError([problem(what)]) from error

    def attribute(self, spec: object, section: Section) -> Any:
        """What `module:name` of the project is. Raises `ConfigError` where there is none."""
        if not isinstance(spec, str) or ":" not in spec:
            allowed = "module:name of the project's own"
            raise ConfigError([section.problem("names no function", value=spec, allowed=allowed)])
        try:
            return self._own(spec)
        except Exception as error:  # importing somebody's module may raise anything
            what = f"{spec!r} cannot be used: {type(error).__name__}: {error}"
            raise ConfigError([section.problem(what)]) from error

    def _own(self, spec: str) -> Any:
        module, _, attribute = spec.partition(":")
        if str(self.project.root) not in sys.path:
            sys.path.insert(0, str(self.project.root))
        return getattr(importlib.import_module(module), attribute)

    def build(self, registry: Registry[type[T]], kind: object, section: Section, **fixed: Any) -> T:
        """An object of a registered kind; the section's keys are its options."""
        cls = self.find(registry, kind, section.problem)
        problems: list[Problem] = []
        made = construct(cls, section, problems, **fixed)
        if made is None:
            raise ConfigError(problems)
        return made

    def build_all(
        self,
        registry: Registry[type[T]],
        wanted: Iterable[tuple[str, Section]],
        problems: list[Problem],
    ) -> tuple[T, ...]:
        """Several objects of one kind of part; the faults of all are appended to `problems`."""
        made: list[T] = []
        for kind, section in wanted:
            try:
                made.append(self.build(registry, kind, section))
            except ConfigError as error:
                problems.extend(error.problems)
        return tuple(made)

    def role(self, registry: Registry[Any], section: Section, *, spec: str) -> Any:
        """What the table of a role names: a dataclass with the role's options, or a function.

        `spec` is the name as written, `<provider>/<model>`. Raises as `find` does.
        """
        return self.find(registry, _registered(registry, section, spec), section.problem)

    def open(self, registry: Registry[Any], section: Section, *, spec: str) -> Any:
        """The model or embedder that a role's table names; its other keys are its options.

        What is registered is a dataclass, or a function of the name as written (`spec`) and the
        project's cache folder.
        """
        found = self.role(registry, section, spec=spec)
        options = section.without("provider")
        if isinstance(found, type) and dataclasses.is_dataclass(found):
            problems: list[Problem] = []
            made = construct(found, options, problems)
            if made is None:
                raise ConfigError(problems)
            return made
        if extra := sorted(options.without("model").table):
            what = f"{_registered(registry, section, spec)} has no options"
            raise ConfigError([section.problem(what, extra[0], value=options.table[extra[0]])])
        return found(spec, cache=self.project.cache)


def _registered(registry: Registry[Any], section: Section, spec: str) -> str:
    """The part of a role's name that the registry knows: the provider, or all of it."""
    provider = str(section.table.get("provider", ""))
    return provider if provider in registry or ":" in provider else spec
