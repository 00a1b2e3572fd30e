"""Chunks cover the text, keep to their size, and carry exact offsets."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.providers.tokenizer import wordpiece
from evalkit.rag.chunkers.sentences import SentenceChunker
from evalkit.records import Document

TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            ["The cat sat. ", "Rain fell on Paris ! ", "\n\n", "Dr. No paid $3.50. ", "été. "]
        ),
        st.text(max_size=30),
    ),
    max_size=30,
).map("".join)


def chunked(text, **options):
    return SentenceChunker(**options).chunk(Document(id="d", title="T", text=text))


@given(text=TEXT, tokens=st.integers(4, 40), overlap=st.integers(0, 3))
@example(text="unbelievablyunbreakable " * 9, tokens=4, overlap=2)
def test_chunks_cover_the_text_within_their_size(text, tokens, overlap):
    chunks = chunked(text, tokens=tokens, overlap=overlap)
    covered = set()
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert wordpiece().count(chunk.text) <= tokens
        covered.update(range(chunk.start, chunk.end))
    assert all(i in covered for i, char in enumerate(text) if not char.isspace())
    for before, after in pairwise(chunks):
        assert before.start < after.start
        shared = text[after.start : before.end] if after.start < before.end else ""
        assert wordpiece().count(shared) <= overlap
    assert chunks == chunked(text, tokens=tokens, overlap=overlap)
    assert [chunk.id for chunk in chunks] == [f"d#{n}" for n in range(1, len(chunks) + 1)]


def test_a_sentence_is_not_split_where_it_fits():
    # Five tokens a sentence, full stop included: two of them fill a chunk of ten.
    text = "One two three four. Five six seven eight. Nine ten eleven twelve."
    assert [chunk.text for chunk in chunked(text, tokens=10, overlap=0)] == [
        "One two three four. Five six seven eight.",
        "Nine ten eleven twelve.",
    ]


def test_overlap_repeats_whole_sentences():
    text = "One two three four. Five six seven eight. Nine ten eleven twelve."
    assert [chunk.text for chunk in chunked(text, tokens=10, overlap=5)] == [
        "One two three four. Five six seven eight.",
        "Five six seven eight. Nine ten eleven twelve.",
    ]


def test_a_sentence_larger_than_a_chunk_is_split_between_words():
    chunks = chunked("red green blue black white", tokens=2, overlap=0)
    assert [chunk.text for chunk in chunks] == ["red green", "blue black", "white"]


@pytest.mark.parametrize(
    "options", [{"tokens": 0}, {"tokens": 8, "overlap": 8}, {"overlap": -1}, {"tokens": 16}]
)
def test_options_that_cannot_be_are_refused(options):
    # tokens = 16 leaves the default overlap of 32, which would never advance.
    with pytest.raises(ValueError, match="must be"):
        SentenceChunker(**options)
