"""`evalkit judge`: calibrate on labels, label a saved run, look for drift."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest

from evalkit import cards, rejudging
from evalkit.cli import judge, parser
from evalkit.judges.scripted import ScriptedJudge

RUN = "reports/latest/runs/tiny.json"
LABELS = "id,answer,contexts,label\n" + "".join(
    f"r{i},Right.,All is known.,supported\nw{i},All wrong.,All is known.,unsupported\n"
    for i in range(50)
)


@pytest.fixture
def ran(cli, project):
    """The command line in a project whose suite has been run."""
    cli("run")
    assert (project.root / RUN).exists()
    return cli


# ── calibrate ────────────────────────────────────────────────────────────────────────────────────


def test_a_judge_is_measured_on_labels_and_its_card_is_kept(cli, project):
    project.write("labels.csv", LABELS)
    code, out, err = cli("judge", "calibrate", "offline", "labels.csv")
    assert (code, err) == (0, "asking about 100 answers\n")
    assert "on labels: 100 answers, of which people call 50 supported" in out
    assert "Youden's J         1.00" in out
    assert "warning" not in out
    assert out.splitlines()[-1] == "card: reports/judges/scripted/labels.json"
    (card,) = cards.load_all(project.root, "scripted")
    assert (card.n, card.suite, card.ratings) == (100, "", ())


def test_begin_is_in_the_package_and_a_limit_draws_from_it(cli):
    code, out, err = cli("judge", "calibrate", "offline", "begin", "--limit", "20")
    assert (code, err) == (0, "asking about 20 answers\n")
    assert "on begin, 20 of 430: 20 answers" in out
    assert "warning: 20 labels" in out
    assert not out.splitlines()[-1].endswith("/begin.json")


def test_all_faults_of_the_labels_are_told(cli, project):
    project.write("labels.csv", "id,answer,contexts,label\na,x,t,perhaps\nb,,t,1\n")
    code, _, err = cli("judge", "calibrate", "offline", "labels.csv")
    assert code == 2
    assert "labels.csv:2 label: the label is not known" in err
    assert "labels.csv:3 answer: the text is missing" in err
    assert not (project.root / "reports/judges").exists()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["ofline", "begin"], "Did you mean offline"),
        (["offline", "begun.csv"], "no such labelled set"),
        (["offline", "begin", "--suite", "tiny"], "not a case of the suite tiny"),
        (["offline", "begin", "--metric", "context_recall"], "needs the cases of a suite"),
    ],
)
def test_what_cannot_be_calibrated_is_said(cli, arguments, what):
    code, _, err = cli("judge", "calibrate", *arguments)
    assert code == 2
    assert what in err


# ── label ────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_labels_comes_back_and_calibrates(ran, project, monkeypatch):
    """Two sittings of five answers; what comes out are both scores of each, for the suite."""
    for typed in ("s\ns\nq\n", "u\n\n5\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code, out, _ = ran("judge", "label", RUN, "--n", "5")
        assert code == 0
    assert "4 of 5 labelled: labels.csv" in out
    assert "evalkit judge calibrate offline labels.csv --suite tiny" in out
    code, out, _ = ran("judge", "calibrate", "offline", "labels.csv", "--suite", "tiny")
    assert code == 0
    assert "1 row without a label left out" in out
    (card,) = cards.load_all(project.root, "scripted")
    assert (card.suite, card.metric) == ("tiny", "faithfulness")
    assert sorted(one.human for one in card.ratings) == [0.0, 0.5, 1.0, 1.0]
    assert {one.judged for one in card.ratings} == {1.0}


def test_a_sample_is_exported_filled_in_and_imported(ran, project):
    code, out, _ = ran("judge", "label", RUN, "--n", "5", "--export", "sheet.csv")
    assert (code, out) == (0, "sheet.csv\n")
    path = project.root / "sheet.csv"
    with path.open(newline="") as file:
        sheet = list(csv.DictReader(file))
    assert [row["label"] for row in sheet] == [""] * 5
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, sheet[0])
        writer.writeheader()
        writer.writerows(row | {"label": "supported"} for row in sheet)
    code, out, _ = ran("judge", "label", RUN, "--n", "5", "--import", "sheet.csv")
    assert code == 0
    assert "5 of 5 labelled: labels.csv" in out
    assert (project.root / "labels.csv").read_text() == path.read_text().replace("\r\n", "\n")


def test_a_sheet_that_was_begun_is_not_written_over(ran, project):
    """Exported a second time, it keeps what somebody has filled in since the first."""
    ran("judge", "label", RUN, "--n", "5", "--export", "sheet.csv")
    path = project.root / "sheet.csv"
    path.write_text(path.read_text().replace(",,faithfulness", ",supported,faithfulness", 1))
    assert ran("judge", "label", RUN, "--n", "8", "--export", "sheet.csv")[0] == 0
    labels = [row["label"] for row in csv.DictReader(path.read_text().splitlines())]
    assert sorted(labels) == [""] * 7 + ["supported"]


def test_what_cannot_be_written_is_told_before_the_first_question(ran, project, monkeypatch):
    (project.root / "file").write_text("")
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("a person was asked"))
    code, _, err = ran("judge", "label", RUN, "--out", "file/labels.csv")
    assert code == 2
    assert "file/labels.csv: cannot be written" in err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--metric", "recall_at_k"], "metric recall_at_k: asks no judge"),
        (["--metric", "recall"], "unknown metric 'recall'"),
        (["--import", "none.csv"], "none.csv: the file cannot be read"),
    ],
)
def test_what_cannot_be_labelled_is_said(ran, project, arguments, what):
    code, _, err = ran("judge", "label", RUN, *arguments)
    assert code == 2
    assert what in err
    assert not (project.root / "labels.csv").exists()


def test_the_next_command_can_be_pasted(ran, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    _, out, _ = ran("judge", "label", RUN, "--out", "my labels.csv")
    assert "calibrate offline 'my labels.csv' --suite tiny" in out


def test_what_an_answer_holds_does_not_reach_the_terminal_as_a_command(ran, project, monkeypatch):
    run = json.loads((project.root / RUN).read_text())
    for trial in run["run"]["trials"]:
        trial["outcome"]["text"] = "\x1b[2Jgone\n::error::pwned"
    (project.root / RUN).write_text(json.dumps(run))
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    code, out, _ = ran("judge", "label", RUN)
    assert code == 0
    assert "pwned" in out
    assert "\x1b" not in out
    assert not any(line.startswith("::") for line in out.splitlines())


def test_a_person_who_leaves_has_lost_nothing(ran, project, monkeypatch):
    """The end of the input, or Ctrl-C, is a goodbye."""
    answers = iter(["s"])

    def typed(prompt):
        for answer in answers:
            return answer
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", typed)
    code, out, _ = ran("judge", "label", RUN, "--n", "3")
    assert code == 0
    assert "1 of 3 labelled" in out


# ── drift ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def keeping(cli, project):
    """The command line in a project whose baseline keeps its answers."""
    project.edit("suites/tiny.toml", 'target = "app"', 'target = "app"\nkeep_answers = true')
    assert cli("baseline", "promote", "--because", "a test needs one")[0] == 0
    return cli


def test_an_unchanged_judge_has_not_drifted(keeping):
    code, out, _ = keeping("judge", "drift", "suites/tiny.toml")
    assert code == 0
    assert "tiny: no change of the judge seen: faithfulness of the same 30 answers" in out


def test_a_judge_that_changed_is_an_invalid_measurement_and_no_regression(keeping, monkeypatch):
    """Exit 11; the word "regressed" is not used."""
    stricter = ScriptedJudge(supports=lambda claim: "supported" if "1" in claim else "unsupported")
    monkeypatch.setattr(sys.modules["app"], "judge", lambda embedder: stricter)
    code, out, _ = keeping("judge", "drift", "suites/tiny.toml", "--anchors", "20")
    assert code == 11
    assert "tiny: judge changed: faithfulness of the same 20 answers" in out
    assert "regress" not in out


def test_without_kept_answers_there_is_nothing_to_judge_again(promoted):
    code, _, err = promoted("judge", "drift", "suites/tiny.toml")
    assert code == 2
    assert "keep_answers = true" in err


def test_a_hundred_anchors_are_the_default_and_no_remembered_reply_counts():
    """Near miss: a calibration may use the cache, the judge is the same one."""
    assert judge.ANCHORS == rejudging.ANCHORS
    assert parser().parse_args(["judge", "drift", "suites/tiny.toml"]).no_cache
    assert not parser().parse_args(["judge", "calibrate", "offline", "begin"]).no_cache
