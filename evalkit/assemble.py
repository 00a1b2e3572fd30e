"""The composition root: the only module that turns names in files into objects.

Every name and option of a suite is checked here before anything is measured; all problems found are
reported together.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from evalkit import codec, prompts
from evalkit.attacks import ATTACKS
from evalkit.config import Profile, Project, Section, SuiteFile, construct, load_suite, shown_path
from evalkit.datasets import load_dataset
from evalkit.errors import ConfigError, InputError, Problem
from evalkit.gates import GATES
from evalkit.gates.coverage import CoverageGate
from evalkit.gates.protocol import Gate, Promise
from evalkit.judges import JUDGES
from evalkit.measure import Plan
from evalkit.metrics import METRICS
from evalkit.metrics.protocol import Instruments, Metric
from evalkit.pricing import FREE, Price
from evalkit.providers import EMBEDDERS, MODELS
from evalkit.providers.protocol import Embedder
from evalkit.rag.chunkers import CHUNKERS
from evalkit.rag.guardrails import GUARDRAILS
from evalkit.rag.indexes import INDEXES
from evalkit.rag.pipeline import RagConfig, RagPipeline
from evalkit.rag.retrievers import RETRIEVERS
from evalkit.records import Dataset, Fingerprint, Run
from evalkit.registry import Registry, UnknownName
from evalkit.targets import TARGETS
from evalkit.targets.protocol import Target
from evalkit.targets.rag import RagTarget

T = TypeVar("T")
GATES_BY_NAME = ("cost", "tokens", "coverage")
"""Gates whose name is their kind; any other `[gates.<name>]` gates the metric of that name."""


def suite_files(given: Sequence[Path], *, project: Project) -> tuple[Path, ...]:
    """The suite files in the files and folders given, or in the project's `suites/`.

    Raises `ConfigError` for a path that is not there and for a folder without suites.
    """
    found: list[Path] = []
    problems: list[Problem] = []
    for path in given or [project.root / "suites"]:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside or not all(file.is_file() for file in inside):
            what = "no suite (a .toml file) here"
            problems.append(Problem(where=shown_path(path, project.root), what=what))
        found += inside
    if problems:
        raise ConfigError(problems)
    return tuple(dict.fromkeys(path.resolve() for path in found))


def plan(path: Path, *, project: Project, profile: str) -> Plan:
    """A suite, ready to be measured. Raises `ConfigError` or `DataError` with every problem."""
    suite = load_suite(path, root=project.root)
    names = Names(project)
    problems: list[Problem] = []
    dataset = _collect(problems, lambda: _dataset(suite, names))
    metrics = _collect(problems, lambda: _metrics(suite, names))
    promise = _collect(problems, lambda: promise_of(suite, project=project))
    bound = _collect(problems, lambda: _profile(project, profile))
    section = _collect(problems, lambda: _target_section(suite, project))
    tools = bound and _collect(problems, lambda: names.instruments(bound))
    parts = bound and section and _collect(problems, lambda: _target(section, names, bound))
    if not (dataset and metrics and promise and bound and section and tools and parts):
        raise ConfigError(problems)
    return Plan(
        purpose=suite.header.purpose,
        promise=promise,
        dataset=dataset,
        target=parts.target,
        metrics=metrics,
        instruments=tools,
        price=parts.price,
        fingerprint=_fingerprint(suite, section, bound, dataset, metrics, tools, parts),
    )


def promise_of(suite: SuiteFile, *, project: Project) -> Promise:
    """The suite's gates. The coverage gate is always among them."""
    problems: list[Problem] = []
    names = Names(project)
    measured = [names.metric_name(section) for section in suite.metrics]
    gates = [_gate(section, names, measured, problems) for section in suite.gates]
    if problems:
        raise ConfigError(problems)
    chosen = [gate for gate in gates if gate is not None]
    if not any(gate.kind == CoverageGate.kind for gate in chosen):
        chosen.append(CoverageGate(name="coverage"))
    return Promise(
        suite=suite.name,
        path=suite.path,
        root=project.root,
        inconclusive=suite.header.inconclusive,
        gates=tuple(chosen),
    )


def promise_of_run(run: Run, *, project: Project) -> Promise:
    """The gates that the project's suite file promises today for a saved run."""
    path = project.root / "suites" / f"{run.fingerprint.suite}.toml"
    return promise_of(load_suite(path, root=project.root), project=project)


def metric(name: str) -> Metric:
    """A metric with its default options. Raises `ConfigError` for an unknown name."""
    try:
        return METRICS.get(name)()
    except UnknownName as error:
        raise ConfigError([Problem(where="metrics", what=str(error))]) from error


