"""Targets: `[tool.evalkit.targets.<name>]` → the system under test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit import prompts
from evalkit.assemble.models import Models, Priced, stated_price
from evalkit.assemble.names import Names, collected
from evalkit.calls.traffic import Traffic
from evalkit.config import BuiltIn, Project, Section, construct, named
from evalkit.errors import ConfigError, Problem
from evalkit.pricing import FREE, UNPRICED, Price
from evalkit.providers.protocol import Embedder
from evalkit.rag.chunkers import CHUNKERS
from evalkit.rag.guardrails import GUARDRAILS
from evalkit.rag.indexes import INDEXES
from evalkit.rag.pipeline import RagConfig, RagPipeline
from evalkit.rag.retrievers import RETRIEVERS
from evalkit.registry import Registry
from evalkit.targets import TARGETS
from evalkit.targets.protocol import Target
from evalkit.targets.rag import RagTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetParts:
    """A target with what the run must know about it.

    `price` turns the tokens of a target that does not price itself into dollars; `generator` names
    the model under test where evalkit calls it.
    """

    target: Target
    price: Price | None
    price_table: str
    generator: str = ""
    prompts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A table of a "rag" target: the key that names its kind, and the kind where none is named."""

    registry: Registry[Any]
    key: str
    default: str


PARTS: Mapping[str, Part] = {
    "chunk": Part(registry=CHUNKERS, key="kind", default="sentences"),
    "index": Part(registry=INDEXES, key="kind", default="flat"),
    "retrieve": Part(registry=RETRIEVERS, key="mode", default="hybrid"),
}

PASSAGES = 5
"""How many passages are retrieved where `retrieve.k` is not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RagOptions:
    """The keys of a target of kind "rag"; each table's other keys are the part's own options.

    `generator` stands before the profile's: two targets of one suite may differ in the model alone.
    """

    prompt: str
    chunk: Mapping[str, Any] = field(default_factory=dict)
    index: Mapping[str, Any] = field(default_factory=dict)
    retrieve: Mapping[str, Any] = field(default_factory=dict)
    guardrails: tuple[str, ...] = ()
    max_output_tokens: int = 512
    generator: str | Mapping[str, Any] = ""


def target(section: Section, models: Models, embedder: Embedder | None) -> TargetParts:
    """The target of a section; `embedder` is None where the profile's could not be made."""
    price = stated_price(section) if "price" in section.table else None
    options = section.without("kind", "price")
    if section.table.get("kind") == "rag":
        return _rag(options, models, embedder, price)
    root = models.names.project.root
    made = models.names.build(TARGETS, section.table.get("kind"), options, root=root)
    return TargetParts(target=made, price=price, price_table=price.table if price else UNPRICED)


def recipe(section: Section, generator: Section, made: Target) -> dict[str, Any]:
    """What `rebuilt` makes a target from again: its table, and that of the model under test.

    `answering` names the generator's side of a pipeline of evalkit's, to be sure it is the same.
    """
    return {
        "target": dict(section.table),
        "generator": dict((own_generator(section) or generator).table),
        "answering": made.answering if isinstance(made, RagTarget) else "",
    }


def rebuilt(
    written: Mapping[str, Any], *, project: Project, profile: str, traffic: Traffic
) -> tuple[Target, Models]:
    """The target of a recipe with today's code, and the models to close after it.

    Its released prompts are still there, for prompts are never edited. Raises `ConfigError` where
    its parts are no longer.
    """

    def section(key: str) -> Section:
        table = written.get(key)
        known = table if isinstance(table, dict) else {}
        return Section(BuiltIn("a target of earlier"), (key,), known)

    models = Models(
        names=Names(project),
        bound=project.profiles[profile],
        traffic=traffic,
        under_test=section("generator"),
    )
    return target(section("target"), models, models.embedder()).target, models


def own_generator(section: Section) -> Section | None:
    """The role's table of a target that names a generator itself, or None."""
    written = section.table.get("generator")
    if section.table.get("kind") != "rag" or not written:
        return None
    return named(written, section, "generator") if isinstance(written, (str, Mapping)) else None


def _rag(
    section: Section, models: Models, embedder: Embedder | None, price: Price | None
) -> TargetParts:
    problems: list[Problem] = []
    options = construct(RagOptions, section, problems)
    if options is None:
        raise ConfigError(problems)
    role = models.under_test or models.bound.role("generator")
    config = collected(problems, lambda: _config(section, options, models))
    generator: Priced | None = collected(problems, lambda: models.generator(role, price=price))
    if config is None or generator is None or embedder is None:
        raise ConfigError(problems or [section.problem("the embedder cannot be made")])
    cache = models.names.project.cache
    pipeline = RagPipeline(config, generator=generator.model, embedder=embedder, cache=cache)
    in_process = generator.table == FREE.table
    return TargetParts(
        target=RagTarget(pipeline),
        price=price if in_process else None,
        price_table=(price or FREE).table if in_process else generator.table,
        generator=generator.model.name,
        prompts=((config.prompt.ref, config.prompt.digest),),
    )


def _config(section: Section, options: RagOptions, models: Models) -> RagConfig:
    """The reference pipeline's parts; every fault of every part at once."""
    problems: list[Problem] = []
    names = models.names

    def made(table: str) -> Any:
        part, child = PARTS[table], section.child(table)
        kind = child.table.get(part.key, part.default)
        own = child.without(part.key, "k") if table == "retrieve" else child.without(part.key)
        return collected(problems, lambda: names.build(part.registry, kind, own))

    prompt = collected(problems, lambda: prompts.load_prompt(names.project.root, options.prompt))
    chunker, index, retriever = made("chunk"), made("index"), made("retrieve")
    bare = section.without(*section.table)
    guardrails = names.build_all(GUARDRAILS, [(one, bare) for one in options.guardrails], problems)
    k = section.child("retrieve").table.get("k", PASSAGES)
    if type(k) is not int or k < 1:
        what = "must be a whole number of at least 1"
        problems.append(section.child("retrieve").problem(what, "k", value=k))
    if not (prompt and chunker and index and retriever) or problems:
        raise ConfigError(problems)
    try:
        return RagConfig(
            prompt=prompt,
            chunker=chunker,
            index=index,
            retriever=retriever,
            k=k,
            guardrails=guardrails,
            max_output_tokens=options.max_output_tokens,
        )
    except ValueError as error:
        raise ConfigError([section.problem(str(error))]) from error
