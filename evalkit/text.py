"""Text primitives shared by the chunker, the extractive generator and the embedded judge.

Rules, not models: the same text gives the same answer on every machine, and only the standard
library is imported. They are tuned on English Wikipedia prose, both as written ("It rained. He
left.") and as some corpora tokenise it ("It rained . He left ."). Other languages get sentence ends
and words right in the common cases; stop words, stems, number words and negation are English only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a text: ``source[start:end] == text``, without white space at either end."""

    start: int
    end: int
    text: str


def _listed(names: str) -> tuple[str, ...]:
    return tuple(names.split())


# Sentences ---------------------------------------------------------------------------------------

# Always followed by a name or a number, so never the end of a sentence.
_TITLES = frozenset(
    _listed(
        "mr mrs ms dr prof st mt ft gen gov sen rep col lt sgt capt maj cmdr adm hon rev fr pres "
        "messrs vs v fig figs eq vol vols pp ed eds cf e.g i.e viz approx ca c nos op"
    )
)
# An abbreviation that may also end a sentence: the next word decides.
_AMBIGUOUS = frozenset(
    _listed(
        "inc ltd co corp jr sr etc al bros dept univ assn est ave blvd rd no p jan feb mar apr "
        "jun jul aug sep sept oct nov dec"
    )
)
# Words that open sentences and hardly ever follow an abbreviation inside one.
_OPENERS = frozenset(
    _listed(
        "the a an this that these those it its he his she her they their we our you your i in on "
        "at by for from with as when while after before during although however but and if there "
        "here since though because what who where why how one some many most all both each no not "
        "also then thus according to under over until unlike despite"
    )
)
_TERMINATOR = re.compile(r"[.!?…]+|[。！？]")
_CLOSERS = re.compile(r"(?:\s?''|[”’\"')\]»]|\s[)\]”](?=\s|$)|\s[\"'](?=\s|$))+")
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*•#]|\d+[.)])[ \t])")
_LAST_WORD = re.compile(r"(?:[^\W_]|(?<=\w)[.'’-](?=\w))+$")
_NEXT_WORD = re.compile(r"[\s\"'“‘`(\[«-]*([^\W_]+)")
_GLUED = re.compile(r"(?:[a-z]{3}|[\d)\"'”])\.$")


def sentences(text: str) -> tuple[Span, ...]:
    """The sentences of ``text``, in order, with their places; only white space is left out.

    Blank lines, list items and headings also end a sentence. Example: "Dr. No paid $3.50 . He
    left." gives "Dr. No paid $3.50 ." and "He left.".
    """
    spans = []
    lower_cased = text == text.lower()
    for start, end in _paragraphs(text):
        for left, right in _split(text, start, end, lower_cased):
            span = _trimmed(text, left, right)
            if span is not None:
                spans.append(span)
    return tuple(spans)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for gap in _PARAGRAPH.finditer(text):
        yield start, gap.start()
        start = gap.end()
    yield start, len(text)


def _split(text: str, start: int, end: int, lower_cased: bool) -> Iterator[tuple[int, int]]:
    begin = start
    for mark in _TERMINATOR.finditer(text, start, end):
        if mark.start() < begin:
            continue
        closers = _CLOSERS.match(text, mark.end(), end)
        stop = closers.end() if closers else mark.end()
        if stop < end and _ends_sentence(text, begin, mark, stop, lower_cased):
            yield begin, stop
            begin = stop
    yield begin, end


