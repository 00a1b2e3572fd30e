"""From the judge's claims to those that are counted: an answer cannot have its statements left out.

A judge lists claims in its own words, which nothing but the answer can check. So each sentence must
be carried by its claims, and each claim by what was said; where it is not, the sentence itself is
the claim, coarser but the answer's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from evalkit.text import content_words, entities, has_negation, numbers, words

CARRIED = 0.8
"""Share of a sentence's content words that its claims must hold; the rest may be "also", "well"."""
FRAGMENT = 3
"""Content words below which a sentence cannot stand as a claim without its question."""

_MARKS = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+|\[\d+(?:\s*[,–-]\s*\d+)*\]")
"""List marks at the start, and citations such as [2]: not part of what is said."""
_YES_NO = frozenset(content_words("yes no true false correct incorrect"))


def counted(
    sentence: str, claims: tuple[str, ...], *, question: str, spoken: frozenset[str]
) -> tuple[str, ...]:
    """The claims that stand for a sentence: the judge's, or the sentence itself.

    The judge's, when together they hold nearly all content words of the sentence, all its numbers
    and names, and a negation where it has one, and when each takes at least half of its own content
    words from the question or the whole answer, whose words are `spoken` (from the question alone,
    where the sentence is a bare yes or no).
    """
    said = _MARKS.sub(" ", sentence)
    own = frozenset(content_words(said)) - _YES_NO
    asked = frozenset(content_words(question))
    held = [frozenset(content_words(claim)) for claim in claims]
    known = asked | spoken if own else asked
    grounded = all(2 * len(claim & known) >= len(claim) for claim in held)
    if grounded and _carries(" ".join(claims), frozenset().union(*held), said, own):
        return claims
    return (sentence if len(own) >= FRAGMENT else f"{question.strip()} {sentence}".strip(),)


def _carries(given: str, held: frozenset[str], said: str, own: frozenset[str]) -> bool:
    names = {word for name in entities(said) for word in content_words(name)}
    return (
        len(own & held) >= CARRIED * len(own)
        and names <= held
        and set(numbers(said)) <= set(numbers(given))
        and (has_negation(said) == has_negation(given) or not own)
    )


def distinct(claims: Iterable[str]) -> tuple[str, ...]:
    """The claims without repeats, compared word by word: saying it twice does not count twice."""
    first: dict[tuple[str, ...], str] = {}
    for claim in claims:
        first.setdefault(words(claim) or (claim,), claim)
    return tuple(first.values())


def without_question(answer: str, question: str) -> str:
    """The answer less its echoes of the question, which would be read off instead of reconstructed.

    An echo is all words of the question in order, at least two, and then no further word of the
    same line: "X was built to last" does not echo "X was built". Case and signs do not matter.
    """
    asked = re.findall(r"\w+", question)
    if len(asked) < 2:
        return answer
    lowered = answer.lower()
    if question.isascii() and answer.isascii() and any(w.lower() not in lowered for w in asked):
        return answer.strip()  # most answers: compiling the pattern takes longer than all else here
    echo = r"[\W_]+".join(map(re.escape, asked))
    bare = re.sub(rf"(?<!\w){echo}(?!\w)(?![^\S\n]+\w)[?.!:;]*", "", answer, flags=re.IGNORECASE)
    return bare.strip()


def copies(reconstructed: str, question: str, answer: str) -> bool:
    """Whether a question was copied from an answer that holds the one asked word for word."""
    asked = words(question)
    return bool(asked) and words(reconstructed) == asked and _holds(words(answer), asked)


def _holds(text: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(text[i : i + len(part)] == part for i in range(len(text) - len(part) + 1))
