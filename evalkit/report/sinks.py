"""The encoders for text that evalkit did not write: one a sink, each total over every string.

Prompts, datasets, documents, model and judge replies reach terminals, pull-request comments,
spreadsheets and XML readers. Nothing here tries to recognise an attack. Each encoder maps
characters, one by one where it can, so that what a sink would act on cannot occur in what it is
given, and what was there stays visible to the reader. HTML has Jinja's autoescape.
"""

from __future__ import annotations

import re
import unicodedata

LIMIT = 2_000
"""Characters of one untrusted text that a sink shows; the saved run holds all of it."""

_JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiners: Cf like the bidi controls, but Persian, Hindi and emoji need them."""

_INVISIBLE = frozenset("\u2028\u2029\u115f\u1160\u3164\uffa0\ufffe\uffff")
"""Line separators that are not Cf, fillers that draw nothing, and what XML does not allow."""

_BREAK = re.compile(r"[ \t]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])[ \t]*")
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)
_HASHES = re.compile(r"##(?=[\w-]*\[)")


def visible(text: str) -> str:
    """`text` with every control, bidi and invisible character drawn instead of obeyed.

    Newlines and tabs stay. ESC becomes ␛, so an ANSI or OSC sequence is left as plain letters.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_drawn, text))


def _drawn(char: str) -> str:
    if char in "\n\t" or (char.isprintable() and char not in _INVISIBLE) or char in _JOINERS:
        return char
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    if category == "Zs":
        return " "
    # Unassigned and private-use characters draw a box at worst; only these change what is around.
    if category in ("Cc", "Cf", "Zl", "Zp") or char in _INVISIBLE:
        return f"‹U+{code:04X}›"
    return char


def clip(text: str, limit: int = LIMIT) -> str:
    """The start of `text`, at most `limit` characters, with an ellipsis where some are left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def one_line(text: str) -> str:
    """`text` with each line break, and the blanks around it, as one space."""
    return _BREAK.sub(" ", text).replace("\t", " ").strip()


def terminal(text: str, *, limit: int = LIMIT, multiline: bool = False) -> str:
    """Text for a terminal or a log: no control sequence, no workflow command, bounded.

    CI runners take a line that starts with `::`, or holds `##[`, as a command; both are split by a
    space. On one line unless `multiline`.
    """
    shown = visible(text if multiline else one_line(text))
    shown = _HASHES.sub("# #", shown)
    return clip(_COMMAND.sub(r"\1: :", shown), limit)


_ENTITY = frozenset("&<>`*_{}[]()#|~\\:/=^$@!\"'+")
_PAUSE = "\u200b"
"""Zero-width space: sites look for mentions, issue numbers and URLs in the rendered text, where an
entity no longer helps."""
_MENTION = re.compile(r"[@#]|:(?=/)|(?i:gh(?=-\d)|www(?=\.))")
_LIST = re.compile(r"^(?:-|\d+\.(?=\s|$))")


def markdown(text: str, *, limit: int = LIMIT) -> str:
    """Text for one place in a pull-request comment: words, and nothing GitHub acts on.

    No HTML, emphasis, link, image, autolink, mention, issue reference, table break or list marker.
    Every character with a meaning becomes an entity, which Markdown never takes as syntax.
    """
    shown = _MENTION.sub(lambda found: found.group() + _PAUSE, clip(visible(one_line(text)), limit))
    encoded = "".join(f"&#{ord(char)};" if char in _ENTITY else char for char in shown)
    return _LIST.sub(lambda found: f"{found[0][:-1]}&#{ord(found[0][-1])};", encoded)


def markdown_code(text: str, *, limit: int = LIMIT) -> str:
    """Text as inline code: for ids, which people copy. Empty text gives empty text.

    The fence is longer than any run of backticks inside; a pipe would end a table's cell.
    """
    shown = clip(visible(one_line(text)), limit).replace("|", "\uff5c")
    if not shown:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


_FORMULA = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20\u2212")


def csv_cell(text: str) -> str:
    """Text for a spreadsheet's cell: never a formula, on one line, no control characters.

    The apostrophe is what spreadsheets themselves use for "this is text". Leading blanks do not
    hide a formula from every reader, so they are looked through.
    """
    shown = visible(one_line(text))
    formula = shown.lstrip(" \u200b\ufeff\u00a0'\"")[:1] in _FORMULA and bool(shown.strip())
    return f"'{shown}" if formula else shown


def xml_text(text: str, *, limit: int = LIMIT) -> str:
    """Text for XML 1.0, before the writer escapes markup: only characters that XML allows.

    CI servers print it to logs too, so it is also safe as terminal text.
    """
    return terminal(text, limit=limit, multiline=True)