def _ends_sentence(
    text: str, begin: int, mark: re.Match[str], stop: int, lower_cased: bool
) -> bool:
    """Whether the terminator ``mark``, whose closing quotes end at ``stop``, ends a sentence."""
    sign = mark.group()
    before = text[max(begin, mark.start() - 40) : mark.start()]
    if sign in "。！？":
        return True
    following = _NEXT_WORD.match(text, stop)
    next_word = following.group(1) if following else ""
    if not text[stop].isspace():
        # "in the 20th century.First for Women": a missing space, not a domain or an abbreviation.
        glued = _GLUED.search(text, begin, stop) is not None and not sign.startswith("..")
        return glued and len(next_word) > 1 and next_word[0].isupper() and next_word[1:].islower()
    if not before.strip() or text[stop:].lstrip()[:1] in {".", "!", "?", ",", ";", ":"}:
        return False
    tokenised = sign == "." and before[-1:].isspace()
    capital = next_word[:1].isupper() or next_word[:1].isdigit() or not next_word
    if not capital and not tokenised and not lower_cased:
        return bool(next_word) and not next_word[0].islower()
    if sign != "." or tokenised:
        return True
    return not _abbreviates(text[begin : mark.start()].strip(), before, next_word)


def _abbreviates(sentence: str, before: str, next_word: str) -> bool:
    """Whether the full stop after ``before`` belongs to an abbreviation or to a list number."""
    found = _LAST_WORD.search(before)
    if found is None:
        return False
    last = found.group()
    if sentence == last and (last.isdigit() or len(last) == 1):
        return True  # "1. Take the lid off."
    lowered = last.casefold()
    opens = next_word.casefold() in _OPENERS
    if lowered in _TITLES:
        return True
    if lowered == "no":
        return next_word.isdigit()
    if lowered in _AMBIGUOUS or (len(last) == 1 and last.isalpha()):
        return not opens
    if re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]{1,3}", last):  # U.S, Ph.D, J.K
        return not opens
    return False


def _trimmed(text: str, left: int, right: int) -> Span | None:
    piece = text[left:right]
    start = left + len(piece) - len(piece.lstrip())
    stripped = piece.strip()
    if not stripped:
        return None
    return Span(start=start, end=start + len(stripped), text=stripped)


# Words -------------------------------------------------------------------------------------------

STOP_WORDS = frozenset(
    _listed(
        "a about above after again against all also am an and any are as at be because been "
        "before being below between both but by can could did do does doing down during each "
        "either few for from further had has have having he her here hers herself him himself his "
        "how i if in into is it its itself just may me might more most must my myself nor now of "
        "off on once only or other our ours out over own s same shall she should so some such t "
        "than that the their theirs them themselves then there these they this those through to "
        "too under until up upon us very was we were what when where which while who whom whose "
        "why will with would you your yours d ll m re ve"
    )
)
_WORD = re.compile(
    r"\d+(?:[.,]\d+)+(?![^\W\d_])"  # 1,000 and 3.14
    r"|(?<![^\W_])(?:[^\W\d_]\.){2,}"  # U.S.
    r"|[^\W_]+(?:['’][^\W\d_]+)*"  # don't, 20th, naïve
)


def words(text: str) -> tuple[str, ...]:
    """Case-folded words and numbers in order: "Don't pay 1,000." gives don't, pay and 1,000."""
    if text.isascii():  # lower-cased as a whole it has the same words; "İ" would become two signs
        return tuple([word.rstrip(".") for word in _WORD.findall(text.lower())])
    return tuple(
        match.group().casefold().replace("’", "'").rstrip(".") for match in _WORD.finditer(text)
    )


def content_words(text: str) -> tuple[str, ...]:
    """Stems of the words that carry meaning, in order, repeats kept; no accents, no stop words.

    Numbers come normalised ("1,000" as "1000"), so that two spellings of one amount match.
    """
    return tuple([found for word in words(text) if (found := _content(word)) is not None])


@lru_cache(maxsize=4096)
def _content(word: str) -> str | None:
    """The stem or number of a case-folded word; None for a stop word. Texts repeat their words."""
    word = _plain(word)
    if word in STOP_WORDS or word in _CONTRACTED:
        return None
    return _amount(word) if word[0].isdigit() else stem(word)


_CONTRACTED = frozenset(_listed("it's he's she's that's there's i'm you're we're they're n't"))


