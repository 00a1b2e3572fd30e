"""What a baseline keeps of its answers: all of them, once, to the same bytes, and of no other."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from evalkit import answers, baselines
from evalkit.errors import ConfigError, DataError
from evalkit.records import Answer, Attack, GuardrailEvent, Passage, Trial
from tests.builders import by_case, make_run

RECIPE = {"target": {"kind": "rag", "prompt": "ask@1"}, "generator": {"provider": "scripted"}}


def passage(name, *, text="", rank=1):
    return Passage(
        document_id=f"d-{name}", chunk_id=f"{name}-0", title=name, text=text or f"All of {name}.",
        rank=rank, similarity=0.25 * rank,
    )  # fmt: skip


WHALES, SHARKS = passage("whales"), passage("sharks", rank=2)


def answer(text, passages=(WHALES,), retrieved=(WHALES, SHARKS), **rest):
    return Answer(text=text, passages=passages, retrieved=retrieved, prompt="ask@1", **rest)


def answered(text_of, n=3, repeats=5, **rest):
    """A run of `n` cases whose answer in each epoch `text_of(case, epoch)` gives."""
    run = make_run({"faithfulness": by_case([[1.0] * repeats] * n)})
    trials = tuple(
        replace(trial, outcome=answer(text_of(trial.case_id, trial.repeat), **rest))
        for trial in run.trials
    )
    return replace(run, trials=trials)


def promoted(run):
    return baselines.promote(run, because="a test needs one", by="ada", commit="abc")


def kept(root, run):
    baseline = promoted(run)
    path = answers.save(root, baseline, run, target=RECIPE)
    return path, baseline


def lines(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def rewritten(path, rows):
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def test_what_is_kept_is_read_back(tmp_path):
    """Text, passages, what was retrieved, the epochs; money and time are the baseline's own."""
    run = answered(lambda case, epoch: f"{case} says {epoch % 2}", latency_s=0.5)
    path, baseline = kept(tmp_path, run)
    assert path == tmp_path / "reports/baselines/offline/rag_quality.answers.jsonl.gz"
    found = answers.load(tmp_path, "offline", "rag_quality", baseline)
    assert found.target == RECIPE
    first, second = found.by_case()["c001"]
    assert (first.epochs, second.epochs) == ((0, 2, 4), (1, 3))
    assert first.answer == answer("c001 says 0")
    assert found.by_case().keys() == {"c000", "c001", "c002"}


def test_nothing_is_kept_twice(tmp_path):
    """Three cases, five epochs, one answer a case: a header, two passages, three answers."""
    path, _ = kept(tmp_path, answered(lambda case, epoch: "the same"))
    header, *rest = lines(path)
    assert (header["texts"], header["answers"]) == (2, 3)
    assert [row["title"] for row in rest[:2]] == ["whales", "sharks"]
    assert [row["epochs"] for row in rest[2:]] == [[0, 1, 2, 3, 4]] * 3


def test_the_same_run_gives_the_same_bytes(tmp_path):
    run = answered(lambda case, epoch: f"{case} {epoch}")
    one, _ = kept(tmp_path / "one", run)
    two, _ = kept(tmp_path / "two", run)
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes()[4:8] == bytes(4)  # gzip's own time, which another day would change


def test_the_same_passage_at_another_rank_is_another_place_of_one_text(tmp_path):
    """Its text is stored once; rank and similarity belong to the answer."""
    later = replace(WHALES, rank=3, similarity=0.1)
    run = answered(lambda case, epoch: "x", passages=(later,), retrieved=(WHALES, later))
    path, baseline = kept(tmp_path, run)
    assert lines(path)[0]["texts"] == 1
    found = answers.load(tmp_path, "offline", "rag_quality", baseline)
    assert found.answers[0].answer.retrieved == (WHALES, later)


def test_a_refused_question_is_remembered_as_one(tmp_path):
    """Nothing was looked up for it, which is not the same as nothing found."""
    event = GuardrailEvent(guardrail="g", stage="input", action="blocked", reason="r")
    run = answered(lambda case, epoch: "No.", passages=(), retrieved=(), events=(event,))
    _, baseline = kept(tmp_path, run)
    assert all(
        one.blocked for one in answers.load(tmp_path, "offline", "rag_quality", baseline).answers
    )
    output = replace(event, stage="output")
    assert not answers.blocked(answer("No.", events=(output,)))


def test_without_a_file_nothing_is_kept(tmp_path):
    baseline = promoted(answered(lambda case, epoch: "x"))
    assert answers.load(tmp_path, "offline", "rag_quality", baseline) is None


def test_forgetting_removes_the_file_and_may_be_done_twice(tmp_path):
    path, _ = kept(tmp_path, answered(lambda case, epoch: "x"))
    answers.forget(tmp_path, "offline", "rag_quality")
    assert not path.exists()
    answers.forget(tmp_path, "offline", "rag_quality")


# ── what is never written ────────────────────────────────────────────────────────────────────────


