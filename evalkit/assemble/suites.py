"""Suite files → plans and promises; every problem of a suite at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from evalkit import codec
from evalkit.assemble.models import Models, spelled
from evalkit.assemble.names import Names, collected, unknown
from evalkit.assemble.settings import settings_of
from evalkit.assemble.targets import TargetParts, own_generator, rebuilt, recipe, target
from evalkit.attacks import ATTACKS
from evalkit.calls.traffic import Traffic
from evalkit.config import (
    BuiltIn,
    Profile,
    Project,
    Section,
    SuiteFile,
    construct,
    load_suite,
    shown_path,
    suite_sections,
)
from evalkit.datasets import load_dataset
from evalkit.errors import ConfigError, Problem
from evalkit.gates import GATES
from evalkit.gates.coverage import CoverageGate
from evalkit.gates.protocol import Gate, Lane, Promise
from evalkit.gates.versus import SavingGate, VersusGate
from evalkit.metrics import METRICS
from evalkit.metrics.protocol import Instruments, Metric, judged_on
from evalkit.plan import Plan
from evalkit.records import Dataset, Fingerprint, Run
from evalkit.registry import UnknownName

AT = "@"
"""Between a suite's name and a target's, where the suite has several."""

AGAINST_TARGETS = (VersusGate, SavingGate)

GATES_BY_NAME = ("cost", "tokens", "latency", "coverage")
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


def plans(
    path: Path,
    *,
    project: Project,
    profile: str,
    traffic: Traffic | None = None,
    lane: Lane = "pr",
) -> tuple[Plan, ...]:
    """A suite, ready to be measured: a plan a target, in order.

    `traffic` is what surrounds calls that leave this process: budget, recordings, deadline. Raises
    `ConfigError` or `DataError` with every problem.
    """
    try:
        suite = load_suite(path, root=project.root)
    except ConfigError as error:
        raise ConfigError([*error.problems, *_misnamed(path, Names(project))]) from error
    problems: list[Problem] = []
    made = [
        collected(
            problems,
            lambda name=name: _plan(suite, name, project, profile, traffic or Traffic(), lane),  # type: ignore[misc]  # mypy cannot infer a lambda's default
        )
        for name in suite.header.measured
    ]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return tuple(plan for plan in made if plan is not None)


def _misnamed(path: Path, names: Names) -> list[Problem]:
    """What is wrong with the metrics and gates of a suite that could not be read whole."""
    problems: list[Problem] = []
    found = collected([], lambda: suite_sections(path, root=names.project.root))
    if found is None:  # no TOML: said already
        return []
    metrics, gates = found
    names.build_all(METRICS, [(one.keys[-1], one) for one in metrics], problems)
    measured = collected([], lambda: [_metric_name(one, names) for one in metrics])
    if measured is None:  # code of the project's own that does not load: said by now
        return problems
    for section in gates:
        _gate(section, names, measured, problems)
    return problems


def _plan(
    suite: SuiteFile, name: str, project: Project, profile: str, traffic: Traffic, lane: Lane
) -> Plan:
    names = Names(project)
    problems: list[Problem] = []
    dataset = collected(problems, lambda: _dataset(suite, names))
    metrics = collected(problems, lambda: _metrics(suite, names))
    promise = collected(problems, lambda: promise_of(suite, name, project=project, lane=lane))
    bound = collected(problems, lambda: _profile(project, profile))
    section = collected(problems, lambda: _target_section(suite, name, project))
    models = bound and Models(
        names=names,
        bound=bound,
        traffic=traffic,
        under_test=own_generator(section) if section else None,
    )
    embedder = collected(problems, models.embedder) if models else None
    tools = (
        collected(problems, lambda: models.instruments(embedder)) if models and embedder else None
    )
    parts = models and section and collected(problems, lambda: target(section, models, embedder))
    if tools and metrics:
        problems += _without_model(suite, metrics, tools)
    if dataset and section:
        problems += _without_corpus(suite, dataset, section)
    if problems or not (dataset and metrics and promise and models and section and tools and parts):
        raise ConfigError(problems)
    return Plan(
        purpose=suite.header.purpose,
        promise=promise,
        dataset=dataset,
        target=parts.target,
        metrics=metrics,
        instruments=tools,
        price=parts.price,
        fingerprint=_fingerprint(
            suite, promise.suite, section, models.bound, dataset, metrics, tools, parts
        ),
        remote=models,
        paces_itself=bool(parts.generator) and models.concurrency > 0,
        judge_costs=_judging_costs(tools, models) and not suite.header.judge_all,
        recipe=recipe(section, models.bound.role("generator"), parts.target),
        rebuild=partial(rebuilt, project=project, profile=profile, traffic=traffic),
        keep_answers=suite.header.keep_answers,
        settings=settings_of(suite, section, models.bound, names),
    )


def promise_of(suite: SuiteFile, target: str, *, project: Project, lane: Lane = "pr") -> Promise:
    """The gates of a suite for one of its targets. The coverage gate is always among them."""
    problems: list[Problem] = []
    earlier = suite.header.measured[: suite.header.measured.index(target)]
    names = Names(project)
    measured = [_metric_name(section, names) for section in suite.metrics]
    gates = [_gate(section, names, measured, problems) for section in suite.gates]
    problems += _without_rival(suite, gates)
    if problems:
        raise ConfigError(problems)
    chosen = [gate for gate in gates if gate is not None and _is_decided(gate, earlier)]
    if not any(gate.kind == CoverageGate.kind for gate in chosen):
        chosen.append(CoverageGate(name="coverage"))
    return Promise(
        suite=f"{suite.name}{AT}{target}" if suite.header.targets else suite.name,
        path=suite.path,
        root=project.root,
        inconclusive="fail" if lane == "release" else suite.header.inconclusive,
        gates=tuple(chosen),
        rivals=earlier,
        lane=lane,
        judged_on=tuple(_judged_on(section, names) for section in suite.metrics),
    )


def promise_of_run(run: Run, *, project: Project, lane: Lane = "pr") -> Promise:
    """The gates that the project's suite file promises today for a saved run."""
    stem, _, target = run.fingerprint.suite.partition(AT)
    suite = load_suite(project.root / "suites" / f"{stem}.toml", root=project.root)
    if (target or suite.header.target) not in suite.header.measured:
        what = f"the suite no longer measures the target {target!r}"
        allowed = ", ".join(suite.header.measured)
        raise ConfigError([Problem(where=shown_path(suite.path, project.root), what=what,
                                   allowed=allowed)])  # fmt: skip
    return promise_of(suite, target or suite.header.target, project=project, lane=lane)