def _plain(word: str) -> str:
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFKD", word)
    return "".join(char for char in decomposed if not unicodedata.combining(char)) or word


def stem(word: str) -> str:
    """A light English stem of a case-folded word: plural, possessive, -ing, -ed, -ly and final -e.

    It aims at "the same word in another form", not at a word family: "nation" and "native" differ.
    """
    root = word.removesuffix("'s").removesuffix("'")
    if len(root) <= 3 or not root.isalpha():
        return root
    if root.endswith("ies") and len(root) > 4:
        root = root[:-3] + "y"
    elif root.endswith(("sses", "shes", "ches", "xes", "zes")):
        root = root[:-2]
    elif root.endswith("s") and not root.endswith(("ss", "us", "is")):
        root = root[:-1]
    root = _without_verb_ending(root)
    if root.endswith("ly") and len(root) > 5:
        root = root[:-2]
    if root.endswith("e") and len(root) > 3:
        root = root[:-1]
    return root[:-1] + "y" if root.endswith("i") and len(root) > 3 else root


def _without_verb_ending(root: str) -> str:
    for ending in ("ing", "ed"):
        kept = root.removesuffix(ending)
        if kept != root and len(kept) >= 3 and re.search(r"[aeiouy]", kept):
            doubled = kept[-1] == kept[-2] and kept[-1] not in "lsz"
            return kept[:-1] if doubled else kept
    return root


# Numbers -----------------------------------------------------------------------------------------

_UNITS = {
    name: value
    for value, name in enumerate(
        _listed(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen "
            "fourteen fifteen sixteen seventeen eighteen nineteen"
        )
    )
} | {
    name: value
    for value, name in zip(
        range(20, 100, 10),
        _listed("twenty thirty forty fifty sixty seventy eighty ninety"),
        strict=True,
    )
}
_ORDINALS = {
    name: value
    for value, name in enumerate(
        _listed(
            "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
            "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        start=3,
    )
} | {"thirtieth": 30, "fortieth": 40, "fiftieth": 50, "hundredth": 100}
_MULTIPLES = {
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_FRACTIONS = {"½": "5", "¼": "25", "¾": "75"}
_NUMBER = re.compile(
    r"(?<![^\W_])(?P<digits>\d+(?:[.,]\d+)*)(?P<fraction>[½¼¾])?|(?P<word>[^\W\d_]+)"
)


def numbers(text: str) -> tuple[str, ...]:
    """The numbers in ``text``, in order, each in one canonical spelling without sign or unit.

    "1,000 in the 1990s, 3.50 %, six million" gives 1000, 1990, 3.5 and 6000000.
    "One", "first" and "second" are left out: they are mostly not amounts.
    """
    found: list[Decimal] = []
    whole: list[str] = []
    open_word = False  # the last number was spelled out and may go on: "twenty" + "five"
    last_end = 0
    for match in _NUMBER.finditer(text):
        adjacent = text[last_end : match.start()].strip(" \t\n-") == ""
        last_end = match.end()
        word = (match.group("word") or "").casefold()
        if match.group("digits"):
            whole.append("digits")
            found.append(Decimal(_amount(match.group("digits"))))
            if match.group("fraction"):
                found[-1] += Decimal("0." + _FRACTIONS[match.group("fraction")])
            open_word = True
            continue
        value = _UNITS.get(word, _ORDINALS.get(word))
        if word in _MULTIPLES and open_word and adjacent:
            found[-1] *= _MULTIPLES[word]
            whole[-1] = "multiple"
        elif value is None:
            open_word = open_word and adjacent and word == "and" and whole[-1] == "multiple"
        elif open_word and adjacent and _extends(whole[-1], found[-1], value):
            found[-1] += value
        else:
            whole.append(word)
            found.append(Decimal(value))
            open_word = True
    return tuple(
        _canonical(value)
        for value, kind in zip(found, whole, strict=True)
        if kind != "one" or value != 1
    )


def _extends(kind: str, current: Decimal, value: int) -> bool:
    """Whether a number word goes on from the one before: "twenty five", "six hundred and two"."""
    if kind == "digits":
        return False
    if kind == "multiple":
        return value < 100
    return current >= 20 and current % 10 == 0 and 0 < value < 10


def _amount(digits: str) -> str:
    """The canonical spelling of a run of digits, points and commas; "20th" gives "20"."""
    found = re.match(r"\d+(?:[.,]\d+)*", digits)
    plain = found.group() if found else "0"
    rest = digits[len(plain) :]
    if rest and rest not in {"s", "st", "nd", "rd", "th"}:
        return digits
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain):
        plain = plain.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}", plain):
        plain = plain.replace(".", "")
    elif plain.count(".") > 1 or "," in plain:
        plain = re.split(r"[.,]", plain)[0]
    return _canonical(Decimal(unicodedata.normalize("NFKC", plain)))