def test_a_suite_that_plants_attacks_keeps_no_answers(tmp_path):
    """What was planted may stand in an answer, and this file is committed."""
    run = answered(lambda case, epoch: "x")
    attack = Attack(id="a", channel="user", technique="t")
    attacked = replace(run, cases=(replace(run.cases[0], attack=attack), *run.cases[1:]))
    with pytest.raises(ConfigError, match="plants attacks keeps no answers"):
        answers.save(tmp_path, promoted(run), attacked, target=RECIPE)
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("spoiled", "place"),
    [
        ({"text": "hunter2-hunter2"}, "an answer to case c000"),
        ({"passages": (passage("x", text="it is hunter2-hunter2"),)}, "chunk x-0"),
        ({"target": {"headers": "hunter2-hunter2"}}, "the target's table"),
    ],
)
def test_a_secret_of_the_environment_is_not_committed(tmp_path, monkeypatch, spoiled, place):
    """The message says where it stands, and not what it is."""
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")
    target, text = spoiled.pop("target", RECIPE), spoiled.pop("text", "x")
    run = answered(lambda case, epoch: text, **spoiled)
    with pytest.raises(DataError, match=place) as caught:
        answers.save(tmp_path, promoted(run), run, target=target)
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "reports").exists()


# ── what is not believed ─────────────────────────────────────────────────────────────────────────


def test_answers_of_another_baseline_are_refused(tmp_path):
    run = answered(lambda case, epoch: "x")
    _, baseline = kept(tmp_path, run)
    later = replace(baseline, promoted_at="2026-12-01T00:00:00+00:00")
    with pytest.raises(DataError, match=r"promoted 2026-11-22.* this one is of 2026-12-01"):
        answers.load(tmp_path, "offline", "rag_quality", later)


def test_an_answer_that_was_edited_is_refused(tmp_path):
    """One letter, well packed: the baseline holds the digest of what was really said."""
    path, baseline = kept(tmp_path, answered(lambda case, epoch: "yes"))
    rows = lines(path)
    rows[-1]["text"] = "Yes"
    rewritten(path, rows)
    with pytest.raises(DataError, match="case c002, epoch 0: not the answer"):
        answers.load(tmp_path, "offline", "rag_quality", baseline)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[:-1], "5 lines, its header says 6"),
        (lambda rows: [{**rows[0], "answers": 2}, *rows[1:-1]], "case c002, epoch 0"),
        (lambda rows: [*rows[:-1], {**rows[-1], "epochs": [0, 0, 1, 2, 3]}], "is there twice"),
        (
            lambda rows: [{**rows[0], "answers": 4}, *rows[1:], {**rows[-1], "epochs": []}],
            "an answer is of no epoch",
        ),
        (lambda rows: [*rows[:-1], {**rows[-1], "passages": [[9, 1, 0.5]]}], "passages that are"),
        (lambda rows: [*rows[:-1], {**rows[-1], "passages": [[-1, 1, 0.5]]}], "passages that are"),
        (lambda rows: [*rows[:-1], {**rows[-1], "note": "x"}], "unknown field note"),
        (lambda rows: [{**rows[0], "schema_version": 9}, *rows[1:]], "this form"),
        (lambda rows: [{**rows[0], "target": "rag"}, *rows[1:]], "this form"),
        (lambda rows: rows[1:], "unknown field"),
        (lambda rows: [], "missing field"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(tmp_path, spoil, message):
    path, baseline = kept(tmp_path, answered(lambda case, epoch: "x"))
    rewritten(path, spoil(lines(path)))
    with pytest.raises(DataError, match=message):
        answers.load(tmp_path, "offline", "rag_quality", baseline)


@pytest.mark.parametrize(
    "data",
    [b"no gzip", b"", gzip.compress(b"{}\n" * 999)[:-9]],
    ids=["another form", "empty", "cut short"],
)
def test_what_is_no_whole_gzip_file_is_refused(tmp_path, data):
    path, baseline = kept(tmp_path, answered(lambda case, epoch: "x"))
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"answers\.jsonl\.gz"):
        answers.load(tmp_path, "offline", "rag_quality", baseline)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "MOST_BYTES", 1000)
    path, baseline = kept(tmp_path, answered(lambda case, epoch: "x"))
    path.write_bytes(gzip.compress(b" " * 1001))
    with pytest.raises(DataError, match="more than 1000 bytes"):
        answers.load(tmp_path, "offline", "rag_quality", baseline)


def test_a_failed_trial_leaves_no_answer(tmp_path):
    """Such a run becomes no baseline; the epochs of the others are still counted right."""
    run = answered(lambda case, epoch: "x", n=1)
    failed = make_run({"faithfulness": by_case([[1.0] * 5])}, failed=[("c000", 2)])
    holed = replace(
        run, trials=tuple(
            old if isinstance(old.outcome, Answer) and old.repeat != 2 else new
            for old, new in zip(run.trials, failed.trials, strict=True)
        )
    )  # fmt: skip
    assert isinstance(holed.trials[2], Trial)
    path = answers.save(tmp_path, promoted(run), holed, target=RECIPE)
    assert lines(path)[-1]["epochs"] == [0, 1, 3, 4]
    with pytest.raises(DataError, match="case c000, epoch 2: not the answer"):
        answers.load(tmp_path, "offline", "rag_quality", promoted(run))
