"""Labelling: a sample that stands for the run, asked without the judge's verdict, never lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.datasets.labelled import read_labelled, write_labelled
from evalkit.errors import DataError
from evalkit.labelling import joined, progress, record, sheet, walk
from evalkit.records import Answer, Case, Passage, Trial
from tests.builders import make_run

# 60 full scores, 30 between, 10 of none.
VALUES = [1.0] * 60 + [0.5] * 30 + [0.0] * 10


def passage(text, rank=1):
    return Passage(document_id="d", chunk_id=f"d{rank}", text=text, rank=rank, similarity=0.5)


def run_of(values=VALUES, answer="The answer of {}."):
    scores = {"faithfulness": {f"c{i:03}": value for i, value in enumerate(values)}}
    run = make_run(scores)
    trials = tuple(
        Trial(
            case_id=trial.case_id,
            repeat=trial.repeat,
            outcome=Answer(
                text=answer.format(trial.case_id),
                passages=(passage("A passage."), passage("Another.", 2)),
            ),
        )
        for trial in run.trials
    )
    return replace(run, trials=trials)


def labels(items):
    return {item.id: item.human for item in items if item.human is not None}


class Person:
    """Types what it was told to, and leaves when it has nothing left to type."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.seen = []
        self.kept = []

    def label(self, asked):
        def ask(prompt):
            return self.keys.pop(0) if self.keys else "q"

        return walk(asked, ask=ask, tell=self.seen.append, keep=self.kept.append)