def metric(name: str) -> Metric:
    """A metric with its default options.

    Raises `ConfigError` for an unknown name, and for a metric that has no defaults or lacks a
    package.
    """
    try:
        cls = METRICS.get(name)
    except UnknownName as error:
        raise ConfigError([Problem(where="metrics", what=str(error))]) from error
    problems: list[Problem] = []
    made = construct(cls, Section(BuiltIn(f"metrics {name}"), (), {}), problems)
    if made is None:
        raise ConfigError(problems)
    return made


def instruments(project: Project, *, profile: str) -> Instruments:
    """The judge and the embedder of a profile. Raises `ConfigError`."""
    bound = _profile(project, profile)
    models = Models(names=Names(project), bound=bound, traffic=Traffic())
    return models.instruments(models.embedder())


# ── parts of a plan ──────────────────────────────────────────────────────────────────────────────


def _profile(project: Project, name: str) -> Profile:
    if name not in project.profiles:
        raise unknown("profile", name, project.profiles, where="the profile asked for")
    return project.profiles[name]


def _dataset(suite: SuiteFile, names: Names) -> Dataset:
    """The golden data, with the suite's attack planted in it."""
    folder = names.project.root / "datasets"
    try:
        dataset = load_dataset(folder, suite.header.dataset, slice=suite.header.slice or None)
    except ConfigError as error:
        # It knows the name, not who gave it.
        there = suite.head.problem("", "dataset").where
        raise ConfigError([dataclasses.replace(p, where=there) for p in error.problems]) from error
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


