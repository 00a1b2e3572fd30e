"""Measure the embedded judge against labels and commit its cards, which travel in the package.

    PYTHONPATH=. python scripts/judge_cards.py

On the half of BEGIN that it was not fitted on, and on HaluEval's question answering: 500 questions
with a right and a hallucinated answer each, none of them used in fitting.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from embedded_judge_pairs import HALUEVAL, ROOT, rows

from evalkit import cards
from evalkit.calibrating import calibrated, judge_of, labelled_set, told
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.datasets.labelled import Labelled, LabelledSet

ANSWERS = (("right_answer", 1.0), ("hallucinated_answer", 0.0))


def halueval() -> LabelledSet:
    """Every question twice, with its right and with its hallucinated answer."""
    return LabelledSet(name="halueval", unit="answer", items=tuple(_pairs()))


def _pairs() -> Iterator[Labelled]:
    for number, row in enumerate(rows(HALUEVAL), start=1):
        for field, human in ANSWERS:
            yield Labelled(
                id=f"halueval-{number:03}-{field.partition('_')[0]}",
                question=str(row["question"]),
                text=str(row[field]),
                contexts=(str(row["knowledge"]),),
                human=human,
            )


def main(folder: Path = cards.SHIPPED) -> None:
    project = load_project(ROOT)
    for name in ("begin", "halueval"):
        models, tools = judge_of(project, "offline", profile="offline", traffic=Traffic())
        labelled = halueval() if name == "halueval" else labelled_set(name, judge=tools.judge)
        found = calibrated(labelled, models, tools)
        print(told(found))
        print(cards.save(ROOT, found.calibration, folder=folder).name, "\n")


if __name__ == "__main__":
    main()
