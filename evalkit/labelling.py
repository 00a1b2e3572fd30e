"""People's labels for a suite's own answers: a sample of a saved run, asked one by one.

Nothing here shows what the judge said: who has seen a verdict mostly agrees with it.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

from evalkit import codec
from evalkit.datasets.labelled import (
    Labelled,
    LabelledSet,
    label_of,
    read_labelled,
    write_labelled,
)
from evalkit.errors import DataError, Problem
from evalkit.records import Answer, Case, Run, Score

FAITHFULNESS = "faithfulness"
QUESTIONS: Mapping[str, str] = {
    FAITHFULNESS: "How much of what the answer says do the passages support?",
    "answer_relevancy": "How far does the answer answer the question?",
    "context_precision": "How well do the helpful passages stand before the others?",
    "context_recall": "How much of the reference do the passages hold?",
}
KEYS = "s all of it · u none of it · 1…9 tenths · Enter skip · b back · q quit"
TENTHS = {str(tenths): tenths / 10 for tenths in range(1, 10)}
ANSWERS: Mapping[str, float] = {"s": 1.0, "u": 0.0, **TENTHS}

Ask: TypeAlias = Callable[[str], str]
"""Puts a question to a person and gives what was typed; `q` where nobody is there any more."""
Tell: TypeAlias = Callable[[str], None]
Keep: TypeAlias = Callable[[Labelled], None]
"""Called with every row as it is labelled, so that nothing is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What is to be labelled, out of all that could be (`pool`), with the golden cases."""

    labelled: LabelledSet
    pool: Mapping[str, Labelled]
    cases: Mapping[str, Case]


def sheet(run: Run, *, metric: str, n: int) -> Sheet:
    """A sample of a run's answers that the metric scored, without labels.

    At most `n`, of the first repeat, drawn in proportion from answers with the full score, none,
    and something between, so that the labels stand for the suite: their mean difference corrects
    its level. The draw hangs on the run alone; more labels of one run keep the earlier ones.

    Raises `DataError` where the metric scored nothing.
    """
    scores = {s.case_id: s.value for s in run.scores
              if isinstance(s, Score) and s.metric == metric and s.repeat == 0}  # fmt: skip
    answers = {t.case_id: t.outcome for t in run.trials
               if isinstance(t.outcome, Answer) and t.repeat == 0}  # fmt: skip
    cases = {case.id: case for case in run.cases}
    strata: dict[str, list[str]] = defaultdict(list)
    for case_id in scores.keys() & answers.keys():
        strata[_stratum(scores[case_id])].append(case_id)
    if not strata:
        known = ", ".join(name for name, _ in run.fingerprint.metrics)
        what = f"no answer has a score of {metric}"
        raise DataError([Problem(where=run.fingerprint.suite, what=what, allowed=known)])
    seed = codec.digest([run.started_at, run.fingerprint.suite, metric])
    pool = {
        case_id: _item(cases[case_id], answers[case_id])
        for case_ids in strata.values()
        for case_id in case_ids
    }
    items = tuple(pool[case_id] for case_id in _proportional(strata, n, seed))
    labelled = LabelledSet(name=metric, unit="answer", items=items, metric=metric)
    return Sheet(labelled=labelled, pool=pool, cases=cases)


def _stratum(score: float) -> str:
    return "none" if score == 0.0 else "full" if score == 1.0 else "between"


def _proportional(strata: Mapping[str, list[str]], n: int, seed: str) -> tuple[str, ...]:
    """`n` ids, each stratum with its share, in an order that tells nothing of the strata.

    The k-th of a stratum of m stands at (k − ½)/m of the way, and the first `n` on that way are
    taken: shares are right to within one, and a larger `n` only adds.
    """

    def place(case_id: str) -> bytes:
        return hashlib.sha256(f"{seed} {case_id}".encode()).digest()

    ways: list[tuple[float, bytes, str]] = []
    for members in strata.values():
        for k, case_id in enumerate(sorted(members, key=place), start=1):
            ways.append(((k - 0.5) / len(members), place(case_id), case_id))
    return tuple(sorted((case_id for *_, case_id in sorted(ways)[:n]), key=place))


def _item(case: Case, answer: Answer) -> Labelled:
    contexts = tuple(passage.text for passage in answer.passages if passage.text.strip())
    return Labelled(id=case.id, question=case.input, text=answer.text, contexts=contexts)


# ── labels that are there already ────────────────────────────────────────────────────────────────


def joined(asked: Sheet, path: Path) -> Sheet:
    """The sheet with the labels of a file that was written for the same answers.

    Labels are taken by id, texts from the run: a spreadsheet may have changed their signs. A row
    without a label leaves the sheet's own; a labelled one that the sample does not hold is added.
    Raises `DataError` for labels of another metric or of another answer than the run's, and for a
    file that cannot be read.
    """
    given = read_labelled(path)
    if given.metric and given.metric != asked.labelled.metric:
        what, allowed = "labels another metric", f"{asked.labelled.metric}, or another file"
        where = f"{path} metric"
        raise DataError([Problem(where=where, what=what, value=given.metric, allowed=allowed)])
    problems = [
        Problem(where=f"{path} id", what="labels another answer than this run's", value=item.id,
                allowed="the run it was written for, or another --out")
        for item in given.items
        if item.id not in asked.pool or not _alike(item.text, asked.pool[item.id].text)
    ]  # fmt: skip
    if problems:
        raise DataError(problems)
    labels = {item.id: item.human for item in given.items if item.human is not None}
    items = [replace(i, human=labels.pop(i.id, i.human)) for i in asked.labelled.items]
    items += [replace(asked.pool[case_id], human=human) for case_id, human in labels.items()]
    return replace(asked, labelled=replace(asked.labelled, items=tuple(items)))


def _alike(one: str, other: str) -> bool:
    """Whether two texts have the same letters and digits."""
    return all(a == b for a, b in zip_longest(filter(str.isalnum, one), filter(str.isalnum, other)))


def record(path: Path, item: Labelled) -> None:
    """Write one row's label into the file, and leave every other row as it stands there now.

    So two people may label at once: what the other has written since is not taken back.
    """
    kept = read_labelled(path)
    there = any(one.id == item.id for one in kept.items)
    rows = (item if one.id == item.id else one for one in kept.items)
    items = tuple(rows) if there else (*kept.items, item)
    write_labelled(path, replace(kept, items=items))


# ── asking a person ──────────────────────────────────────────────────────────────────────────────


def walk(asked: Sheet, *, ask: Ask, tell: Tell, keep: Keep) -> LabelledSet:
    """Ask about every row that has no label yet; stops at `q`. Returns all rows as they are then.

    `b` goes back to the row before, labelled or not; an empty line skips one until the next time.
    """
    labelled = asked.labelled
    todo = [at for at, item in enumerate(labelled.items) if item.human is None]
    step = 0
    while step < len(todo):
        item = labelled.items[todo[step]]
        place = f"{step + 1} of {len(todo)}"
        tell("\n".join(_screen(item, asked.cases[item.id], labelled.metric, place)))
        key = ask(f"{KEYS}\n> ").strip().casefold()
        if key == "q":
            break
        if key == "b":
            step = max(0, step - 1)
        elif key == "":
            step += 1
        elif key in ANSWERS:
            labelled = _with(labelled, todo[step], ANSWERS[key])
            keep(labelled.items[todo[step]])
            step += 1
        else:
            tell("that is none of the keys")
    return labelled


def _with(labelled: LabelledSet, at: int, human: float) -> LabelledSet:
    items = list(labelled.items)
    items[at] = replace(items[at], human=human)
    return replace(labelled, items=tuple(items))


def _screen(item: Labelled, case: Case, metric: str, place: str) -> Iterator[str]:
    """Question, passages, answer; each text indented, so that it cannot pass for a line of ours."""
    yield f"\n── {place} · {item.id} " + "─" * 40
    yield "Question"
    yield _indented(item.question)
    for number, text in enumerate(item.contexts, start=1):
        yield f"Passage {number} of {len(item.contexts)}"
        yield _indented(text)
    yield "Answer" if item.contexts else "Answer (there is no passage)"
    yield _indented(item.text)
    if metric == FAITHFULNESS:
        silent = "s, as" if case.expect == "abstain" else "u, as"
        yield f"If the answer says nothing: {silent} the case expects an {_expected(case)}."
    else:
        for reference in case.references:
            yield "Reference"
            yield _indented(reference)
    yield QUESTIONS.get(metric, f"Which share does {metric} deserve?")
    if item.human is not None:
        yield f"Your label so far: {label_of(item.human)}"


def _expected(case: Case) -> str:
    return "abstention" if case.expect == "abstain" else "answer"


def _indented(text: str) -> str:
    return textwrap.indent(text, "  │ ", lambda _: True)


def progress(labelled: LabelledSet) -> str:
    """How many rows have a label."""
    done = sum(item.human is not None for item in labelled.items)
    return f"{done} of {len(labelled.items)} labelled"