def _metric_name(section: Section, names: Names) -> str:
    """What a metric of the suite is called in gates: its key, or its own name for own code."""
    key = section.keys[-1]
    if ":" not in key:
        return key
    name: str = names.find(METRICS, key, section.problem).name
    return name


def _judged_on(section: Section, names: Names) -> tuple[str, str]:
    """A metric's name, and what its judge is shown; metrics of others may not say."""
    found = names.find(METRICS, section.keys[-1], section.problem)
    return _metric_name(section, names), judged_on(found)


def _judging_costs(tools: Instruments, models: Models) -> bool:
    """Whether asking the judge costs calls; a judge of the project's own says so itself."""
    return models.judge_is_remote or bool(getattr(tools.judge, "costs", False))


def _without_model(
    suite: SuiteFile, metrics: Sequence[Metric], tools: Instruments
) -> list[Problem]:
    """Metrics that bring prompts of their own, under a judge that is no chat model."""
    what = f"asks a chat model, and the profile's judge {tools.judge.name} is none"
    return [
        section.problem(what)
        for section, metric in zip(suite.metrics, metrics, strict=True)
        if tools.model is None and getattr(metric, "needs_model", False)
    ]


def _without_corpus(suite: SuiteFile, dataset: Dataset, section: Section) -> list[Problem]:
    """A pipeline that has nothing to retrieve from would fail case by case."""
    if section.table.get("kind") != "rag" or dataset.documents:
        return []
    what = f"has no corpus to retrieve from, which the target {section.keys[-1]} does"
    return [suite.head.problem(what, "dataset", value=suite.header.dataset)]


def _gate(
    section: Section, names: Names, measured: Sequence[str], problems: list[Problem]
) -> Gate | None:
    name = section.keys[-1]
    kind = section.table.get("kind", name if name in GATES_BY_NAME else "metric")
    options = section.without("kind")
    gate = collected(problems, lambda: names.build(GATES, kind, options, name=name))
    about = getattr(gate, "metric", None)
    if about is not None and (about or name) not in measured:
        what = f"gates {about or name}, which the suite does not measure"
        problems.append(section.problem(what, allowed=", ".join(measured)))
    return gate


def _without_rival(suite: SuiteFile, gates: Sequence[Gate | None]) -> list[Problem]:
    """Gates between targets that no target could be decided by."""
    others = suite.header.targets[:-1]
    found: list[Problem] = []
    for gate, section in zip(gates, suite.gates, strict=True):
        than = getattr(gate, "than", "")
        if isinstance(gate, AGAINST_TARGETS) and (not others or (than and than not in others)):
            what = "compares with a target measured before"
            allowed = ", ".join(others) or "several targets in [suite], the first to compare with"
            found.append(section.problem(what, value=than or None, allowed=allowed))
    return found


def _is_decided(gate: Gate, earlier: Sequence[str]) -> bool:
    """A target has nothing to be compared with but those before it."""
    if not isinstance(gate, AGAINST_TARGETS):
        return True
    return gate.than in earlier if gate.than else bool(earlier)


def _target_section(suite: SuiteFile, name: str, project: Project) -> Section:
    if name not in project.targets:
        key = "targets" if suite.header.targets else "target"
        where = suite.head.problem("", key).where
        raise unknown("target", name, project.targets, where=where)
    return project.targets[name]


def versioned(metric: Metric) -> str:
    """A metric's version and options, as baselines compare them: `1`, or `1 k=5`."""
    options = dataclasses.asdict(cast("Any", metric))
    return " ".join([str(metric.version), *(f"{key}={value!r}" for key, value in options.items())])


def _fingerprint(
    suite: SuiteFile,
    name: str,
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
        suite=name,
        profile=bound.name,
        dataset=dataset.ref,
        dataset_slice=dataset.slice,
        dataset_digest=dataset.digest,
        target=parts.target.fingerprint,
        generator=parts.generator or spelled(bound.role("generator")),
        judge=tools.judge.fingerprint,
        judge_card=tools.judge.card,
        embedder=tools.embedder.fingerprint,
        price_table=parts.price_table,
        metrics=tuple((metric.name, versioned(metric)) for metric in metrics),
        prompts=parts.prompts,
        config_digest=codec.digest(config),
    )
