"""The figures the embedded judge weighs, on sentences where they can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.judges.embedded_features import FEATURES, agree, gather

CONTEXT = (
    "Ada Lovelace wrote the first program in 1843. She was not paid. "
    "Charles Babbage designed the engine. It was never built."
)
IDF = {"*": 1.0}


def compare(claim, *contexts, cosines=None):
    """Agreement with cosines given, or all zero: the lexical side alone."""
    evidence = gather(contexts)
    given = cosines or [0.0] * len(evidence.texts)
    vectors = np.array([[value] for value in given], dtype=np.float32)
    return agree(claim, np.ones(1, dtype=np.float32), evidence, vectors, IDF)


def test_evidence_is_verbatim_sentences_and_runs_of_three():
    """Four sentences make two windows; a second context starts afresh."""
    evidence = gather([CONTEXT, "One more."])
    assert len(evidence.sentences) == 5
    assert all(sentence in CONTEXT for sentence in evidence.sentences[:4])
    assert [window.count(".") for window in evidence.windows] == [3, 3, 1]


def test_no_context_is_no_evidence():
    """Neither an empty list nor a blank context has a sentence."""
    assert gather([]).sentences == gather(["  "]).sentences == ()


def test_overlap_counts_the_share_of_the_claims_stems():
    """Of program, Babbage and purple, two stand in the context: 2/3 at equal weights."""
    agreement = compare("A purple program by Babbage", CONTEXT)
    assert agreement["overlap_all"] == pytest.approx(2 / 3)
    assert agreement["overlap_best"] == pytest.approx(1 / 3)  # they stand three sentences apart


def test_bigrams_and_subsequence_see_the_order():
    """The same words shuffled overlap fully and agree in fewer neighbours."""
    straight = compare("Charles Babbage designed engine", CONTEXT)
    shuffled = compare("Engine designed Babbage Charles", CONTEXT)
    assert straight["overlap_best"] == shuffled["overlap_best"] == 1.0
    assert (straight["bigrams_best"], shuffled["bigrams_best"]) == (1.0, 0.0)
    assert (straight["lcs_best"], shuffled["lcs_best"]) == (1.0, 0.25)


def test_a_number_is_missing_elsewhere_or_there():
    """1844 is nowhere; 1843 is in the sentence, whatever its spelling; citations are no numbers."""
    wrong = compare("Ada Lovelace wrote the program in 1844.", CONTEXT)
    assert (wrong["numbers_missing"], wrong.missing_numbers) == (1.0, ("1844",))
    right = compare("Ada Lovelace wrote the program in 1,843 [7].", CONTEXT)
    assert (right["numbers_missing"], right.missing_numbers) == (0.0, ())
    other = compare("Babbage designed the engine in 1843.", CONTEXT)
    assert other.missing_numbers == ()
    assert other.elsewhere_numbers == ("1843",)


def test_a_name_is_missing_when_one_of_its_words_is():
    """A surname alone is found in the full name; another first name is not."""
    assert compare("It was Lovelace who wrote it", CONTEXT).missing_entities == ()
    assert compare("It was Eva Lovelace who wrote it", CONTEXT).missing_entities == (
        "Eva Lovelace",
    )


def test_negation_is_compared_with_the_best_sentence_only():
    """That another sentence says "not" is no mismatch."""
    assert compare("Ada Lovelace never wrote the first program", CONTEXT).negation_mismatch
    assert not compare("Ada Lovelace wrote the first program", CONTEXT).negation_mismatch


def test_verbatim_survives_case_spacing_and_punctuation_only():
    """A part of a sentence is verbatim; one changed word is not."""
    assert compare("ada lovelace wrote the first program .", CONTEXT).verbatim
    assert not compare("Ada Lovelace wrote the last program.", CONTEXT).verbatim
    assert not compare("...", CONTEXT).verbatim


def test_the_cosines_are_the_best_of_sentences_and_of_windows():
    """Four sentences come first, then two windows."""
    agreement = compare("zebra", CONTEXT, cosines=[0.1, 0.2, 0.7, 0.3, 0.4, 0.5])
    assert agreement["cosine_sentence"] == pytest.approx(0.7)
    assert agreement["cosine_window"] == pytest.approx(0.5)
    assert agreement.best == "Charles Babbage designed the engine."
    assert len(agreement.values) == len(FEATURES)
