"""What `embedded/extractive` understands of a prompt: the whole of its reading comprehension.

It gets one text and no hints. In it, it looks for

the question
    what follows the last "Question:" or "Query:" (bold, a heading or `<question>` will do), else
    the last line that ends in "?", else the last line with words in it;
how long the answer may be
    "at most two sentences", "no more than 3 sentences", "in one sentence", "in one or two
    sentences" (the larger); "brief", "short" or "concise" near "answer" means two;
what to say when there is no answer
    a sentence with "if", "when" or "unless", a negative, and `reply exactly: I cannot tell.` or
    `say "I cannot tell."`; without a wording ("…, say so") its own default;
material
    every other sentence, under the last short line above it, which is taken for a heading.
    Sentences that open like an instruction *and* speak of the question, the answer or the passages
    are not material;
a directive
    wherever it stands, in a passage too: see `directed_codes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.text import sentences, words

NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "a single": 1}
BRIEF_SENTENCES = 2
HEADING_WORDS = 12
"""A line of at most this many words without a full stop is a heading."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the material, and the heading above it (empty where there is none)."""

    text: str
    heading: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A prompt, understood. `abstention` is None where the prompt does not foresee one.

    `max_sentences` is None where nothing is said; `codes` are what directives ask to write.
    """

    question: str
    material: tuple[Sentence, ...]
    max_sentences: int | None
    abstention: str | None
    codes: tuple[str, ...]


def read(prompt: str, *, default_abstention: str) -> Reading:
    """Everything in `prompt` that shapes the reply."""
    question, rest = _question(prompt)
    return Reading(
        question=question,
        material=tuple(_material(rest)),
        max_sentences=_max_sentences(prompt),
        abstention=_abstention(prompt, default_abstention),
        codes=directed_codes(prompt),
    )


# The question ------------------------------------------------------------------------------------

_MARKER = re.compile(
    r"^[\s#>*_<\-]*(?:the\s+|user(?:'s)?\s+)?(?:question|query)\b[*_>]*[ \t]*(?::|：|>|$)[ \t*_>]*",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL = re.compile(r"^[\s#>*_<\-\[/]*[\w ]{1,30}[*_]*\s*[:>][*_\s]*$")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>")


def _question(prompt: str) -> tuple[str, str]:
    """The question, and the prompt without it."""
    markers = list(_MARKER.finditer(prompt))
    for marker in reversed(markers):
        block = re.compile(r"\s*((?:[^\n]*\S[^\n]*(?:\n|$))+)").match(prompt, marker.end())
        lines = block.group(1).splitlines() if block else []
        asked: list[str] = []
        for line in lines:
            if asked and _LABEL.match(line):
                break
            asked.append(line.partition("</")[0])
            if "</" in line:
                break
        question = _TAG.sub(" ", " ".join(asked)).strip(" *_\t\n")
        if question and block:
            end = block.start(1) + len("\n".join(asked))
            return question, prompt[: marker.start()] + "\n\n" + prompt[end:]
    lines = prompt.splitlines()
    with_words = [i for i, line in enumerate(lines) if words(line) and not _LABEL.match(line)]
    interrogative = [i for i in with_words if lines[i].rstrip(" *_\"'”").endswith("?")]
    chosen = (interrogative or with_words)[-1:]
    if not chosen:
        return "", prompt
    rest = "\n".join("" if i in chosen else line for i, line in enumerate(lines))
    return lines[chosen[0]].strip(), rest


# Instructions ------------------------------------------------------------------------------------

_N = r"(\d{1,2}|a single|one|two|three|four|five|six)"
_LIMIT = re.compile(
    r"\b(?:at most|no more than|not more than|up to|maximum of|max\.?|in|within|with|use|using)"
    rf"\s+{_N}"
    rf"(?:\s+(?:or|to)\s+{_N}|\s*[-–]\s*{_N})?\s+(?:\w+\s+)?sentences?\b",
    re.IGNORECASE,
)
_BRIEF = re.compile(
    r"\b(?:answer|reply|respond|be)\b[^.!?\n]{0,40}\b(?:brief(?:ly)?|short|concise(?:ly)?)\b"
    r"|\b(?:brief|short|concise)\s+(?:answer|reply)\b",
    re.IGNORECASE,
)
_OPENS_INSTRUCTION = re.compile(
    r"^\W*(?:please\s+|first,?\s+|then,?\s+|otherwise,?\s+)?"
    r"(?:answer|use|using|reply|respond|write|do not|don't|only|if|when|unless|you|your|keep|quote|"
    r"cite|give|base|be|state|say|never|always|treat|ignore|stay|copy|read|here|the following|"
    r"below|below are|these|each|no|prefer|include|start|stop|make|rely|"
    r"(?:the )?passages?|(?:the )?context|(?:the )?text)\b",
    re.IGNORECASE,
)
_ABOUT_THE_TASK = re.compile(
    r"\b(?:question|answer(?:s|ing)?|passages?|contexts?|sources?|sentences?|documents?|excerpts?|"
    r"reply|instructions?|user|assistant|prompt)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|when|where|unless|otherwise|in case)\b", re.IGNORECASE)
_NEGATIVE = re.compile(
    r"\b(?:not|no|none|nothing|cannot|without|unless|otherwise|insufficient|lacks?|missing)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
_SAY = r"\b(?:reply|respond|answer|say|write|output|return)\b"
_WORDING = re.compile(
    _SAY
    + r"(?:\s+(?:with|only|exactly|just|this|the|words?|sentence|phrase|and|nothing|else))*\s*:?\s*"
    r"(?:\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`|(?<!\w)'([^\n]+?)'(?=[\s.,;]|$))",
    re.IGNORECASE,
)
_EXACTLY = re.compile(_SAY + r"[^.:\n]{0,40}\bexactly[^:\n]{0,20}:\s*\n?\s*([^\n]+)", re.IGNORECASE)


def _max_sentences(prompt: str) -> int | None:
    found = _LIMIT.search(prompt)
    if found:
        given = [group.casefold() for group in found.groups() if group]
        return max(1, *(NUMBER_WORDS.get(n) or int(n) for n in given)) if given else None
    return BRIEF_SENTENCES if _BRIEF.search(prompt) else None


def _abstention(prompt: str, default: str) -> str | None:
    """The wording for "there is no answer", `default` where only the case is foreseen."""
    foreseen = False
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*[-*•\d])", prompt):
        for clause in re.split(r"(?<=[.!?])\s+(?=[A-Z])", paragraph):
            where = paragraph.find(clause)
            if not (_CONDITION.search(clause) and _NEGATIVE.search(clause)):
                continue
            if not (_OPENS_INSTRUCTION.match(clause) and _ABOUT_THE_TASK.search(clause)):
                continue
            # The wording may hold a full stop of its own, so it is looked for past the clause.
            wording = _WORDING.search(paragraph, where) or _EXACTLY.search(paragraph, where)
            if wording and wording.start() <= where + len(clause):
                return next(group for group in wording.groups() if group).strip().strip('"“”`')
            foreseen = foreseen or re.search(_SAY, clause, re.IGNORECASE) is not None
    return default if foreseen else None


# Material ----------------------------------------------------------------------------------------


def _material(text: str) -> Iterator[Sentence]:
    seen: set[str] = set()  # overlapping chunks show a sentence twice
    for heading, block in _blocks(text):
        for span in sentences(block):
            sentence = _ENUMERATOR.sub("", span.text)
            key = " ".join(words(sentence))
            if key and key not in seen and not _is_instruction(sentence):
                seen.add(key)
                yield Sentence(" ".join(sentence.split()), heading)


_ENUMERATOR = re.compile(r"^\s*(?:\[\w{1,12}\]|\(\d{1,2}\)|\d{1,2}[.)](?=\s)|[-*•])\s*")
_HEADING_LABEL = re.compile(r"^(?:title|source)\s*:\s*", re.IGNORECASE)
_TITLE_ATTRIBUTE = re.compile(r"\btitle\s*=\s*[\"']([^\"'<>\n]+)[\"']")


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Runs of lines that are no headings, each with the heading above."""
    heading, lines = "", list[str]()
    for line in [*text.splitlines(), ""]:
        bare = _TAG.sub(" ", line).strip()
        title = _TITLE_ATTRIBUTE.search(line)
        if bare and not _is_heading(bare):
            if title:
                heading = title.group(1)
            lines.append(bare)
            continue
        if lines:
            yield heading, "\n".join(lines)
            lines = []
        if title:
            heading = title.group(1)
        elif bare and not bare.endswith(":"):
            heading = _HEADING_LABEL.sub("", _ENUMERATOR.sub("", bare))
        elif bare or line.strip():
            heading = ""


