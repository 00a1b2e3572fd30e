"""Write the labelled sets that travel in the package, from the public data as published.

    PYTHONPATH=. python scripts/labelled_sets.py

BEGIN in two parts: the rows that the embedded judge was fitted on, and those that were held out.
"""

from __future__ import annotations

import csv
from pathlib import Path

from embedded_judge_pairs import BEGIN, ROOT, begin_pairs

from evalkit.datasets.labelled import Labelled, LabelledSet, write_labelled

OUT = ROOT / "evalkit" / "judges" / "labelled"


def begin() -> tuple[LabelledSet, LabelledSet]:
    """The fitted part and the one held out; each row keeps its number in the published file."""
    parts: dict[bool, list[Labelled]] = {False: [], True: []}
    with BEGIN.open(encoding="utf-8", newline="") as file:
        messages = [
            row["message"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    for number, (pair, message) in enumerate(zip(begin_pairs(), messages, strict=True), start=1):
        parts[pair.held_out].append(
            Labelled(
                id=f"begin-{number:03}",
                question=message,
                text=pair.claim,
                contexts=pair.contexts,
                human=1.0 if pair.supported else 0.0,
            )
        )
    fitted, held_out = (
        LabelledSet(name="begin", unit="answer", items=tuple(parts[out])) for out in (False, True)
    )
    return fitted, held_out


def main(out: Path = OUT) -> None:
    for part, labelled in zip(("fitted", "held_out"), begin(), strict=True):
        path = out / f"begin_{part}.csv"
        write_labelled(path, labelled)
        print(f"{path.name}: {len(labelled.items)} answers")


if __name__ == "__main__":
    main()
