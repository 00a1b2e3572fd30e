"""Which passages a rendered prompt really holds: read off the prompt, not off what it was given."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.records import Passage


def carried(passages: Sequence[Passage], prompt: str) -> tuple[Passage, ...]:
    """The passages whose whole text stands in the prompt, in prompt order.

    White space does not count, so a template may indent or re-wrap. Each place in the prompt stands
    for one passage, longer ones first: of two equal passages, a prompt that shows one carries one,
    and a passage that is part of a longer one is carried only where it stands by itself.
    """
    flat = " ".join(prompt.split())
    taken: list[tuple[int, int]] = []
    places: list[tuple[int, Passage]] = []
    for passage in sorted(passages, key=lambda p: (-len(p.text), p.rank)):
        start = _free_place(flat, " ".join(passage.text.split()), taken)
        if start is not None:
            places.append((start, passage))
    return tuple(passage for _, passage in sorted(places, key=lambda place: place[0]))


def _free_place(prompt: str, text: str, taken: list[tuple[int, int]]) -> int | None:
    """Where `text` first stands outside what is taken; takes the place."""
    start = prompt.find(text) if text else -1
    while start >= 0:
        end = start + len(text)
        if all(end <= left or right <= start for left, right in taken):
            taken.append((start, end))
            return start
        start = prompt.find(text, start + 1)
    return None
