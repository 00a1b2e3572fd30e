from __future__ import annotations

import pytest

from evalkit.errors import ConfigError
from evalkit.prompts import lockfile


def problems(root):
    return [str(problem) for problem in lockfile.problems(root)]


def locked(root):
    return (root / "prompts" / "prompts.lock").read_text()


def test_releasing_adds_a_sorted_line_a_prompt(write):
    write("greet@10")
    write("greet@9")
    root = write("ask@1")
    assert lockfile.lock(root) == ("ask@1", "greet@9", "greet@10")
    names = [line.split()[0] for line in locked(root).splitlines()]
    assert names == ["ask@1", "greet@9", "greet@10"]
    lockfile.check_lock(root)


def test_releasing_again_changes_nothing(write):
    root = write()
    lockfile.lock(root)
    before = locked(root)
    assert lockfile.lock(root) == ()
    assert locked(root) == before


def test_a_new_version_is_a_problem_until_it_is_released(write):
    root = write()
    lockfile.lock(root)
    write("greet@2")
    assert problems(root) == [
        "prompts/greet/v2.md: is not released: when its text is final, run `evalkit prompts lock`"
    ]
    assert lockfile.lock(root) == ("greet@2",)
    assert problems(root) == []


def test_an_edited_release_is_refused_and_never_relocked(write):
    root = write()
    write("greet@2")
    lockfile.lock(root)
    before = locked(root)
    write("greet@1", body="Bye {{ name }}.\n")
    write("ask@1")
    edited = "prompts/greet/v1.md: was released and has been edited; add v3 instead"
    assert problems(root)[0] == edited
    with pytest.raises(ConfigError, match="add v3 instead"):
        lockfile.lock(root)
    assert locked(root) == before  # not even the new prompt


def test_a_release_saved_with_windows_line_ends_is_not_edited(write):
    root = write()
    lockfile.lock(root)
    write(ending="\r\n")
    assert problems(root) == []


def test_a_release_that_is_gone_is_a_problem(write):
    root = write()
    lockfile.lock(root)
    (root / "prompts" / "greet" / "v1.md").unlink()
    assert problems(root) == [
        "prompts/prompts.lock: prompts/greet/v1.md was released and is missing; restore it"
    ]


def test_what_does_not_render_is_not_released(write):
    root = write(body="{{ name")
    with pytest.raises(ConfigError, match=r"greet/v1\.md:7"):
        lockfile.lock(root)
    assert not (root / "prompts" / "prompts.lock").exists()


def test_every_bad_line_is_named(write):
    root = write()
    lockfile.lock(root)
    good = locked(root)
    digest = "0" * 64
    (root / "prompts" / "prompts.lock").write_text(
        f"{good}{good}greet@1\nGREET@1 {digest}\n\n../x@1 {digest}\ngreet@1  {digest}\n"
    )
    lines = [problem.split(": ")[0] for problem in problems(root)]
    assert lines == [f"prompts/prompts.lock:{n}" for n in (2, 3, 4, 5, 6, 7)]


def test_a_lock_that_cannot_be_read_is_a_problem(write):
    root = write()
    (root / "prompts" / "prompts.lock").write_bytes(b"\xff")
    assert problems(root)[0].startswith("prompts/prompts.lock: cannot be read")


def test_a_project_without_prompts_has_no_problem(tmp_path):
    lockfile.check_lock(tmp_path)
    assert lockfile.lock(tmp_path) == ()
    assert not (tmp_path / "prompts").exists()


def test_check_lock_raises_all_problems_at_once(write):
    write("ask@1")
    root = write("greet@1")
    with pytest.raises(ConfigError) as caught:
        lockfile.check_lock(root)
    assert len(caught.value.problems) == 2
