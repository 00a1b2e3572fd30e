"""Suites become items as people who know pytest expect."""

from __future__ import annotations


def test_a_suite_is_its_cases_and_then_its_gates(tiny):
    """Thirty cases, the gate declared, and the coverage gate that every suite has, last."""
    result = tiny.pytest_here("--collect-only", "-q")
    lines = [line for line in result.outlines if "::" in line]
    assert lines[0] == "suites/tiny.toml::c00"
    assert lines[-2:] == [
        "suites/tiny.toml::gate[faithfulness]",
        "suites/tiny.toml::gate[coverage]",
    ]
    assert len(lines) == 32
    assert result.ret == 0


def test_collecting_measures_nothing(tiny):
    """--collect-only touches neither target nor report folder."""
    tiny.write("app.py", "from evalkit.judges.scripted import ScriptedJudge\n"
               "judge = lambda embedder: ScriptedJudge()\n"
               "def answer(question): open('asked', 'w')\n")  # fmt: skip
    tiny.pytest_here("--collect-only")
    assert not (tiny.root / "asked").exists()
    assert not (tiny.root / "reports").exists()


def test_a_project_without_suites_imports_nothing_of_the_engine(pytester):
    """A one-test project pays for the option parser and nothing else."""
    pytester.makepyfile(
        """
        import sys
        def test_nothing_heavy():
            loaded = {name for name in sys.modules if name.startswith("evalkit")}
            assert loaded <= {"evalkit", "evalkit.pytest_plugin"}, loaded
            assert "numpy" not in sys.modules
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_other_toml_files_are_left_alone(tiny):
    """Only suites/*.toml, and files named on the command line, are suites."""
    tiny.write("settings/other.toml", "x = 1\n")
    result = tiny.here("--collect-only", "-q", "settings")
    assert result.ret == 5  # nothing collected
    named = tiny.here("--collect-only", "-q", "settings/other.toml")
    assert named.ret == 2
    named.stdout.fnmatch_lines(["*settings/other.toml:1 x: unknown table 'x'*"])


def test_a_broken_suite_is_a_collection_error_with_every_problem(tiny):
    """Two typing mistakes are both shown, each with its line; nothing is measured."""
    tiny.edit("suites/tiny.toml", "floor = 0.8", "flor = 0.8\nmargn = 0.1")
    result = tiny.pytest_here()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["*suites/tiny.toml:10 *'flor'. Did you mean floor?*", "*suites/tiny.toml:11 *'margn'*"]
    )