def _canonical(value: Decimal) -> str:
    spelled = format(value, "f")
    return spelled.rstrip("0").rstrip(".") if "." in spelled else spelled


# Names and negation ------------------------------------------------------------------------------

_CAPITALISED = r"(?:[^\W\d_]\.)+(?:[^\W\d_]\.?)?|[^\W\d_][\w’'&]*(?:-[\w’']+)*"
_TOKEN = re.compile(_CAPITALISED)
_CONNECTORS = frozenset(_listed("of the de la le du van von der den di da del bin ibn al for and"))
_NOT_NAMES = STOP_WORDS | _OPENERS | frozenset(_listed("yes no not never none"))


def entities(text: str) -> tuple[str, ...]:
    """Capitalised spans that look like names, in order, repeats dropped.

    A single capitalised word that only opens a sentence is no name: "Rain fell on Paris" gives
    ``("Paris",)``. Text without capitals gives nothing.
    """
    found: list[tuple[str, bool]] = []
    for sentence in sentences(text):
        found.extend(_capitalised_runs(sentence.text))
    certain = {name for name, opening in found if not opening}
    kept = (name for name, opening in found if not opening or name in certain)
    return tuple(dict.fromkeys(kept))


def _capitalised_runs(sentence: str) -> Iterator[tuple[str, bool]]:
    """Each run of capitalised words, and whether it is one plain word that opens the sentence."""
    run: list[re.Match[str]] = []
    joins: list[re.Match[str]] = []
    first = True
    for match in _TOKEN.finditer(sentence):
        gap = sentence[(joins or run)[-1].end() : match.start()] if run else ""
        if run and gap.strip(" "):
            yield from _named(sentence, run)
            run, joins = [], []
        token = match.group()
        opener = first and token.casefold() in _NOT_NAMES
        first = False
        if token[0].isupper() and not opener and (len(token) > 1 or run) and token != "I":
            run.append(match)
            joins = []
        elif run and token in _CONNECTORS and len(joins) < 2:
            joins.append(match)
        else:
            yield from _named(sentence, run)
            run, joins = [], []
    yield from _named(sentence, run)


def _named(sentence: str, run: list[re.Match[str]]) -> Iterator[tuple[str, bool]]:
    if not run or (len(run) == 1 and run[0].group().casefold() in _NOT_NAMES):
        return
    name = sentence[run[0].start() : run[-1].end()].removesuffix("'s").removesuffix("’s")
    opening = len(run) == 1 and not sentence[: run[0].start()].strip("\"'“‘`( ")
    yield name, opening and not (name.isupper() and len(name) > 1)


_NEGATION = re.compile(
    r"\b(?:not(?!\s+only\b)|never|none|nobody|nothing|nowhere|neither|nor|without|cannot"
    r"|no(?!\s*\.\s*\d)(?!\s+longer\s+than\b))\b|n['’]t\b",
    re.IGNORECASE,
)


def has_negation(text: str) -> bool:
    """Whether the text negates something: "never", "didn't", but neither "not only" nor "No. 5"."""
    return _NEGATION.search(text) is not None
