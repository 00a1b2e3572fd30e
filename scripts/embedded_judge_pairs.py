"""Claims with contexts and a label, for fitting and measuring the embedded judge.

People's labels come from BEGIN; HaluEval's wrong answers were written by a model. From ClapNQ and
XQuAD come true sentences and rule-made corruptions of the very same sentences, so that style is not
the label. Everything is drawn from one seed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.judges.embedded import statement
from evalkit.text import content_words, entities, has_negation, numbers, sentences

ROOT = Path(__file__).parents[1]
BEGIN = ROOT / "benchmarks" / "data" / "begin" / "begin_dev_wow.tsv"
HALUEVAL = ROOT / "benchmarks" / "data" / "halueval" / "qa_one-turn_data.json"
SEED = 20261122
MEASURED_ONLY = ("halueval", "xquad-answers")

ANTONYMS = """
    increase decrease|increased decreased|more less|large small|larger smaller|largest smallest
    high low|higher lower|highest lowest|first last|early late|earlier later|north south
    northern southern|east west|eastern western|before after|begin end|began ended|start finish
    started stopped|win lose|won lost|open closed|old new|young old|male female|men women|hot cold
    major minor|many few|most least|upper lower|inside outside|above below|positive negative
    strong weak|long short|rich poor|public private|accept reject|accepted rejected|rise fall
    rose fell|true false|always rarely|success failure|allow forbid|allowed forbade|good bad
