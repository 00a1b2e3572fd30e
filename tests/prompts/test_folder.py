from __future__ import annotations

import pytest

from evalkit.errors import ConfigError
from evalkit.prompts import folder
from evalkit.prompts.folder import Ref

GOOD = Ref("greet", 1)


def refused(call, *args) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        call(*args)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_becomes_a_prompt(write):
    prompt = folder.read(write(), GOOD)
    assert (prompt.ref, prompt.variables) == ("greet@1", ("name",))
    assert prompt.purpose == "Greet someone."
    assert (prompt.output_contract, prompt.why) == ("One line.", "First version.")
    assert prompt.template == "Hello {{ name }}.\n"


def test_windows_line_ends_change_neither_template_nor_digest(write):
    unix = folder.read(write("greet@1"), GOOD)
    windows = folder.read(write("greet@1", ending="\r\n"), GOOD)
    assert (windows.template, windows.digest) == (unix.template, unix.digest)


def test_one_character_changes_the_digest(write):
    before = folder.read(write(body="Hello {{ name }}."), GOOD)
    after = folder.read(write(body="Hello {{ name }}!"), GOOD)
    assert before.digest != after.digest


@pytest.mark.parametrize("text", ["greet", "greet@", "greet@0", "greet@01", "Greet@1", "../x@1",
                                  "a/b@1", "greet@1 ", "greet@1\n", "", "gréet@1"])  # fmt: skip
def test_only_a_name_with_a_version_is_a_ref(text):
    (problem,) = refused(lambda: folder.parse_ref(text, where="suite.toml:3 prompt"))
    assert problem.startswith("suite.toml:3 prompt: not the name of a prompt with its version.")


def test_versions_sort_as_numbers():
    refs = [folder.parse_ref(text, where="") for text in ("b@1", "a@10", "a@9")]
    assert [str(ref) for ref in sorted(refs)] == ["a@9", "a@10", "b@1"]


def test_an_unknown_prompt_is_refused_with_near_ones(write):
    (problem,) = refused(folder.read, write(), Ref("great", 1))
    assert problem == (
        "prompts/great/v1.md: cannot be read: No such file or directory. Did you mean greet@1? "
        "Allowed: greet@1."
    )


def test_a_project_without_prompts_says_so(tmp_path):
    (problem,) = refused(folder.read, tmp_path, GOOD)
    assert problem.endswith("Allowed: nothing: prompts/ holds no prompt.")


@pytest.mark.parametrize(
    ("whole", "problem"),
    [
        ("Hello\n", "prompts/greet/v1.md:1: no header"),
        ("\n+++\n+++\n", "prompts/greet/v1.md:1: no header"),
        ("+++\npurpose = 1\n", "prompts/greet/v1.md:1: no header"),
        ('+++\npurpose = "a"\npurpose = "b"\n+++\n', "prompts/greet/v1.md:3: not valid TOML"),
        ("+++\nx = " + "[" * 5000 + "\n+++\n", "prompts/greet/v1.md:2: not valid TOML"),
        ("+++\nx = 1\ny = [\n+++\n", "prompts/greet/v1.md:3: not valid TOML"),
        ("+++\n+++\n" + "x" * 64_000, "prompts/greet/v1.md: 64008 bytes"),
    ],
)
def test_a_file_without_a_readable_header_is_refused(write, whole, problem):
    (found,) = refused(folder.read, write(whole=whole), GOOD)
    assert found.startswith(problem)


def test_a_file_that_is_not_utf8_is_refused(write):
    root = write()
    GOOD.path(root).write_bytes(b"+++\n\xff")
    assert refused(folder.read, root, GOOD) == [
        "prompts/greet/v1.md: not UTF-8: invalid start byte at byte 4"
    ]


def test_every_problem_of_a_header_and_its_template_comes_at_once(write):
    whole = (
        '+++\npurpose = " "\nvariables = ["Name", 1]\nreason = "?"\noutput_contract = 3\n+++\n'
        "Hi\n{{ 2 * 3 }}\n"
    )
    problems = refused(folder.read, write(whole=whole), GOOD)
    assert [problem.split(": ")[0] for problem in problems] == [
        "prompts/greet/v1.md:1 why",
        "prompts/greet/v1.md:2 purpose",
        "prompts/greet/v1.md:3 variables",
        "prompts/greet/v1.md:4 reason",
        "prompts/greet/v1.md:5 output_contract",
        "prompts/greet/v1.md:8",
    ]


@pytest.mark.parametrize("variables", ['["name", "name"]', '"name"', '["_name"]', "[[]]"])
def test_variables_are_a_list_of_different_names(write, variables):
    problems = refused(folder.read, write(variables=variables), GOOD)
    assert any("v1.md:3 variables" in problem for problem in problems)


def test_variables_declared_are_the_ones_used(write):
    root = write(body="Hello\n{{ whom }}\n{{ whom }}", variables='["name"]')
    assert refused(folder.read, root, GOOD) == [
        "prompts/greet/v1.md:8: uses whom, which `variables` does not declare. Allowed: name.",
        "prompts/greet/v1.md: declares name in `variables` but does not use it",
    ]


def test_files_that_are_no_prompts_are_not_passed_over(write):
    root = write()
    prompts = root / "prompts"
    for stray in ("greet/v2.txt", "greet/v02.md", "greet/latest.md", "Greet/v1.md"):
        (prompts / stray).parent.mkdir(exist_ok=True)
        (prompts / stray).write_text("x")
    # These belong there, or belong to tools.
    (prompts / "README.md").write_text("about prompts")
    (prompts / "greet" / ".v1.md.swp").write_text("x")
    refs, problems = folder.find(root)
    assert refs == (GOOD,)
    assert [problem.where for problem in problems] == [
        "prompts/Greet/v1.md",
        "prompts/greet/latest.md",
        "prompts/greet/v02.md",
        "prompts/greet/v2.txt",
    ]


def test_all_prompts_are_read_though_some_are_broken(write):
    write("bad@1", body="{{")
    write("worse@1", body="{% macro x() %}{% endmacro %}", variables="[]")
    prompts, problems = folder.read_all(write("greet@1"))
    assert [prompt.ref for prompt in prompts] == ["greet@1"]
    assert [p.where for p in problems] == ["prompts/bad/v1.md:7", "prompts/worse/v1.md:7"]
