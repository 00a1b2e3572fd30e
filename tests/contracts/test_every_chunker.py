"""What every registered chunker keeps."""

import pytest

from evalkit.rag.chunkers import CHUNKERS
from evalkit.records import Document

TEXT = "The cat sat on the mat. Rain fell. " * 60


@pytest.mark.parametrize("name", CHUNKERS.names())
@pytest.mark.parametrize("text", ["", " \n ", "One.", TEXT])
def test_chunks_are_slices_of_the_document_in_order(name, text):
    chunks = CHUNKERS.get(name)().chunk(Document(id="d", title="Cats", text=text))
    assert bool(chunks) == bool(text.strip())
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert [chunk.start for chunk in chunks] == sorted(chunk.start for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert {(chunk.document_id, chunk.title) for chunk in chunks} <= {("d", "Cats")}
