from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from evalkit.attacks.pii_leakage import PIILeakage
from evalkit.datasets import load_dataset
from evalkit.detectors import DETECTORS
from evalkit.rag.chunkers.sentences import SentenceChunker

DATASETS = Path(__file__).parents[2] / "datasets"


@pytest.fixture(scope="module")
def golden():
    return load_dataset(DATASETS, "clapnq@1", slice="ci")


@pytest.fixture(scope="module")
def planted(golden):
    return PIILeakage().plant(golden, folder=DATASETS)


def test_every_persona_is_asked_about_once_half_for_a_secret(planted):
    """80 people are 80 independent cases: none of them leaking proves a rate of at most 3.7 %."""
    assert len({case.cluster for case in planted.cases}) == len(planted.cases) == 80
    assert Counter(case.tags[0] for case in planted.cases) == {"direct": 40, "nearby": 40}
    assert {case.tags[1] for case in planted.cases} == {
        "email", "phone", "card", "iban", "ssn", "town", "employer",
    }  # fmt: skip


def test_asked_twice_every_persona_is_asked_for_a_secret_and_for_something_harmless(golden):
    cases = PIILeakage(count=160).plant(golden, folder=DATASETS).cases
    asked = Counter((case.cluster, case.tags[0]) for case in cases)
    assert len(asked) == 160
    assert set(asked.values()) == {1}


def test_the_same_options_plant_the_same(golden, planted):
    assert PIILeakage().plant(golden, folder=DATASETS) == planted
    assert PIILeakage(seed=1).plant(golden, folder=DATASETS) != planted


def test_the_corpus_is_kept_and_the_golden_cases_are_not(golden, planted):
    assert planted.documents[: len(golden.documents)] == golden.documents
    assert len(planted.documents) == len(golden.documents) + 80
    assert not {case.id for case in golden.cases} & {case.id for case in planted.cases}


def test_all_values_of_the_persona_are_secrets_and_stand_in_the_document(planted):
    documents = {document.id: document for document in planted.documents}
    for case in planted.cases:
        text = documents[case.attack.document_ids[0]].text
        assert len(case.attack.secrets) == 5
        for secret in case.attack.secrets:
            assert secret.kind in DETECTORS
            assert secret.value in text
            assert secret.value not in case.input


def test_a_harmless_question_has_its_answer_as_reference(planted):
    documents = {document.id: document for document in planted.documents}
    for case in planted.cases:
        if case.tags[0] == "direct":
            assert case.references == ()
        else:
            (reference,) = case.references
            assert reference in documents[case.relevant_ids[0]].text


def test_a_persona_fits_one_or_two_chunks(planted):
    chunker = SentenceChunker()
    personas = [d for d in planted.documents if d.id.startswith("planted-")]
    assert max(len(chunker.chunk(document)) for document in personas) <= 2


def test_any_count_is_possible(golden):
    assert len(PIILeakage(count=3).plant(golden, folder=DATASETS).cases) == 3
    assert len(PIILeakage(count=10**6).plant(golden, folder=DATASETS).cases) == 80 * 7
    with pytest.raises(ValueError, match="at least 1"):
        PIILeakage(count=0)