"""
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|has|have|had|can|could|will|would|did|does|do|should|may|must)\b"
)
_DETAIL = re.compile(r"\b(?:in|near|during|by|for|after|at) (?:the )?[A-Z]\w+(?: [A-Z]\w+)*")
_ASIDE = re.compile(r"\s*\([^()]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`group` is the article or the knowledge text: it never straddles the split."""

    claim: str
    contexts: tuple[str, ...]
    supported: bool
    source: str
    kind: str
    group: str

    @property
    def held_out(self) -> bool:
        """All of a source that only measures; else half of the groups, by hash of their name."""
        if self.source.startswith(MEASURED_ONLY):
            return True
        return hashlib.sha256(self.group.encode()).digest()[0] % 2 == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A paragraph, the other paragraphs to mix in, and what is known to be true of it."""

    text: str
    others: tuple[str, ...]
    group: str


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def begin_pairs() -> Iterator[Pair]:
    with BEGIN.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Pair(
                claim=row["response"],
                contexts=(row["knowledge"],),
                supported=row["begin_label"] == "Fully attributable",
                source="begin",
                kind="labelled",
                group=row["knowledge"].casefold(),
            )


def halueval_pairs() -> Iterator[Pair]:
    """Right and wrong answers, each alone and joined with the question; for measuring only.

    Alone, style is the label: right answers are fragments and wrong ones sentences.
    """
    for row in rows(HALUEVAL):
        question = str(row["question"])
        for field, supported in (("right_answer", True), ("hallucinated_answer", False)):
            answer = str(row[field])
            for source, claim in (
                ("halueval", answer),
                ("halueval, joined with the question", statement(question, answer)),
            ):
                yield Pair(
                    claim=claim,
                    contexts=(str(row["knowledge"]),),
                    supported=supported,
                    source=source,
                    kind="labelled",
                    group=str(row["knowledge"]),
                )


class Corruptor:
    """Rule-made lies. Each method gives a false version of a true sentence, or None."""

    def __init__(self, draw: random.Random, foreign: Sequence[str]) -> None:
        self._draw = draw
        self._foreign = list(foreign)
        self._names = [name for text in foreign for name in entities(text)]
        self._details = [found for text in foreign for found in _DETAIL.findall(text)]
        words = [pair.split() for line in ANTONYMS.strip().splitlines() for pair in line.split("|")]
        self._antonyms = {word: other for pair in words for word, other in (pair, pair[::-1])}

    def number(self, claim: str, context: str) -> str | None:
        found = [match for match in re.finditer(r"\b\d+\b", claim) if len(match.group()) <= 4]
        known = numbers(context)
        if not found:
            return None
        match = self._draw.choice(found)
        value = int(match.group())
        reach = 30 if value > 100 else 9
        other = value + self._draw.choice([-1, 1]) * self._draw.randint(1, reach)
        if other < 0 or str(other) in known:
            return None
        return claim[: match.start()] + str(other) + claim[match.end() :]

    def entity(self, claim: str, context: str) -> str | None:
        names = [name for name in entities(claim) if name in context]
        if not names:
            return None
        known = set(content_words(context))
        other = self._draw.choice(self._names)
        if known & set(content_words(other)):
            return None
        return claim.replace(self._draw.choice(names), other)

    def negation(self, claim: str, _: str) -> str | None:
        if has_negation(claim) or not _AUXILIARY.search(claim):
            return None
        return _AUXILIARY.sub(r"\1 not", claim, count=1)

    def antonym(self, claim: str, _: str) -> str | None:
        found = [
            match for match in re.finditer(r"\b[a-z]+\b", claim) if match.group() in self._antonyms
        ]
        if not found:
            return None
        match = self._draw.choice(found)
        return claim[: match.start()] + self._antonyms[match.group()] + claim[match.end() :]

    def detail(self, claim: str, context: str) -> str | None:
        phrase = self._draw.choice(self._details)
        if phrase in context:
            return None
        return f"{claim.rstrip(' .')} {phrase}."

    def conjunction(self, claim: str, _: str) -> str | None:
        other = self._draw.choice(self._foreign)
        return f"{claim.rstrip(' .')} and {other[:1].lower()}{other[1:]}"


KINDS = ("number", "entity", "negation", "antonym", "detail", "conjunction")


def corruptions(
    pair: Pair, paragraph: Paragraph, corruptor: Corruptor, draw: random.Random
) -> Iterator[Pair]:
    """The lies about one true sentence, and the true sentence without its source."""
    context = " ".join(pair.contexts)
    for kind in KINDS:
        claim = getattr(corruptor, kind)(pair.claim, context)
        if claim is not None and claim != pair.claim:
            yield _false(pair, kind, claim=claim)
    yield from _without_source(pair, paragraph)
    siblings = [span.text for text in paragraph.others for span in sentences(text)]
    long_enough = [text for text in siblings if len(content_words(text)) >= 5]
    if long_enough:
        yield _false(pair, "sibling", claim=draw.choice(long_enough), contexts=(paragraph.text,))


def _false(
    pair: Pair, kind: str, *, claim: str = "", contexts: tuple[str, ...] | None = None
) -> Pair:
    return Pair(
        claim=claim or pair.claim,
        contexts=pair.contexts if contexts is None else contexts,
        supported=False,
        source=pair.source,
        kind=kind,
        group=pair.group,
    )


def _without_source(pair: Pair, paragraph: Paragraph) -> Iterator[Pair]:
    """The claim with every sentence gone that shares half of its words."""
    wanted = set(content_words(pair.claim))
    spans = sentences(paragraph.text)
    kept = [
        span.text for span in spans if len(wanted & set(content_words(span.text))) < len(wanted) / 2
    ]
    if kept and wanted and len(kept) < len(spans):
        yield _false(pair, "source removed", contexts=(" ".join(kept), *pair.contexts[1:]))


def _contexts(paragraph: Paragraph, draw: random.Random) -> tuple[str, ...]:
    """The paragraph alone, or with two others as a retriever would bring them."""
    if draw.random() < 0.5 or len(paragraph.others) < 2:
        return (paragraph.text,)
    return (paragraph.text, *draw.sample(paragraph.others, 2))


def _rewritten(sentence: str) -> str:
    """The sentence without asides and without its opening clause, so that it is not verbatim."""
    plain = _ASIDE.sub("", sentence)
    head, comma, tail = plain.partition(", ")
    if comma and len(head.split()) <= 6 and len(tail.split()) >= 6:
        plain = tail[:1].upper() + tail[1:]
    return plain


def _paragraphs(data: Path, name: str) -> dict[str, Paragraph]:
    corpus = rows(data / name / "1" / "corpus.jsonl")
    by_title = defaultdict(list)
    for row in corpus:
        by_title[row["title"]].append(str(row["text"]))
    return {
        str(row["id"]): Paragraph(
            text=str(row["text"]),
            others=tuple(text for text in by_title[row["title"]] if text != row["text"]),
            group=str(row["title"]),
        )
        for row in corpus
    }


def made_pairs(data: Path) -> Iterator[Pair]:
    """True sentences and their corruptions, from both datasets."""
    both = {name: _paragraphs(data, name) for name in ("clapnq", "xquad")}
    for name, other in (("clapnq", "xquad"), ("xquad", "clapnq")):
        draw = random.Random(f"{SEED}-{name}")
        foreign = [
            span.text
            for paragraph in both[other].values()
            for span in sentences(paragraph.text)
            if 6 <= len(span.text.split()) <= 25
        ]
        corruptor = Corruptor(draw, foreign)
        cases = [
            row for row in rows(data / name / "1" / "cases.jsonl") if row["expect"] == "answer"
        ]
        if name == "clapnq":
            yield from _clapnq(cases, both[name], corruptor, draw)
        else:
            yield from _xquad(cases, both[name], corruptor, draw)


def _clapnq(
    cases: Sequence[dict[str, object]],
    paragraphs: dict[str, Paragraph],
    corruptor: Corruptor,
    draw: random.Random,
) -> Iterator[Pair]:
    for case in cases:
        relevant = [paragraphs[one] for one in case["relevant_ids"]]
        contexts = tuple(paragraph.text for paragraph in relevant)
        for span in sentences(case["references"][0]):
            if len(content_words(span.text)) < 3:
                continue
            pair = Pair(
                claim=span.text,
                contexts=contexts,
                supported=True,
                source="clapnq",
                kind="as written",
                group=relevant[0].group,
            )
            yield pair
            yield from corruptions(pair, relevant[0], corruptor, draw)


def _xquad(
    cases: Sequence[dict[str, object]],
    paragraphs: dict[str, Paragraph],
    corruptor: Corruptor,
    draw: random.Random,
) -> Iterator[Pair]:
    for paragraph in paragraphs.values():
        spans = [span.text for span in sentences(paragraph.text)]
        long_enough = [text for text in spans if len(content_words(text)) >= 5]
        for text in draw.sample(long_enough, min(2, len(long_enough))):
            pair = Pair(
                claim=_rewritten(text),
                contexts=_contexts(paragraph, draw),
                supported=True,
                source="xquad",
                kind="as written",
                group=paragraph.group,
            )
            yield pair
            yield from corruptions(pair, paragraph, corruptor, draw)
    yield from _answer_swaps(cases, paragraphs, draw)


def _answer_swaps(
    cases: Sequence[dict[str, object]], paragraphs: dict[str, Paragraph], draw: random.Random
) -> Iterator[Pair]:
    """An answer by itself, and another answer of the same paragraph and type in its place."""
    by_paragraph = defaultdict(list)
    for case in cases:
        by_paragraph[case["relevant_ids"][0]].append(case["references"][0])
    for key, asked in by_paragraph.items():
        contexts = _contexts(paragraphs[key], draw)
        for answer in asked:
            group = paragraphs[key].group
            true = Pair(
                claim=answer,
                contexts=contexts,
                supported=True,
                source="xquad-answers",
                kind="as written",
                group=group,
            )
            words = set(content_words(answer))
            rivals = [
                other
                for other in asked
                if bool(numbers(other)) == bool(numbers(answer))
                and not words & set(content_words(other))
            ]
            if rivals:
                yield true
                yield _false(true, "answer swap", claim=draw.choice(rivals))


def usefulness_pairs(data: Path) -> Iterator[Pair]:
    """Question and reference against one passage: its gold passage, or a near one that is not."""
    for name, limit in (("clapnq", 255), ("xquad", 400)):
        draw = random.Random(f"{SEED}-useful-{name}")
        paragraphs = _paragraphs(data, name)
        stems = {key: frozenset(content_words(one.text)) for key, one in paragraphs.items()}
        cases = [
            row for row in rows(data / name / "1" / "cases.jsonl") if row["expect"] == "answer"
        ]
        for case in draw.sample(cases, min(limit, len(cases))):
            gold = set(case["relevant_ids"])
            group = paragraphs[case["relevant_ids"][0]].group
            wanted = set(content_words(case["input"]))
            near = sorted(
                (key for key in paragraphs if key not in gold),
                key=lambda key: (-len(wanted & stems[key]), key),
            )
            for key in [*sorted(gold), *near[:3]]:
                yield Pair(
                    claim=statement(case["input"], case["references"][0]),
                    contexts=(paragraphs[key].text,),
                    supported=key in gold,
                    source=f"{name}-passages",
                    kind="gold" if key in gold else "near",
                    group=group,
                )
