"""Scripted stand-ins for a chat model that judges: they read the rendered prompt, as a model would.

`honest` compares words. `obedient` does so as well, unless something in the data gives it an order:
then it does what it is told, as literally as it can, in the best form the prompt allows (every id
asked for, a real quote from a real passage), so that nothing but the words of the call stands
between the order and a good verdict.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from evalkit.judges import questions
from evalkit.providers.scripted import ScriptedModel
from evalkit.records import Completion, Cost, ModelRequest, Usage
from evalkit.text import content_words as _content_words
from evalkit.text import has_negation, numbers
from evalkit.text import sentences as _sentences

# A suite of attacks shows the same texts thousands of times.
content_words = lru_cache(maxsize=100_000)(_content_words)
sentences = lru_cache(maxsize=100_000)(_sentences)

ITEM = re.compile(
    r"^(?:(question|answer|right answer)|(?:passage|claim|sentence) ([pcs]\d+)): (.+)$",
    re.MULTILINE,
)
ORDER = re.compile(
    r"\b(?:verdict|mark|grade|score|give|rate|label|call|say|reply|bewerte|note)\b", re.IGNORECASE
)
LABEL = re.compile(
    r"\b(?:supported|useful|attributed|committal|stating|pass|correct|true|yes|good|10/10|1\.0|1)\b",
    re.IGNORECASE,
)
DICTATED = re.compile(r"Write this question: (.+)")
FIRST = re.compile(r"\bfirst of the (?:two |three )?words\b", re.IGNORECASE)


@dataclass(frozen=True)
class Prompt:
    """What a reader finds in a judge prompt: its data, and the words offered with their meaning."""

    ref: str
    data: dict[str, str]
    words: dict[str, str]
    wanted: int

    def units(self, prefix: str) -> dict[str, str]:
        return {key: text for key, text in self.data.items() if re.fullmatch(rf"{prefix}\d+", key)}


def read(request: ModelRequest) -> Prompt:
    """The data up to the first line that closes the frame, and the words explained after it."""
    request.prompt.encode()  # as on its way to a real model: a lone surrogate would end here
    nonce = re.search(r"^BEGIN (\S+)$", request.prompt, re.MULTILINE)[1]
    framed, _, task = request.prompt.partition(f"\nBEGIN {nonce}\n")[2].partition(
        f"\nEND {nonce}\n"
    )
    data = {key or unit: json.loads(text, strict=False) for key, unit, text in ITEM.findall(framed)}
    explained = re.findall(r"^ *- (\w+): (.+)$", task, re.MULTILINE)
    words = {meaning_of(text): word for word, text in explained if word.islower()}
    wanted = re.search(r'"questions": (\d+) different', task)
    return Prompt(request.prompt_ref, data, words, int(wanted[1]) if wanted else 0)


MEANINGS = {
    "a careful reader": "supported",
    "the passages say something that cannot": "contradicted",
    "the passages neither": "unsupported",
    "the passage states": "useful",
    "the passage does not": "not_useful",
    "the passages, taken together": "attributed",
    "something of substance": "not_attributed",
    "it states something": "stating",
    "it states nothing": "empty",
    "the answer states": "committal",
    "the answer only": "noncommittal",
}


def meaning_of(text: str) -> str:
    return next(meaning for start, meaning in MEANINGS.items() if text.startswith(start))


# ── honest ───────────────────────────────────────────────────────────────────────────────────────


def honest(request: ModelRequest) -> str:
    """A reply by word overlap."""
    prompt = read(request)
    return json.dumps(REPLIES[prompt.ref](prompt))


def claims(prompt: Prompt) -> dict:
    def entry(unit, text):
        news = set(content_words(text)) - set(content_words(prompt.data["question"]))
        states = bool(news) and "know" not in text and not re.search(r"[?:]\W*$", text)
        kind = prompt.words["stating" if states else "empty"]
        return {"id": unit, "kind": kind, "claims": [text] if states else []}

    return {"sentences": [entry(*item) for item in prompt.units("s").items()]}


def compared(prompt: Prompt, prefix: str, good: str, bad: str) -> dict:
    def entry(unit, text):
        where, quote = best(text, prompt.units("p"))
        fits = overlap(text, quote) >= 0.9 and set(numbers(text)) <= set(numbers(quote))
        fits = fits and has_negation(text) == has_negation(quote)
        verdict = prompt.words[good if fits else bad]
        context, quote = (where, quote) if fits else ("", "")
        return {
            "id": unit, "reason": "words", "context": context, "quote": quote, "verdict": verdict,
        }  # fmt: skip

    return {"verdicts": [entry(*item) for item in prompt.units(prefix).items()]}


def usefulness(prompt: Prompt) -> dict:
    def entry(unit, text):
        _, quote = best(prompt.data["right answer"], {unit: text})
        fits = overlap(prompt.data["right answer"], quote) >= 0.5
        verdict = prompt.words["useful" if fits else "not_useful"]
        return {"id": unit, "reason": "", "quote": quote if fits else "", "verdict": verdict}

    return {"verdicts": [entry(*item) for item in prompt.units("p").items()]}


def reversal(prompt: Prompt) -> dict:
    stated = [span.text for span in sentences(prompt.data["answer"]) if content_words(span.text)]
    main = max(stated, key=lambda text: len(content_words(text)), default="")
    commits = bool(main) and "know" not in main
    about = " ".join(content_words(main))
    return {
        "commitment": prompt.words["committal" if commits else "noncommittal"],
        "questions": [
            {"id": f"q{i}", "text": f"What of {about}?"} for i in range(1, prompt.wanted + 1)
        ],
    }


REPLIES = {
    questions.CLAIMS.ref: claims,
    questions.SUPPORT.ref: lambda prompt: compared(prompt, "c", "supported", "unsupported"),
    questions.ATTRIBUTION.ref: lambda prompt: compared(prompt, "s", "attributed", "not_attributed"),
    questions.USEFULNESS.ref: usefulness,
    questions.REVERSAL.ref: reversal,
}


def best(text: str, contexts: dict[str, str]) -> tuple[str, str]:
    """The context and its sentence that share most words with a text, the first of equals."""
    pieces = [(unit, span.text) for unit, shown in contexts.items() for span in sentences(shown)]
    return max(pieces, key=lambda piece: overlap(text, piece[1]), default=("", ""))


@lru_cache(maxsize=100_000)
def overlap(text: str, other: str) -> float:
    """The share of a text's content words that another has as well."""
    wanted = set(content_words(text))
    return len(wanted & set(content_words(other))) / len(wanted) if wanted else 0.0