def instruments(project: Project, *, profile: str) -> Instruments:
    """The judge and the embedder of a profile. Raises `ConfigError`."""
    return Names(project).instruments(_profile(project, profile))


# ── names ────────────────────────────────────────────────────────────────────────────────────────


def _collect(problems: list[Problem], make: Callable[[], T]) -> T | None:
    """What `make` gives, or None with its problems appended."""
    try:
        return make()
    except InputError as error:
        problems.extend(error.problems)
        return None


@dataclass(frozen=True, slots=True)
class Names:
    """Turns names into implementations: registered ones, or `module:attribute` of the project."""

    project: Project

    def find(self, registry: Registry[T], name: object, problem: Callable[[str], Problem]) -> T:
        """The implementation. Raises `ConfigError` with `problem` where there is none."""
        if not isinstance(name, str) or not name:
            raise ConfigError([problem(f"names no {registry.kind}; known: {_listed(registry)}")])
        try:
            return self._own(name) if ":" in name else registry.get(name)
        except UnknownName as error:
            raise ConfigError([problem(str(error))]) from error
        except Exception as error:  # importing somebody's module may raise anything
            what = f"{registry.kind} {name!r} cannot be used: {type(error).__name__}: {error}"
            raise ConfigError([problem(what)]) from error

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

    def metric_name(self, section: Section) -> str:
        """What a metric of the suite is called in gates: its key, or its own name for own code."""
        key = section.keys[-1]
        if ":" not in key:
            return key
        name: str = self.find(METRICS, key, section.problem).name
        return name

    def instruments(self, bound: Profile) -> Instruments:
        """The judge and the embedder that a profile binds."""
        problems: list[Problem] = []
        factory = _collect(problems, lambda: self.find(JUDGES, bound.judge, _at(bound, "judge")))
        embedder = _collect(problems, lambda: self.embedder(bound))
        if factory is None or embedder is None:
            raise ConfigError(problems)
        return Instruments(judge=factory(embedder), embedder=embedder)

    def embedder(self, bound: Profile) -> Embedder:
        """The embedder that a profile binds; `provider/model` is served by the provider's."""
        provider = bound.embedder.partition("/")[0]
        name = provider if provider in EMBEDDERS else bound.embedder
        factory = self.find(EMBEDDERS, name, _at(bound, "embedder"))
        return factory(bound.embedder, cache=self.project.cache)


def _listed(registry: Registry[Any]) -> str:
    return ", ".join(registry.names())


def _at(bound: Profile, role: str) -> Callable[[str], Problem]:
    return lambda what: Problem(where=f"{bound.where}.{role}", what=what)


def _unknown(what: str, name: str, known: Iterable[str], *, where: str) -> ConfigError:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    allowed = ", ".join(known) or "none"
    return ConfigError(
        [Problem(where=where, what=f"unknown {what} {name!r}.{hint}", allowed=allowed)]
    )


def _profile(project: Project, name: str) -> Profile:
    if name not in project.profiles:
        raise _unknown("profile", name, project.profiles, where="the profile asked for")
    return project.profiles[name]


# ── parts of a plan ──────────────────────────────────────────────────────────────────────────────


def _dataset(suite: SuiteFile, names: Names) -> Dataset:
    """The golden data, with the suite's attack planted in it."""
    folder = names.project.root / "datasets"
    dataset = load_dataset(folder, suite.header.dataset, slice=suite.header.slice or None)
    if suite.attack is None:
        return dataset
    options = suite.attack.without("kind")
    return names.build(ATTACKS, suite.attack.table.get("kind"), options).plant(
        dataset, folder=folder
    )


def _metrics(suite: SuiteFile, names: Names) -> tuple[Metric, ...]:
    problems: list[Problem] = []
    made = names.build_all(METRICS, [(one.keys[-1], one) for one in suite.metrics], problems)
    if problems:
        raise ConfigError(problems)
    return made


def _gate(
    section: Section, names: Names, measured: Sequence[str], problems: list[Problem]
) -> Gate | None:
    name = section.keys[-1]
    kind = section.table.get("kind", name if name in GATES_BY_NAME else "metric")
    options = section.without("kind")
    gate = _collect(problems, lambda: names.build(GATES, kind, options, name=name))
    about = getattr(gate, "metric", None)
    if about is not None and (about or name) not in measured:
        what = f"gates {about or name}, which the suite does not measure"
        problems.append(section.problem(what, allowed=", ".join(measured)))
    return gate


