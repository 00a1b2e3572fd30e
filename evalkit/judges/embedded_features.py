"""What the embedded judge looks at: how a claim agrees with the sentences of its contexts.

Lexical agreement, numbers, names, negation, and the cosines of sentence embeddings, each a figure
with a plain meaning. `FEATURES` names them in the order of the fitted coefficients.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from evalkit.text import content_words, entities, has_negation, numbers, sentences

FEATURES = (
    "overlap_all",
    "overlap_best",
    "bigrams_best",
    "lcs_best",
    "numbers_missing",
    "numbers_elsewhere",
    "entities_missing",
    "negation_mismatch",
    "length",
    "cosine_sentence",
    "cosine_window",
)
_CITATION = re.compile(r"\[[\w\s,.:#-]{1,16}\]")
_WINDOW = 3
_UNSEEN = "*"  # the idf of a stem that the table does not hold

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Contexts cut once for any number of claims.

    `sentences[i]` is verbatim; `pairs[i]` are the stems of sentence i and the next one of the same
    context, because people join two sentences into one claim; `windows` are runs of three.
    """

    sentences: tuple[str, ...]
    stems: tuple[tuple[str, ...], ...]
    pairs: tuple[frozenset[str], ...]
    pair_numbers: tuple[frozenset[str], ...]
    windows: tuple[str, ...]
    words: frozenset[str]
    numbers: frozenset[str]
    joined: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What must be embedded, sentences before windows."""
        return self.sentences + self.windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One claim against its evidence: the figures, and what a reviewer needs to check them."""

    values: tuple[float, ...]
    best: str
    missing_numbers: tuple[str, ...]
    elsewhere_numbers: tuple[str, ...]
    missing_entities: tuple[str, ...]
    negation_mismatch: bool
    verbatim: bool

    def __getitem__(self, feature: str) -> float:
        return self.values[FEATURES.index(feature)]


def gather(contexts: Sequence[str]) -> Evidence:
    """Cut contexts into sentences, pairs and windows. Nothing is embedded here."""
    cuts = [_cut(context) for context in contexts]
    stems = tuple(some for cut in cuts for some in cut.stems)
    pair_numbers = tuple(some for cut in cuts for some in cut.pair_numbers)
    return Evidence(
        sentences=tuple(sentence for cut in cuts for sentence in cut.sentences),
        stems=stems,
        pairs=tuple(pair for cut in cuts for pair in cut.pairs),
        pair_numbers=pair_numbers,
        windows=tuple(window for cut in cuts for window in cut.windows),
        words=frozenset(stem for some in stems for stem in some),
        numbers=frozenset(n for some in pair_numbers for n in some),
        joined=tuple(cut.joined for cut in cuts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """One context's part of an `Evidence`."""

    sentences: tuple[str, ...]
    stems: tuple[tuple[str, ...], ...]
    pairs: tuple[frozenset[str], ...]
    pair_numbers: tuple[frozenset[str], ...]
    windows: tuple[str, ...]
    joined: str


@lru_cache(maxsize=1024)  # every metric asks about the same passages
def _cut(context: str) -> _Cut:
    parts = tuple(span.text for span in sentences(context))
    plain = [_without_citations(part) for part in parts]
    words = tuple(content_words(part) for part in plain)
    amounts = [numbers(part) for part in plain]
    places = range(len(parts))
    return _Cut(
        sentences=parts,
        stems=words,
        pairs=tuple(frozenset(chain(*words[at : at + 2])) for at in places),
        pair_numbers=tuple(frozenset(chain(*amounts[at : at + 2])) for at in places),
        windows=tuple(
            " ".join(parts[at : at + _WINDOW]) for at in range(max(1, len(parts) - _WINDOW + 1))
        ),
        joined=_flat(context),
    )


def agree(
    claim: str,
    claim_vector: Matrix,
    evidence: Evidence,
    evidence_vectors: Matrix,
    idf: Mapping[str, float],
) -> Agreement:
    """Compare one claim with its evidence.

    `claim_vector` has shape (d,), `evidence_vectors` (len(evidence.texts), d); rows are unit
    vectors. `idf` maps a stem to its weight, with the weight of unseen stems under "*". The
    evidence must hold at least one sentence.
    """
    plain = _without_citations(claim)
    stems = content_words(plain)
    weights = {stem: idf.get(stem, idf[_UNSEEN]) for stem in stems}
    total = sum(weights.values()) or 1.0
    cosines = evidence_vectors @ claim_vector
    sentence_cosines = cosines[: len(evidence.sentences)]
    overlaps = np.array([_share(weights, pair, total) for pair in evidence.pairs])
    # The best pair may start one sentence early; the cosine says which half is meant.
    place = int(np.argmax(overlaps + sentence_cosines))
    best = evidence.sentences[place]
    claimed = dict.fromkeys(numbers(plain))
    missing = tuple(n for n in claimed if n not in evidence.numbers)
    elsewhere = tuple(n for n in claimed if n not in evidence.pair_numbers[place])
    names = entities(plain)
    absent = tuple(name for name in names if not evidence.words.issuperset(content_words(name)))
    negated = has_negation(plain) != has_negation(best)
    near = np.argsort(-(overlaps + sentence_cosines), kind="stable")[:3]
    values = (
        _share(weights, evidence.words, total) if stems else 1.0,
        float(overlaps.max()) if stems else 1.0,
        max(_bigram_share(stems, evidence.stems[at]) for at in near),
        max(_lcs_share(stems, evidence.stems[at]) for at in near),
        len(missing) / max(1, len(claimed)),
        len(elsewhere) / max(1, len(claimed)),
        len(absent) / max(1, len(names)),
        float(negated),
        math.log1p(len(stems)),
        float(sentence_cosines.max()),
        float(cosines[len(evidence.sentences) :].max()),
    )
    return Agreement(
        values=values,
        best=best,
        missing_numbers=missing,
        elsewhere_numbers=elsewhere,
        missing_entities=absent,
        negation_mismatch=negated,
        verbatim=_is_verbatim(plain, evidence),
    )


def _share(weights: Mapping[str, float], found: frozenset[str], total: float) -> float:
    return sum(weight for stem, weight in weights.items() if stem in found) / total


def _bigram_share(claim: tuple[str, ...], sentence: tuple[str, ...]) -> float:
    """Share of the claim's neighbouring stems that are neighbours in the sentence too."""
    wanted = set(pairwise(claim))
    if not wanted:
        return float(bool(claim) and claim[0] in sentence)
    return len(wanted & set(pairwise(sentence))) / len(wanted)


def _lcs_share(claim: tuple[str, ...], sentence: tuple[str, ...]) -> float:
    """Longest common subsequence of stems, as a share of the claim."""
    if not claim:
        return 1.0
    row = [0] * (len(sentence) + 1)
    for stem in claim:
        diagonal = 0
        for at, other in enumerate(sentence, start=1):
            above = row[at]
            row[at] = diagonal + 1 if stem == other else max(above, row[at - 1])
            diagonal = above
    return row[-1] / len(claim)


def _is_verbatim(claim: str, evidence: Evidence) -> bool:
    wanted = _flat(claim).strip(" ")
    return bool(wanted) and any(f" {wanted} " in text for text in evidence.joined)


def _flat(text: str) -> str:
    """Case, spacing and punctuation at the edges of words put aside: equal means verbatim."""
    return " " + " ".join(re.findall(r"\w+", _without_citations(text).casefold())) + " "


def _without_citations(text: str) -> str:
    return _CITATION.sub(" ", text)
