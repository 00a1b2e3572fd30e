"""Names become implementations, or a problem at their line that says what there is."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from evalkit.assemble.names import Names, collected, unknown
from evalkit.config import Project, Section, TomlFile
from evalkit.errors import ConfigError, Problem
from evalkit.providers import MODELS
from evalkit.providers.openai import OpenAIModel
from evalkit.registry import Registry

KINDS: Registry = Registry(
    "part",
    "evalkit.test_parts",
    {"sized": "tests.assemble.test_names:Sized", "grown": "tests.assemble.test_names:grown"},
)


@dataclass(frozen=True, kw_only=True)
class Sized:
    size: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")


def grown(spec, *, cache):
    """A function of the name as written and the project's cache folder."""
    return SimpleNamespace(spec=spec, cache=cache)


@pytest.fixture
def section(tmp_path):
    """A section of a file with this text, at `[role]`."""

    def made(text):
        path = tmp_path / "e.toml"
        path.write_text(f"# first line\n{text}\n")
        file = TomlFile(path, shown="e.toml")
        return Section(file, ("role",), file.data["role"])

    return made


@pytest.fixture
def names(tmp_path):
    return Names(Project(tmp_path))


def problems(make):
    with pytest.raises(ConfigError) as caught:
        make()
    return [str(problem) for problem in caught.value.problems]


def test_problems_are_collected_and_other_errors_are_not():
    """What a user can mend is told with the rest; a bug in evalkit is not hidden among it."""
    found: list[Problem] = []

    def faulty():
        raise ConfigError([Problem(where="here", what="wrong")])

    assert collected(found, faulty) is None
    assert collected(found, lambda: 3) == 3
    assert [problem.what for problem in found] == ["wrong"]
    with pytest.raises(ZeroDivisionError):
        collected(found, lambda: 1 / 0)


def test_a_name_nearly_right_is_suggested():
    """A typo is mended by reading the message; nothing near gets no hint."""
    near, far = (unknown("profile", n, ["offline", "gpu"], where="w") for n in ("ofline", "zzz"))
    assert str(near.problems[0]) == (
        "w: unknown profile 'ofline'. Did you mean offline? Allowed: offline, gpu."
    )
    assert "Did you mean" not in str(far)
    assert "Allowed: none" in str(unknown("profile", "x", [], where="w"))


@pytest.mark.parametrize("name", [None, 3, "", ["sized"]])
def test_what_is_no_name_is_told_what_there_is(names, section, name):
    """A table without its `kind`, and one whose kind is a number."""
    (found,) = problems(lambda: names.find(KINDS, name, section("[role]").problem))
    assert found == "e.toml:2 role: names no part; known: sized, grown"


def test_a_section_becomes_an_object_of_its_kind(names, section):
    """Its keys are the options; what the class itself refuses stands at the section."""
    assert names.build(KINDS, "sized", section("[role]\nsize = 4")) == Sized(size=4)
    (found,) = problems(lambda: names.build(KINDS, "sized", section("[role]\nsize = 0")))
    assert found == "e.toml:2 role: size must be at least 1, got 0"


def test_several_parts_tell_all_their_faults(names, section):
    """The good ones are made, in order; two faults are two problems."""
    found: list[Problem] = []
    good, bad = section("[role]\nsize = 2"), section("[role]\nsize = 0")
    wanted = [("sized", good), ("size", good), ("sized", bad), ("sized", good)]
    assert names.build_all(KINDS, wanted, found) == (Sized(size=2), Sized(size=2))
    assert ["unknown part 'size'" in found[0].what, found[1].what] == [
        True, "size must be at least 1, got 0",
    ]  # fmt: skip


# ── what a role's table names ────────────────────────────────────────────────────────────────────


def test_a_provider_s_options_are_the_keys_of_the_table(names, section):
    """The provider itself is no option, the model is."""
    table = '[role]\nprovider = "openai"\nmodel = "m"\ntemperature = 0.5'
    made = names.open(MODELS, section(table), spec="openai/m")
    assert isinstance(made, OpenAIModel)
    assert (made.model, made.temperature) == ("m", 0.5)


def test_a_function_is_given_the_name_as_written_and_the_cache(names, section):
    """What serves many models reads the rest of the name."""
    made = names.open(KINDS, section('[role]\nprovider = "grown"\nmodel = "m"'), spec="grown/m")
    assert (made.spec, made.cache) == ("grown/m", names.project.cache)


def test_a_name_with_a_slash_may_be_registered_whole(names, section):
    """`embedded/extractive` is one name, not the model `extractive` of a provider `embedded`."""
    table = '[role]\nprovider = "embedded"\nmodel = "extractive"'
    assert names.open(MODELS, section(table), spec="embedded/extractive").name == (
        "embedded/extractive"
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('provider = "openai"\nmodel = "m"\ntemprature = 1.0',
         "e.toml:5 role.temprature: unknown key 'temprature'. Did you mean temperature?"),
        ('provider = "openai"', "e.toml:2 role: missing key 'model'"),
        ('provider = "opnai"\nmodel = "m"', "unknown part 'opnai/m'"),
        ('provider = "grown"\nmodel = "m"\nseed = 1',
         "e.toml:5 role.seed: grown has no options. Got 1."),
        ('model = "m"', "e.toml:2 role: unknown part '/m'"),
    ],
)  # fmt: skip
def test_a_fault_of_a_table_stands_at_its_line(names, section, table, says):
    """Options of a class are checked by name; a function has none, and does not drop them."""
    registry = MODELS if "openai" in table else KINDS
    made = section(f"[role]\n{table}")
    spec = f"{made.table.get('provider', '')}/{made.table.get('model', '')}"
    found = problems(lambda: names.open(registry, made, spec=spec))
    assert says in "\n".join(found)


def test_own_code_of_the_project_may_be_a_class_or_a_function(project, section):
    """`module:attribute`, found in the project's folder."""
    project.write("own.py", "from tests.assemble.test_names import Sized as Own, grown as make\n")
    names = Names(Project(project.root))
    own = names.open(KINDS, section('[role]\nprovider = "own:Own"\nsize = 7'), spec="own:Own")
    assert own == Sized(size=7)
    made = names.open(KINDS, section('[role]\nprovider = "own:make"'), spec="own:make")
    assert made.spec == "own:make"
