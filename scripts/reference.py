"""Write docs/reference.md from the code: every table of every file, every option, every command.

    python scripts/reference.py          # write it
    python scripts/reference.py --check  # exit 1 where the file is not what the code says

The tables are the dataclasses that read the files, so that a key that is here is accepted and a key
that is accepted is here.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit import cli, pytest_plugin
from evalkit.assemble.models import JUDGING
from evalkit.assemble.suites import GATES_BY_NAME
from evalkit.assemble.targets import RagOptions
from evalkit.attacks import ATTACKS
from evalkit.config import Profile, SuiteHeader
from evalkit.datasets.rows import CASE_FIELDS, DOCUMENT_FIELDS
from evalkit.gates import GATES
from evalkit.judges import JUDGES
from evalkit.judges.llm import LlmJudge
from evalkit.metrics import METRICS
from evalkit.pricing import Price
from evalkit.providers import EMBEDDERS, MODELS
from evalkit.rag.chunkers import CHUNKERS
from evalkit.rag.guardrails import GUARDRAILS
from evalkit.rag.indexes import INDEXES
from evalkit.rag.retrievers import RETRIEVERS
from evalkit.records import Case, Document
from evalkit.registry import Registry
from evalkit.targets import TARGETS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

HEAD = """\
# Reference

