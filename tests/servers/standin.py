"""Stand-ins for hosted models behind the protocol servers: they show wiring, not quality.

The generator is the embedded extractive model. The judge reads evalkit's own judge prompts as a
model would, and decides by word overlap.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evalkit.providers.extractive import extractive
from evalkit.records import ModelRequest
from evalkit.text import content_words, sentences

ENOUGH = 0.6
"""The share of a unit's content words that a passage must hold to carry it."""

_LINE = re.compile(
    r'^(passage|claim|sentence|question|answer|right answer)(?: (\w\d+))?: (".*")$', re.MULTILINE
)
_WORD = re.compile(r"^\s*- (\w+): (.*)$", re.MULTILINE)
_MEANINGS = {
    "a careful reader": "good", "the passages say something that cannot": "contradicted",
    "the passages neither state": "bad", "the passages, taken together": "good",
    "something of substance in": "bad", "the passage states the right answer": "good",
    "the passage does not bring": "bad", "it states something": "good",
    "it states nothing": "bad", "the answer states something": "good",
    "the answer only says": "bad",
}  # fmt: skip
"""How the description of a verdict word begins, in the released prompts."""


def reply(body: Mapping[str, Any]) -> str:
    """What the stand-in says to a chat body: as the judge where structured output is asked for."""
    prompt = str(body["messages"][-1]["content"])
    if "response_format" in body or "Reply with one JSON object" in prompt:
        return json.dumps(judged(prompt))
    return answered(prompt, int(body.get("max_tokens") or body.get("max_completion_tokens") or 512))


_WORKER = ThreadPoolExecutor(1, thread_name_prefix="stand-in")


def answered(prompt: str, most: int) -> str:
    """The extractive model's answer; the servers call from inside their own event loop."""
    request = ModelRequest(prompt=prompt, max_output_tokens=most)
    made = _WORKER.submit(lambda: asyncio.run(extractive(cache=None).complete(request)))
    return made.result().text


def judged(prompt: str) -> dict[str, Any]:
    """A reply to one of the five judge prompts."""
    data = [(kind, unit, json.loads(text)) for kind, unit, text in _LINE.findall(prompt)]
    units = {kind: {u: t for k, u, t in data if k == kind} for kind, _, _ in data}
    words = _words(prompt)
    passages = units.get("passage", {})
    if '"commitment"' in prompt:
        return _reversed(prompt, units, words)
    if '"sentences": [{"id"' in prompt:
        entries = [
            {"id": unit, "kind": words["good"], "claims": [text]}
            for unit, text in units["sentence"].items()
        ]
        return {"sentences": entries}
    if "right answer" in units:
        right = next(iter(units["right answer"].values()))
        return {"verdicts": [_useful(unit, text, right, words) for unit, text in passages.items()]}
    asked = units.get("claim") or units.get("sentence", {})
    return {"verdicts": [_carried(unit, text, passages, words) for unit, text in asked.items()]}


def _words(prompt: str) -> dict[str, str]:
    found = {}
    for word, description in _WORD.findall(prompt):
        for start, meaning in _MEANINGS.items():
            if description.startswith(start):
                found[meaning] = word
    return found


def _reversed(
    prompt: str, units: Mapping[str, Mapping[str, str]], words: Mapping[str, str]
) -> dict[str, Any]:
    answer = " ".join(units.get("answer", {"": ""}).values())
    asked = re.search(r"(\d+) different", prompt)
    silent = not content_words(answer) or "don't know" in answer or "do not" in answer[:60]
    return {
        "commitment": words["bad" if silent else "good"],
        "questions": [
            {"id": f"q{i}", "text": f"What is said of {' '.join(content_words(answer)[:6])}?"}
            for i in range(1, int(asked[1] if asked else 3) + 1)
        ],
    }


def _carried(
    unit: str, text: str, passages: Mapping[str, str], words: Mapping[str, str]
) -> dict[str, Any]:
    scored = [
        (_overlap(text, sentence), context, sentence)
        for context, passage in passages.items()
        for sentence in (span.text for span in sentences(passage))
    ]
    share, context, sentence = max(scored, default=(0.0, "", ""))
    good = share >= ENOUGH
    return {
        "id": unit,
        "reason": f"The nearest passage holds {share:.0%} of its words.",
        "context": context if good else "",
        "quote": sentence if good else "",
        "verdict": words["good" if good else "bad"],
    }


def _useful(unit: str, text: str, right: str, words: Mapping[str, str]) -> dict[str, Any]:
    share, sentence = max(
        ((_overlap(right, span.text), span.text) for span in sentences(text)), default=(0.0, "")
    )
    good = share >= ENOUGH / 2
    return {
        "id": unit,
        "reason": f"It holds {share:.0%} of the words of the right answer.",
        "quote": sentence if good else "",
        "verdict": words["good" if good else "bad"],
    }


def _overlap(text: str, sentence: str) -> float:
    wanted = set(content_words(text))
    return len(wanted & set(content_words(sentence))) / len(wanted) if wanted else 0.0