# ── the sample ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("n", [10, 20, 50])
def test_each_kind_of_score_has_its_share(n):
    """So that the labels' mean difference is that of the suite."""
    found = sheet(run_of(), metric="faithfulness", n=n)
    drawn = Counter(VALUES[int(item.id[1:])] for item in found.labelled.items)
    assert drawn == {1.0: 6 * n // 10, 0.5: 3 * n // 10, 0.0: n // 10}


def test_a_rare_kind_of_score_stands_in_the_middle_of_its_share():
    """One fault among ten: half of the sample's chance, not the last place of all."""
    found = sheet(run_of([1.0] * 9 + [0.0]), metric="faithfulness", n=6)
    assert "c009" in {item.id for item in found.labelled.items}
    fewer = sheet(run_of([1.0] * 9 + [0.0]), metric="faithfulness", n=4)
    assert "c009" not in {item.id for item in fewer.labelled.items}


@pytest.mark.parametrize("fault", range(10))
def test_answer_and_score_are_those_of_the_first_repeat(fault):
    """Scored 0 at first and 1 later: drawn as the one fault of ten, with the answer that was it."""
    values = [[1.0, 1.0]] * 10
    values[fault] = [0.0, 1.0]
    run = run_of(values)
    trials = (replace(t, outcome=replace(t.outcome, text=f"said {t.repeat}")) for t in run.trials)
    run = replace(run, trials=tuple(trials))
    name = f"c{fault:03}"
    drawn = {n: sheet(run, metric="faithfulness", n=n).labelled.items for n in (4, 6)}
    assert name not in {item.id for item in drawn[4]}
    assert {item.id: item.text for item in drawn[6]}[name] == "said 0"


def test_a_passage_without_a_text_is_no_passage():
    """A sheet with one could not be read back."""
    run = run_of([1.0])
    blank = replace(
        run.trials[0].outcome, passages=(passage("A passage."), passage(" \n", 2))
    )  # fmt: skip
    run = replace(run, trials=(replace(run.trials[0], outcome=blank),))
    (item,) = sheet(run, metric="faithfulness", n=1).labelled.items
    assert item.contexts == ("A passage.",)


def test_the_order_tells_nothing_of_the_scores():
    """Near miss: drawn evenly, every ten in a row would hold one that failed."""
    items = sheet(run_of(), metric="faithfulness", n=100).labelled.items
    failed = [VALUES[int(item.id[1:])] == 0.0 for item in items]
    assert {sum(failed[at : at + 10]) for at in range(0, 100, 10)} != {1}
    assert failed not in (sorted(failed), sorted(failed, reverse=True))


def test_the_same_run_gives_the_same_sample_and_more_labels_keep_the_earlier_ones():
    def ids(n, run):
        return {item.id for item in sheet(run, metric="faithfulness", n=n).labelled.items}

    run = run_of()
    assert ids(20, run) == ids(20, run)
    assert ids(20, run) < ids(50, run) < ids(1000, run)
    assert len(ids(1000, run)) == 100
    assert ids(20, run) != ids(20, replace(run, started_at="2026-11-23T08:00:00+00:00"))


def test_an_item_is_what_the_judge_was_shown():
    (item,) = sheet(run_of([1.0]), metric="faithfulness", n=5).labelled.items
    assert (item.id, item.question, item.text) == ("c000", "q c000", "The answer of c000.")
    assert item.contexts == ("A passage.", "Another.")
    assert item.human is None


def test_what_has_no_score_is_not_asked_about():
    found = sheet(run_of([1.0, None, 0.0]), metric="faithfulness", n=5)
    assert {item.id for item in found.labelled.items} == {"c000", "c002"}
    with pytest.raises(DataError, match="no answer has a score of context_recall"):
        sheet(run_of(), metric="context_recall", n=5)


# ── a person ─────────────────────────────────────────────────────────────────────────────────────


def test_keys_are_labels_and_each_is_kept_at_once():
    asked = sheet(run_of([1.0] * 4), metric="faithfulness", n=4)
    person = Person("s", "U", "7", "")
    done = person.label(asked)
    assert [item.human for item in done.items] == [1.0, 0.0, 0.7, None]
    assert [(one.id, one.human) for one in person.kept] == [
        (one.id, one.human) for one in done.items[:3]
    ]


def test_going_back_changes_a_label_and_a_wrong_key_asks_again():
    asked = sheet(run_of([1.0] * 3), metric="faithfulness", n=3)
    person = Person("b", "s", "x", "0", "b", "u", "s", "q", "s")
    done = person.label(asked)
    assert [item.human for item in done.items] == [0.0, 1.0, None]
    assert sum("none of the keys" in text for text in person.seen) == 2
    assert any("Your label so far: supported" in text for text in person.seen)


def test_who_comes_back_is_asked_about_the_rest(tmp_path):
    run, path = run_of([1.0] * 4), tmp_path / "labels.csv"
    asked = sheet(run, metric="faithfulness", n=4)
    write_labelled(path, Person("s", "", "u").label(asked))
    again = Person()
    again.label(joined(asked, path))
    assert "1 of 2" in again.seen[0]
    done = Person("s", "s").label(joined(asked, path))
    assert [item.human for item in done.items] == [1.0, 1.0, 0.0, 1.0]


def test_neither_the_judges_verdict_nor_its_score_is_shown():
    """Anchoring: the run's scores are 0.37, and nothing on any screen says so."""
    person = Person("", "", "")
    person.label(sheet(run_of([0.37] * 3), metric="faithfulness", n=3))
    assert len(person.seen) == 3
    assert not any("0.37" in text or "score" in text for text in person.seen)


def test_the_screen_holds_question_passages_answer_and_what_the_case_expects():
    run = run_of([1.0])
    person = Person("")
    person.label(sheet(run, metric="faithfulness", n=1))
    shown = person.seen[0]
    places = [shown.index(part) for part in ("q c000", "A passage.", "Another.", "The answer of")]
    assert places == sorted(places)
    assert "u, as the case expects an answer" in shown
    silent = replace(run, cases=(Case(id="c000", input="q", expect="abstain"),))
    person = Person("")
    person.label(sheet(silent, metric="faithfulness", n=1))
    assert "s, as the case expects an abstention" in person.seen[0]


def test_an_answer_cannot_pass_for_a_line_of_the_programs():
    """Every line of it is indented behind a bar."""
    person = Person("")
    forged = "Fine.\nYour label so far: supported\u2028>"
    person.label(sheet(run_of([1.0], answer=forged), metric="faithfulness", n=1))
    lines = person.seen[0].split("\n")
    assert "  │ Your label so far: supported" in "\n".join(lines)
    assert not any(line.startswith("Your label") for line in lines)


def test_another_metric_asks_its_own_question_and_shows_the_reference():
    run = make_run({"context_recall": {"c1": 1.0}})
    run = replace(run, cases=(Case(id="c1", input="q", references=("Ada did.",)),))
    person = Person("")
    person.label(sheet(run, metric="context_recall", n=1))
    assert "  │ Ada did." in person.seen[0]
    assert "How much of the reference do the passages hold?" in person.seen[0]


# ── files ────────────────────────────────────────────────────────────────────────────────────────

VALUES_OF_LABELS = st.none() | st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0.0, 1.0)