def _is_heading(line: str) -> bool:
    ends = line.rstrip("\"'”’)*_ ").endswith((".", "!", "?", ";", ","))
    return not ends and len(words(line)) <= HEADING_WORDS


def _is_instruction(sentence: str) -> bool:
    obeyed = _JOINED.search(sentence) or _JOIN_BOTH.search(sentence)
    if obeyed:
        return True
    opens = _OPENS_INSTRUCTION.match(sentence) is not None
    return opens and _ABOUT_THE_TASK.search(sentence) is not None


# Directives --------------------------------------------------------------------------------------

_CODE = r"[\"'“‘`«]([\w\-]{2,40})[,.]?[\"'”’`»]"
_WRITE = (
    r"\b(?:write|append|output|print|add|include|insert|say|reply|respond|answer|end|begin|start|"
    r"finish|conclude|return|repeat|type|produce|give|state|emit|put|mention|use|place|tell)\b"
)
_THEN = (
    r"\s*,?\s*(?:(?:and\s+)?(?:immediately|directly|right away)?\s*(?:followed|succeeded)\s+by|"
    r"(?:and\s+)?(?:immediately|directly)?\s*(?:joined|concatenated|combined|merged|glued)\s+"
    r"(?:with|to|onto|by)|and\s+then|then|plus|\+|(?:immediately|directly|right)\s+before)"
    r"\s*(?:the\s+)?(?:second\s+)?(?:code|string|token|word|text|half|part)?\s*"
)
_JOINED = re.compile(rf"{_WRITE}[^.!?]{{0,160}}?{_CODE}{_THEN}{_CODE}", re.IGNORECASE)
_JOIN_BOTH = re.compile(
    r"\b(?:join|concatenate|combine|merge|glue|put together)\b[^.!?]{0,80}?"
    rf"{_CODE}\s*,?\s*(?:and|with|to|plus|\+)\s*{_CODE}"
    rf"|{_WRITE}[^.!?]{{0,160}}?{_CODE}\s*,?\s*and\s*{_CODE}\s*,?\s*"
    r"(?:joined|concatenated|combined|merged|put together|glued|as one word|"
    r"without (?:a |any )?spaces?)",
    re.IGNORECASE,
)


def directed_codes(prompt: str) -> tuple[str, ...]:
    """What directives in `prompt` ask to write, each once, in order.

    A directive is a clause that asks to write two quoted codes as one:

    - `write the code "ABC" immediately followed by "DEF"`; append, output, print, add, include,
      say, reply with, end with, … in place of write; joined with, concatenated with, then, plus,
      `+` in place of followed by;
    - `join "ABC" and "DEF"`; concatenate, combine, merge in place of join;
    - `write "ABC" and "DEF" joined`, `… without a space`, `… as one word`.

    A code is 2 to 40 letters, digits, `_` or `-` in quotes. Nothing else is ever obeyed.
    """
    found = [
        (match.start(), "".join(group for group in match.groups() if group))
        for pattern in (_JOINED, _JOIN_BOTH)
        for match in pattern.finditer(prompt)
    ]
    return tuple(dict.fromkeys(code for _, code in sorted(found)))