Generated from the code by `python scripts/reference.py`; do not edit. A key that is not here is
refused, with the nearest name and the file's line. How the parts fit together:
[writing-a-suite.md](writing-a-suite.md).
"""

METRIC_LINES = ("Range:", "Unit:", "Unscored:")
SHOWN_TYPES = {str: "string", int: "integer", float: "number", bool: "true or false"}
GIVEN = {"name", "root", "section"}
"""Fields that evalkit fills in itself."""


def page() -> str:
    """The whole file."""
    parts = [
        HEAD,
        *suite_parts(),
        *project_parts(),
        *dataset_parts(),
        *command_parts(),
    ]
    return "\n".join(parts)


# ── sections ─────────────────────────────────────────────────────────────────────────────────────


def suite_parts() -> Iterator[str]:
    yield "## A suite file: `suites/<name>.toml`\n"
    yield from section("`[suite]`", SuiteHeader, level=3)
    yield "### `[metrics]`\n"
    yield (
        "One line a metric, `name = { options }`; `{}` takes every default. Scores lie in [0, 1], "
        "higher is better. Sources are in each metric's own docstring.\n"
    )
    for name in builtin(METRICS):
        yield from metric_part(name)
    yield "### `[gates.<name>]`\n"
    named = ", ".join(f"`{name}`" for name in GATES_BY_NAME)
    yield (
        f"A gate called {named} is of that kind. Any other name is a metric's, and the gate is of "
        'the kind `metric` unless it says `kind = "…"`. The coverage gate is there whether '
        "written or not.\n"
    )
    for name in builtin(GATES):
        yield from section(f'`kind = "{name}"`', GATES.get(name), level=4)
    yield "### `[attack]`\n"
    yield "Plants attacks in the dataset; the cases are then the attacks.\n"
    for name in builtin(ATTACKS):
        yield from section(f'`kind = "{name}"`', ATTACKS.get(name), level=4)


def project_parts() -> Iterator[str]:
    yield "## The project: `[tool.evalkit]` in `pyproject.toml`, or `evalkit.toml`\n"
    yield "In `evalkit.toml` the tables have no `tool.evalkit.` in front.\n"
    yield '### `[targets.<name>]` with `kind = "rag"`\n'
    yield (
        "The reference pipeline. `price` may stand beside these keys in every kind of target, "
        "see below.\n"
    )
    yield from table(RagOptions)
    parts = (
        ("chunk", "kind", "sentences", CHUNKERS),
        ("index", "kind", "flat", INDEXES),
        ("retrieve", "mode", "hybrid", RETRIEVERS),
    )
    for key, choice, default, registry in parts:
        extra = " `k` (integer, 5) is how many chunks are retrieved." if key == "retrieve" else ""
        yield f'#### `{key} = {{ {choice} = "…" }}`\n'
        yield f"`{default}` unless `{choice}` says otherwise.{extra}\n"
        for name in builtin(registry):
            yield from section(f"`{name}`", registry.get(name), level=5)
    yield "#### `guardrails = […]`\n"
    yield "In the order given, on the question, on each passage and on the answer.\n"
    for name in builtin(GUARDRAILS):
        yield f"- `{name}`: {first_sentence(GUARDRAILS.get(name))}"
    yield "\nWhat they catch and what they cost: [detectors.md](detectors.md).\n"
    for name in (name for name in builtin(TARGETS) if name != "rag"):
        yield from section(f'`[targets.<name>]` with `kind = "{name}"`', TARGETS.get(name), level=3)
    yield from section("`price` of a target or a role", Price, level=3)
    yield from profile_parts()


def profile_parts() -> Iterator[str]:
    yield from section("`[profiles.<name>]`", Profile, level=3)
    roles: tuple[tuple[str, tuple[Registry[Any], ...]], ...] = (
        ("generator", (MODELS,)),
        ("judge", (JUDGES, MODELS)),
        ("embedder", (EMBEDDERS,)),
    )
    for role, registries in roles:
        names = dict.fromkeys(name for registry in registries for name in builtin(registry))
        yield f"- `{role}`: {', '.join(f'`{name}`' for name in names)}"
    yield (
        "\n`scripted` is a fake for tests. `sentence-transformers/<model>` needs the extra of that "
        "name. A role that calls a provider may have a `price` of its own, see above; without one "
        "the price of the catalogue holds.\n"
    )
    yield "#### Keys of a judge that is a chat model\n"
    yield "They stand beside the provider's own keys.\n"
    yield from table(LlmJudge, only=JUDGING)
    for role, registry in (("a model", MODELS), ("an embedder", EMBEDDERS)):
        for name in builtin(registry):
            entry: Any = registry.get(name)
            if hasattr(entry, "__dataclass_fields__"):
                yield from section(f'`provider = "{name}"` of {role}', entry, level=4)


def dataset_parts() -> Iterator[str]:
    yield "## A dataset: `datasets/<name>/<version>/`\n"
    yield "`cases` and `corpus` are `.jsonl`, `.csv` or `.parquet`, one row a record.\n"
    for what, record, fields in (
        ("cases", Case, CASE_FIELDS),
        ("corpus", Document, DOCUMENT_FIELDS),
    ):
        yield f"### `{what}`\n"
        yield from table(record, only=fields)


def command_parts() -> Iterator[str]:
    yield "## Commands\n"
    yield "### `pytest suites/`\n"
    yield "| option | meaning |\n|---|---|"
    options = Options()
    pytest_plugin.pytest_addoption(options)  # type: ignore[arg-type]  # the part of a Parser used
    yield from (f"| `{name}` | {cell(text)} |" for name, text in options.found)
    yield "\n### `evalkit`\n"
    yield "| command | meaning |\n|---|---|"
    yield from (f"| `{usage}` | {cell(text)} |" for usage, text in commands(cli.parser()))
    yield ""


class Options:
    """Stands in for pytest's parser: notes each option it is given."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def getgroup(self, *_names: str) -> Options:
        return self

    def addoption(self, name: str, **details: Any) -> None:
        shown = f"{name}={details['metavar']}" if "metavar" in details else name
        self.found.append((shown, details["help"]))


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Each command with its arguments, and its help."""
    for action in parser._actions:  # argparse has no other way to ask  # noqa: SLF001
        if not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
        for name, sub in action.choices.items():
            if any(isinstance(a, argparse._SubParsersAction) for a in sub._actions):  # noqa: SLF001
                yield from commands(sub)
            else:
                usage = " ".join(sub.format_usage().removeprefix("usage: ").split())
                yield usage.replace(" [-h]", ""), helps[name]


# ── parts of a section ───────────────────────────────────────────────────────────────────────────


def builtin(registry: Registry[Any]) -> tuple[str, ...]:
    """What evalkit brings itself: an installed plugin must not change the page."""
    return tuple(registry._builtin)  # noqa: SLF001


def section(title: str, cls: type, *, level: int) -> Iterator[str]:
    """A heading, the docstring, the keys."""
    yield f"{'#' * level} {title}\n"
    yield f"{prose(cls)}\n"
    yield from table(cls)


def metric_part(name: str) -> Iterator[str]:
    """A metric: what it is, range, unit, when it is missing; sources stay in the code."""
    cls = METRICS.get(name)
    yield f"#### `{name}`\n"
    yield f"{first_sentence(cls)}\n"
    lines = [line for line in paragraphs(cls) if line.startswith(METRIC_LINES)]
    yield "\n".join(f"- {line}" for line in lines) + "\n"
    if option_fields(cls):
        yield from table(cls)


def table(cls: type, *, only: Iterable[str] = ()) -> Iterator[str]:
    """A row a field: key, type, default."""
    fields = option_fields(cls)
    wanted = list(only) or list(fields)
    if not wanted:
        return
    hints = typing.get_type_hints(cls)
    yield "| key | type | default |\n|---|---|---|"
    for name in wanted:
        yield f"| `{name}` | {kind(hints[name])} | {default(fields[name])} |"
    yield ""


def option_fields(cls: type) -> Mapping[str, dataclasses.Field[Any]]:
    found = {f.name: f for f in dataclasses.fields(cls) if f.init and f.name not in GIVEN}
    return {name: f for name, f in found.items() if not name.startswith("_")}


def kind(hint: Any) -> str:
    """A type in the words of TOML."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(f'`"{value}"`' for value in arguments)
    if origin is tuple:
        return f"list of {kind(arguments[0])}"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return "table"
    if arguments:
        return " or ".join(kind(one) for one in arguments if one is not type(None))
    return SHOWN_TYPES.get(hint, "table")


def default(field: dataclasses.Field[Any]) -> str:
    """The default as TOML writes it."""
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "required"
    return "none" if value is None else f"`{toml(value)}`"


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {toml(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return repr(value)


def prose(cls: type) -> str:
    """The docstring, its paragraphs joined into lines."""
    text = inspect.getdoc(cls) or ""
    return "\n\n".join(" ".join(block.split()) for block in text.split("\n\n"))


def paragraphs(cls: type) -> list[str]:
    """The docstring's labelled lines, each with what runs on below it."""
    text = (inspect.getdoc(cls) or "").partition("\n\n")[2]
    blocks = re.split(r"\n(?=[A-Z][a-z]+: )", text)
    return [" ".join(block.split()) for block in blocks]


def first_sentence(cls: type) -> str:
    return (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true")
    wanted = page()
    if not options.parse_args().check:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"{PAGE.name} is not what the code says: run python scripts/reference.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