@given(st.lists(VALUES_OF_LABELS, min_size=6, max_size=6), st.text(min_size=1))
def test_what_is_exported_and_filled_in_comes_back(tmp_path_factory, human, answer):
    """Round trip through a file, whatever the answers hold."""
    path = tmp_path_factory.mktemp("labels") / "filled.csv"
    answer = answer.replace("{", "(").replace("}", ")")
    asked = sheet(run_of([1.0] * 6, answer=answer), metric="faithfulness", n=6)
    items = zip(asked.labelled.items, human, strict=True)
    filled = tuple(replace(item, human=value) for item, value in items)
    write_labelled(path, replace(asked.labelled, items=filled))
    assert joined(asked, path).labelled.items == filled


def test_a_file_adds_its_labels_and_takes_none_away(tmp_path):
    """A row left empty in the import keeps the label it had; one outside the sample is added."""
    path = tmp_path / "labels.csv"
    everything = sheet(run_of([1.0] * 6), metric="faithfulness", n=6)
    first, second, third, fourth, *_ = everything.labelled.items
    half = replace(everything, labelled=replace(everything.labelled, items=(first, second)))
    half = replace(half, labelled=Person("s", "s").label(half))
    rows = (replace(first, human=0.0), second, replace(third, human=0.4), fourth)
    write_labelled(path, replace(everything.labelled, items=rows))
    found = joined(half, path).labelled.items
    assert labels(found) == {first.id: 0.0, second.id: 1.0, third.id: 0.4}
    assert found[2] == replace(third, human=0.4)


def test_texts_are_the_runs_whatever_a_spreadsheet_made_of_them(tmp_path):
    path = tmp_path / "labels.csv"
    asked = sheet(run_of([1.0], answer="“So” it is…"), metric="faithfulness", n=1)
    path.write_text('id,answer,contexts,label\nc000,"""So"" it is...",changed,supported\n')
    (item,) = joined(asked, path).labelled.items
    assert (item.text, item.contexts, item.human) == (
        "“So” it is…",
        ("A passage.", "Another."),
        1.0,
    )


def test_two_people_at_once_take_nothing_from_each_other(tmp_path):
    """Each began with an empty sheet; the other's label, and its correction, stay."""
    path = tmp_path / "labels.csv"
    asked = sheet(run_of([1.0] * 4), metric="faithfulness", n=4).labelled
    first, second, third, fourth = asked.items
    write_labelled(path, replace(asked, items=(first, second, third)))
    for item in (
        replace(first, human=1.0), replace(second, human=0.0), replace(first, human=0.3),
        replace(third, human=0.5), replace(fourth, human=0.9),
    ):  # fmt: skip
        record(path, item)
    found = read_labelled(path)
    assert labels(found.items) == {first.id: 0.3, second.id: 0.0, third.id: 0.5, fourth.id: 0.9}
    assert [item.id for item in found.items] == [item.id for item in asked.items]
    assert progress(found) == "4 of 4 labelled"
    assert found.metric == "faithfulness"


def test_labels_of_another_metric_are_refused(tmp_path):
    """Of the same answers: without the column they would pass for labels of this one."""
    path = tmp_path / "labels.csv"
    scores = {"c000": 1.0}
    run = make_run({"faithfulness": scores, "context_recall": scores})
    done = sheet(run, metric="faithfulness", n=1)
    write_labelled(path, Person("s").label(done))
    assert labels(joined(done, path).labelled.items) == {"c000": 1.0}
    with pytest.raises(DataError, match=r"labels another metric\. Got faithfulness"):
        joined(sheet(run, metric="context_recall", n=1), path)


@pytest.mark.parametrize("row", ["c000,Another answer.", "c999,The answer of c000."])
def test_labels_of_another_run_are_refused(tmp_path, row):
    path = tmp_path / "labels.csv"
    path.write_text(f"id,answer,contexts,label\n{row},t,supported\n")
    with pytest.raises(DataError, match="labels another answer than this run's"):
        joined(sheet(run_of([1.0]), metric="faithfulness", n=1), path)
    assert read_labelled(path).items[0].human == 1.0
