"""What a suite's target and judge are made of, as flat settings that a person can read.

Every option is there, also those that nobody wrote and that have their default: a default that
changes with a version of evalkit is a change like another. A metric's options are in the run's
fingerprint.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.assemble.models import JUDGING, OURS, is_ready_judge, spelled
from evalkit.assemble.names import Names
from evalkit.assemble.printable import Printer, options
from evalkit.assemble.targets import PARTS, PASSAGES, RagOptions, own_generator
from evalkit.attacks import ATTACKS
from evalkit.config import Profile, Section, SuiteFile, named
from evalkit.env_secrets import EnvSecrets
from evalkit.judges.llm import LlmJudge
from evalkit.providers import EMBEDDERS, MODELS
from evalkit.targets import TARGETS

Made = Iterator[tuple[str, object]]


def settings_of(
    suite: SuiteFile, section: Section, bound: Profile, names: Names
) -> tuple[tuple[str, str], ...]:
    """The settings of one target of a suite under a profile, sorted by name.

    For what has been made of them before: names are taken to be known.
    """
    printer = Printer(root=names.project.root, secrets=EnvSecrets(os.environ))
    made = (
        *_target(section, bound, names),
        *_role("embedder", bound.role("embedder"), names),
        *_judge(bound, names),
        *_attack(suite, names),
    )
    found = dict(pair for name, value in made for pair in printer.flat(name, value))
    return tuple(sorted(found.items()))


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


def _target(section: Section, bound: Profile, names: Names) -> Made:
    kind = section.table.get("kind")
    own = section.without("kind", *OURS)
    yield "target", section.keys[-1]
    yield "target.kind", kind
    yield "target.price", section.table.get("price")
    if kind != "rag":
        yield "target", _filled(_found(TARGETS, kind, names, section), own.table)
        return
    whole = _filled(RagOptions, own.table)
    yield "target", {k: v for k, v in whole.items() if k not in (*PARTS, "generator")}
    for name, part in PARTS.items():
        child = section.child(name)
        part_kind = child.table.get(part.key, part.default)
        table = child.without(part.key).table
        filled = _filled(_found(part.registry, part_kind, names, child), table)
        yield f"target.{name}", {part.key: part_kind, **filled}
    yield "target.retrieve.k", section.child("retrieve").table.get("k", PASSAGES)
    yield from _role("generator", own_generator(section) or bound.role("generator"), names)


def _role(role: str, section: Section, names: Names) -> Made:
    """A model or an embedder: its name, then its options."""
    registry = EMBEDDERS if role == "embedder" else MODELS
    yield role, spelled(section)
    found = names.role(registry, section, spec=spelled(section))
    yield role, _filled(found, section.without("provider", "model").table)


def _judge(bound: Profile, names: Names) -> Made:
    section = bound.role("judge")
    written = bound.judge
    if isinstance(written, Mapping) and "panel" in written:
        yield "judge.rule", section.table.get("rule", "majority")
        for place, one in enumerate(section.table["panel"], start=1):
            member = named(one, section, "panel")
            yield from _one_judge(f"judge.panel.{place}", one, member, names)
        return
    yield from _one_judge("judge", written, section, names)


def _one_judge(name: str, written: object, section: Section, names: Names) -> Made:
    if is_ready_judge(written, section):
        yield name, written
        return
    yield name, spelled(section)
    judging = _filled(LlmJudge, section.table)
    yield name, {key: judging[key] for key in JUDGING}
    model = section.without("provider", "model", *JUDGING)
    found = names.role(MODELS, section, spec=spelled(section))
    yield name, _filled(found, model.table)


def _attack(suite: SuiteFile, names: Names) -> Made:
    if suite.attack is not None:
        kind = suite.attack.table.get("kind")
        found = _found(ATTACKS, kind, names, suite.attack)
        yield "attack", {"kind": kind, **_filled(found, suite.attack.without("kind").table)}


def _found(registry: Any, kind: object, names: Names, section: Section) -> object:
    return names.find(registry, kind, section.problem)


def _filled(found: object, table: Mapping[str, Any]) -> dict[str, Any]:
    """A table with the defaults of what it makes; only the table where that has no fields."""
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        return dict(table)
    made: dict[str, Any] = {}
    for field in dataclasses.fields(found):
        if not field.init or field.name in ("model", "root"):
            continue
        default = _default(field)
        given = table.get(field.name, default)
        if dataclasses.is_dataclass(default) and isinstance(given, Mapping):
            given = {**options(default), **given}
        made[field.name] = given
    return {**table, **made}


def _default(field: dataclasses.Field[Any]) -> Any:
    """The default of an option; None where it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default
