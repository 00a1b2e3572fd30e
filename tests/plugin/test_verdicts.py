"""Green, red and undecided, and what a person sees of it."""

from __future__ import annotations

from xml.etree import ElementTree


def test_an_unchanged_target_is_green(tiny):
    """With a baseline that fits, 30 cases and two gates pass, and the table is shown."""
    result = tiny.promoted().pytest()
    assert result.ret == 0
    result.assert_outcomes(passed=32)
    result.stdout.fnmatch_lines(["*tiny*30 cases*", "*faithfulness*1.000*PASS*", "*report:*"])


def test_a_regression_is_red_and_says_by_how_much(tiny):
    """A target that starts to say wrong things fails the gate; its cases were still measured.

    CI systems read verdicts from junit.xml: 32 test cases, one failure with its reason.
    """
    tiny.promoted().edit("app.py", "The answer to", "A wrong answer to")
    result = tiny.pytest("--junitxml=out.xml")
    assert result.ret == 1
    result.assert_outcomes(passed=31, failed=1)
    result.stdout.fnmatch_lines(["*gate[[]faithfulness]*", "*dropped by 1.000*30 paired cases*"])
    suite = ElementTree.parse(tiny.root / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("32", "1")
    assert "dropped by 1.000" in suite.find(".//failure").text


def test_no_baseline_is_an_error_with_the_command_that_mends_it(tiny):
    """A gate that cannot compare says how to make it comparable."""
    result = tiny.pytest_here()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ERROR*evalkit baseline promote*"])


def test_workers_measure_and_the_controller_decides(tiny):
    """-n 2 gives the verdicts, counts and run.json of a run without it, times aside."""
    tiny.promoted().edit("app.py", "The answer to", "A wrong answer to")
    alone = tiny.pytest_here()
    first = tiny.run_json()
    spread = tiny.pytest("-n", "2")
    assert (alone.ret, spread.ret) == (1, 1)
    spread.assert_outcomes(passed=31, failed=1)
    spread.stdout.fnmatch_lines(["*dropped by 1.000*"])
    second = tiny.run_json()
    assert second["decision"] == first["decision"]
    assert [s["value"] for s in second["run"]["scores"]] == [
        s["value"] for s in first["run"]["scores"]
    ]


def test_an_inconclusive_gate_warns_or_fails_as_the_suite_says(tiny):
    """Ten cases decide nothing: shown as inconclusive and green, or red where that is forbidden."""
    tiny.edit("suites/tiny.toml", "floor = 0.8", "min_cases = 31")
    warned = tiny.promoted().pytest_here()
    assert warned.ret == 0
    warned.stdout.fnmatch_lines(["*INCONCLUSIVE*", "*1 inconclusive*"])
    tiny.edit("suites/tiny.toml", "[suite]", '[suite]\ninconclusive = "fail"')
    assert tiny.pytest_here().ret == 1
    assert tiny.evalkit("run").ret == 10


def test_hostile_replies_cannot_write_to_the_terminal(tiny):
    """ESC, OSC links and workflow commands of a target reach no line of output."""
    hostile = "\\x1b[31m\\x1b]8;;http://evil\\x07x\\n::error::pwned\\n wrong"
    tiny.edit("app.py", 'f"The answer to {question} is known."', f'"{hostile}"')
    tiny.write("app.py", (tiny.root / "app.py").read_text().replace(
        "def answer(question):", "def answer(question):\n    if question.endswith('7'):"
        f" raise ValueError('{hostile}')"))  # fmt: skip
    result = tiny.pytest("-rA", "--color=no")
    assert result.ret == 1
    text = result.stdout.str()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_updating_the_baseline_takes_five_epochs_and_a_reason(tiny):
    """--evalkit-update-baseline WHY measures five repeats and commits them with the reason."""
    result = tiny.pytest_here("--evalkit-update-baseline", "new prompt")
    assert result.ret == 0
    text = (tiny.root / "reports/baselines/offline/tiny.json").read_text()
    assert '"new prompt"' in text
    assert tiny.pytest_here().ret == 0


def test_the_report_goes_where_it_is_told(tiny):
    """--evalkit-report moves every file of the run."""
    tiny.promoted().pytest_here("--evalkit-report", "out")
    assert (tiny.root / "out/report.html").is_file()
    assert (tiny.root / "out/runs/tiny.json").is_file()
    assert not (tiny.root / "reports/latest").exists()
