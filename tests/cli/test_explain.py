"""`evalkit explain`: how a verdict of a saved run came about."""

from __future__ import annotations

RUN = "reports/latest/runs/tiny.json"


def test_a_red_gate_is_explained_with_its_numbers(promoted, project):
    """From 1 to 0 in all thirty cases: no spread, p = 0, and both rules by name."""
    project.edit("evalkit.toml", "app:answer", "app:worse")
    assert promoted("run")[0] == 1
    code, out, _ = promoted("explain", RUN, "faithfulness")
    assert code == 0
    assert out.startswith("FAIL: faithfulness of tiny (offline profile)\n")
    assert "before 1.000, now 0.000: change −1.000" in out
    assert "c00: 1.000 → 0.000 (−1.000)" in out
    assert "Saved was another verdict" not in out


def test_a_verdict_that_todays_rules_change_says_what_was_saved(promoted, project):
    """Green as it was run; with 31 cases asked for it is not."""
    assert promoted("run")[0] == 0
    project.edit("suites/tiny.toml", "floor = 0.8", "floor = 0.8\nmin_cases = 31")
    code, out, _ = promoted("explain", RUN, "faithfulness")
    assert code == 0
    assert out.startswith("INCONCLUSIVE: faithfulness")
    assert "Saved was another verdict, PASS:" in out


def test_a_gate_that_is_none_is_refused_with_those_there_are(promoted):
    assert promoted("run")[0] == 0
    code, out, err = promoted("explain", RUN, "faithfulnes")
    assert (code, out) == (2, "")
    assert "has no such gate" in err
    assert "faithfulness, coverage" in err
