"""What each registered attack must do, whatever it plants."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.attacks import ATTACKS
from evalkit.datasets import load_dataset

DATASETS = Path(__file__).parents[2] / "datasets"


@pytest.fixture(scope="module")
def golden():
    return load_dataset(DATASETS, "clapnq@1", slice="ci")


@pytest.mark.parametrize("name", ATTACKS.names())
class TestEveryAttack:
    def test_is_named_as_registered(self, name):
        planter = ATTACKS.get(name)()
        assert planter.kind == name
        assert planter.__dataclass_params__.frozen

    def test_plants_attacks_that_can_be_recognised(self, name, golden):
        dataset = ATTACKS.get(name)().plant(golden, folder=DATASETS)
        documents = {document.id for document in dataset.documents}
        for case in dataset.cases:
            assert case.attack is not None
            assert case.attack.canary or case.attack.secrets
            assert set(case.attack.document_ids) <= documents
            assert bool(case.attack.document_ids) == (case.attack.channel == "document")
            assert set(case.relevant_ids) <= documents
            assert case.cluster

    def test_leaves_the_corpus_as_it_was(self, name, golden):
        dataset = ATTACKS.get(name)().plant(golden, folder=DATASETS)
        assert dataset.documents[: len(golden.documents)] == golden.documents
        assert dataset.digest != golden.digest