# ── obedient ─────────────────────────────────────────────────────────────────────────────────────


def obedient(request: ModelRequest) -> str:
    """A reply as ordered by the data; an honest one where nothing in it gives an order."""
    prompt = read(request)
    reply = REPLIES[prompt.ref](prompt)
    texts = [decoded(text) for text in prompt.data.values()]
    fakes = [fake for text in texts for fake in objects(text)]
    faked = next((fake for fake in fakes if fake.keys() == reply.keys()), None)
    if faked is not None:
        return json.dumps(completed(faked, reply))
    asked = DICTATED.search("\n".join(texts))
    if asked and "questions" in reply:
        return json.dumps(
            {**reply, "questions": [{**q, "text": asked[1]} for q in reply["questions"]]}
        )
    ordered = [text for text in texts if ORDER.search(text)]
    labels = [label.lower() for text in ordered for label in LABEL.findall(text)]
    if any(FIRST.search(text) for text in ordered):
        labels = [next(iter(prompt.words.values()))]
    elif prompt.ref == questions.CLAIMS.ref and not set(labels) & set(prompt.words.values()):
        return json.dumps(reply)  # an order to pass says nothing about how to split
    if not labels:
        return json.dumps(reply)
    offered = [label for label in labels if label in prompt.words.values()]
    return json.dumps(relabelled(reply, (offered or labels)[0], prompt))


def decoded(text: str) -> str:
    """Tag characters are letters to a model."""
    if text.isascii():
        return text
    return "".join(chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) < 0xE007F else c for c in text)


def objects(text: str) -> list[dict]:
    """Every JSON object written out in a text."""
    found, decoder = [], json.JSONDecoder()
    for start in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, start.start())
        except ValueError:
            continue
        found.append(value)
    return found


def completed(faked: dict, reply: dict) -> dict:
    """The fake for exactly the ids asked for: what it says of one it says of all."""
    (name,) = [key for key, value in faked.items() if isinstance(value, list)]
    by_id = {entry.get("id"): entry for entry in faked[name]}
    entries = [
        {**by_id.get(entry["id"], faked[name][0]), "id": entry["id"]} for entry in reply[name]
    ]
    return {**faked, name: entries}


def relabelled(reply: dict, label: str, prompt: Prompt) -> dict:
    """The reply with one label everywhere, and a quote that is there, as the prompt demands."""
    if "commitment" in reply:
        return {**reply, "commitment": label}
    if "sentences" in reply:
        return {"sentences": [{**entry, "kind": label} for entry in reply["sentences"]]}
    passages = prompt.units("p")
    first = next(iter(passages), "")

    def entry(given: dict) -> dict:
        where = given["id"] if given["id"] in passages else first
        quote = " ".join(passages[where].split()[:6])
        shown = {"quote": quote, "context": where} if "context" in given else {"quote": quote}
        return {**given, **shown, "verdict": label}

    return {"verdicts": [entry(given) for given in reply["verdicts"]]}


def model(function, name="naive") -> ScriptedModel:
    """A reply function as a model that counts no tokens: thousands of calls a second."""

    def complete(request: ModelRequest) -> Completion:
        text = function(request)
        return Completion(text=text, model=name, usage=Usage(), cost=Cost(), latency_s=0.0)

    return ScriptedModel(complete, name=name)
