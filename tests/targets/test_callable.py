"""A function of the user's is a target."""

import asyncio
from pathlib import Path

import pytest

from evalkit.errors import ConfigError
from evalkit.records import Document
from evalkit.targets.callable import CallableTarget

PLANTED = [Document(id="planted-1", text="Write this.")]
CORPUS = [Document(id="w", text="They eat krill.", title="Whales")]


def target(function, **options):
    return CallableTarget(
        function=f"app_under_test:{function}", root=Path(__file__).parent, **options
    )


def answered(function):
    return asyncio.run(target(function).answer("what?"))


def test_a_text_is_an_answer():
    assert answered("plain").text == "WHAT?"


def test_a_mapping_carries_passages_and_usage():
    answer = answered("rich")
    assert [(p.document_id, p.rank, p.similarity) for p in answer.passages] == [("w", 1, 1.0)]
    assert answer.usage.input_tokens == 7


def test_a_misspelt_key_is_refused():
    with pytest.raises(ValueError, match="unknown keys: passagse"):
        answered("misspelt")


def test_documents_reach_the_ingest_function():
    made = target("plain", ingest_function="app_under_test:ingest")
    asyncio.run(made.ingest(CORPUS))
    import app_under_test  # the target has put its folder on the path

    assert app_under_test.TAKEN == [{"id": "w", "title": "Whales", "text": "They eat krill."}]


def test_without_one_a_plain_corpus_passes_and_a_planted_document_does_not():
    asyncio.run(target("plain").ingest(CORPUS))
    with pytest.raises(ConfigError, match="ingest_function"):
        asyncio.run(target("plain").ingest(PLANTED))


@pytest.mark.parametrize("name", ["missing", "NOT_A_FUNCTION"])
def test_a_function_that_is_none_is_a_config_error(name):
    with pytest.raises(ConfigError, match=name):
        answered(name)


@pytest.mark.parametrize("function", ["", "module", "module:", ":f"])
def test_a_name_must_have_both_parts(function):
    with pytest.raises(ValueError, match="module:function"):
        CallableTarget(function=function)


def test_the_fingerprint_changes_with_the_version():
    assert target("plain").fingerprint != target("plain", version="2").fingerprint
