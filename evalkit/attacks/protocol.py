"""What every attack offers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

from evalkit.records import Dataset


class Planter(Protocol):
    """A table `[attack]` of a suite: makes a golden dataset into one that attacks the target.

    A planter is a frozen dataclass whose fields are the keys of its table. It is deterministic: the
    same options, dataset and files give the same cases, canaries and documents, so that a resumed
    run goes on with the attack it began.
    """

    kind: ClassVar[str]

    def plant(self, dataset: Dataset, *, folder: Path) -> Dataset:
        """Cases with `attack` set, asked against the corpus and the planted documents.

        `folder` is the folder of the datasets, in which the attack's own data is
        `<name>/<version>/…`. Raises `DataError` where that data cannot be used, `ConfigError` where
        the dataset has nothing to attack.
        """
        ...