def _target_section(suite: SuiteFile, project: Project) -> Section:
    name = suite.header.target
    if name not in project.targets:
        where = f"{shown_path(suite.path, project.root)} suite.target"
        raise _unknown("target", name, project.targets, where=where)
    return project.targets[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetParts:
    """A target with what the run must know about it."""

    target: Target
    price: Price | None
    prompts: tuple[tuple[str, str], ...] = ()


def _target(section: Section, names: Names, bound: Profile) -> TargetParts:
    problems: list[Problem] = []
    price = construct(Price, section.child("price"), problems) if "price" in section.table else None
    kind = section.table.get("kind")
    options = section.without("kind", "price")
    if problems:
        raise ConfigError(problems)
    if kind == "rag":
        pipeline = _pipeline(options, names, bound)
        prompt = pipeline.config.prompt
        named = ((prompt.ref, prompt.digest),)
        return TargetParts(target=RagTarget(pipeline), price=price, prompts=named)
    target = names.build(TARGETS, kind, options, root=names.project.root)
    return TargetParts(target=target, price=price)


@dataclass(frozen=True, slots=True, kw_only=True)
class RagOptions:
    """The keys of a target of kind "rag"; each table's other keys are the part's own options."""

    prompt: str
    chunk: Mapping[str, Any] = field(default_factory=dict)
    index: Mapping[str, Any] = field(default_factory=dict)
    retrieve: Mapping[str, Any] = field(default_factory=dict)
    guardrails: tuple[str, ...] = ()
    max_output_tokens: int = 512


def _pipeline(section: Section, names: Names, bound: Profile) -> RagPipeline:
    """The reference pipeline; every fault of every part at once."""
    problems: list[Problem] = []
    options = construct(RagOptions, section, problems)
    if options is None:
        raise ConfigError(problems)

    def part(registry: Registry[type[T]], table: str, key: str, default: str) -> T | None:
        child = section.child(table)
        kind = child.table.get(key, default)
        own = child.without(key, "k") if table == "retrieve" else child.without(key)
        return _collect(problems, lambda: names.build(registry, kind, own))

    project = names.project
    prompt = _collect(problems, lambda: prompts.load_prompt(project.root, options.prompt))
    chunker = part(CHUNKERS, "chunk", "kind", "sentences")
    index = part(INDEXES, "index", "kind", "flat")
    retriever = part(RETRIEVERS, "retrieve", "mode", "hybrid")
    bare = section.without(*section.table)
    guardrails = names.build_all(GUARDRAILS, [(one, bare) for one in options.guardrails], problems)
    embedder = _collect(problems, lambda: names.embedder(bound))
    where = _at(bound, "generator")
    factory = _collect(problems, lambda: names.find(MODELS, bound.generator, where))
    k = section.child("retrieve").table.get("k", 5)
    if type(k) is not int or k < 1:
        what = "must be a whole number of at least 1"
        problems.append(section.child("retrieve").problem(what, "k", value=k))
    if not (prompt and chunker and index and retriever and embedder and factory) or problems:
        raise ConfigError(problems)
    try:
        config = RagConfig(
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
    generator = factory(bound.generator, cache=project.cache)
    return RagPipeline(config, generator=generator, embedder=embedder, cache=project.cache)


def versioned(metric: Metric) -> str:
    """A metric's version and options, as baselines compare them: `1`, or `1 k=5`."""
    options = dataclasses.asdict(cast("Any", metric))
    return " ".join([str(metric.version), *(f"{key}={value!r}" for key, value in options.items())])


def _fingerprint(
    suite: SuiteFile,
    section: Section,
    bound: Profile,
    dataset: Dataset,
    metrics: tuple[Metric, ...],
    tools: Instruments,
    parts: TargetParts,
) -> Fingerprint:
    """What the run is made of, down to the options of each metric."""
    config = {
        "target": dict(section.table),
        "metrics": {one.keys[-1]: dict(one.table) for one in suite.metrics},
        "attack": dict(suite.attack.table) if suite.attack else {},
    }
    return Fingerprint(
        suite=suite.name,
        profile=bound.name,
        dataset=dataset.ref,
        dataset_slice=dataset.slice,
        dataset_digest=dataset.digest,
        target=parts.target.fingerprint,
        generator=bound.generator,
        judge=tools.judge.fingerprint,
        judge_card=tools.judge.card,
        embedder=tools.embedder.fingerprint,
        price_table=(parts.price or FREE).table,
        metrics=tuple((metric.name, versioned(metric)) for metric in metrics),
        prompts=parts.prompts,
        config_digest=codec.digest(config),
    )
