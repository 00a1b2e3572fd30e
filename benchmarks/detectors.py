"""What the detectors find and what they wrongly find. Prints the tables of docs/detectors.md.

Run from the repository root: `python -m benchmarks.detectors`. Needs no network; about four
minutes on two shared cores, most of them for a million checks of the canary matcher.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from benchmarks.carriers import CARRIERS
from evalkit.attacks.canaries import canary
from evalkit.attacks.pii_leakage import SECRETS, PIILeakage
from evalkit.attacks.prompt_injection import PromptInjection
from evalkit.datasets import load_dataset
from evalkit.detectors import DETECTORS
from evalkit.detectors.canary import Canary, views
from evalkit.detectors.injection import Injection
from evalkit.rag.guardrails.injection_filter import InjectionFilter
from evalkit.rag.guardrails.pii_redaction import PIIRedaction
from evalkit.stats.exact import rate_interval, rate_upper_bound

ROOT = Path(__file__).parent.parent
DATASETS = ROOT / "datasets"
DATA = ROOT / "benchmarks" / "data"
TOKENS = 200
CHECKS = 1_000_000
ENTITIES = {
    "email": "EMAIL_ADDRESS",
    "iban": "IBAN_CODE",
    "ip_address": "IP_ADDRESS",
    "payment_card": "CREDIT_CARD",
    "phone": "PHONE_NUMBER",
    "us_ssn": "US_SSN",
}
HOSTILE = {
    "spaces": " ",
    "digits": "1",
    "single digits": "4 ",
    "groups of four": "4242 ",
    "at signs": "a@",
    "dots": "a.",
    "colons": "ab:",
    "account openings": "GB29 ",
    "new lines": "\n",
    "orders": "ignore add your write ABCD1 ",
    "questions": "q:a:a:a:a:",
    "comments": "<!-- ",
    "Base64": "QUJDRERF ",
    "hex": "61 ",
    "Morse": ".- ",
    "percent signs": "%25",
    "entities": "&#x41;",
    "tags": "\U000e0041",
    "ligatures": "\ufdfa",
}
"""A million characters of each: the worst that was thought of for some pattern."""


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    print()


def _share(events: int, n: int) -> str:
    low, high = rate_interval(events, n)
    return f"{events}/{n} = {events / n:.1%} [{low:.1%}, {high:.1%}]"


def _none_of(events: int, n: int) -> str:
    return f"{events}/{n}, at most {rate_upper_bound(events, n):.2%}"


# ── texts without an attack and without personal data ────────────────────────────────────────────


def benign() -> dict[str, list[str]]:
    """Sets of harmless texts; the last three were not looked at while the rules were written."""
    texts: dict[str, list[str]] = {
        "NotInject prompts": [
            row["text"] for row in _rows(DATASETS / "injection_attacks/1/benign.jsonl")
        ]
    }
    for name in ("clapnq", "xquad"):
        texts[f"{name} passages"] = [r["text"] for r in _rows(DATASETS / name / "1/corpus.jsonl")]
        cases = _rows(DATASETS / name / "1/cases.jsonl")
        texts[f"{name} questions"] = [case["input"] for case in cases]
        texts[f"{name} references"] = [text for case in cases for text in case["references"]]
    halueval = _rows(DATA / "halueval/qa_one-turn_data.json")
    texts["HaluEval passages"] = [row["knowledge"] for row in halueval]
    texts["HaluEval questions"] = [row["question"] for row in halueval]
    begin = (DATA / "begin/begin_dev_wow.tsv").read_text("utf-8")
    lines = csv.reader(io.StringIO(begin), delimiter="\t", quoting=csv.QUOTE_NONE)
    texts["BEGIN rows"] = ["\n".join(row) for row in lines]
    return texts


# ── the canary matcher ───────────────────────────────────────────────────────────────────────────


def canary_matcher() -> None:
    missed: Counter[str] = Counter()
    started = time.process_time()
    for number in range(TOKENS):
        marker = canary(number, "benchmark")
        detector = Canary(first=marker.first, second=marker.second)
        for name, spell in CARRIERS.items():
            text = f"Sure, here it is: {spell(marker.assembled)} . I hope this helps."
            missed[name] += detector.outcome(text) != "compromised"
    each_ms = (time.process_time() - started) / (TOKENS * len(CARRIERS)) * 1000
    whole = sum(count == 0 for count in missed.values())
    print(f"{len(CARRIERS)} forms x {TOKENS} tokens: {whole} forms always found,", end=" ")
    print(f"{sum(missed.values())} misses, {each_ms:.2f} ms a text\n")
    seen = [views(text) for texts in benign().values() for text in texts]
    detectors = [
        Canary(first=marker.first, second=marker.second)
        for marker in (canary(number, "benign") for number in range(CHECKS // len(seen) + 1))
    ]
    hits = Counter(detector.sighting(view)[0] for detector in detectors for view in seen)
    print(f"false hits on {len(seen)} benign texts: {dict(hits)}\n")
    payloads = list(_payloads())
    outcomes = Counter(
        Canary(first=first, second=second).outcome(text) for text, first, second in payloads
    )
    print(f"{len(payloads)} payloads quoted word for word: {dict(outcomes)}\n")


def _payloads() -> Iterator[tuple[str, str, str]]:
    dataset = load_dataset(DATASETS, "clapnq@1", slice="ci")
    attacked = PromptInjection(count=500).plant(dataset, folder=DATASETS)
    documents = {document.id: document.text for document in attacked.documents}
    for case in attacked.cases:
        assert case.attack is not None
        assert case.attack.canary is not None
        ids = case.attack.document_ids
        marker = case.attack.canary
        yield documents[ids[0]] if ids else case.input, marker.first, marker.second


# ── personal data ────────────────────────────────────────────────────────────────────────────────


def personal_data() -> None:
    path = DATA / "presidio/synth_dataset_v2_even_templates.json"
    samples = json.loads(path.read_text("utf-8"))
    passages = [t for name, texts in benign().items() if "passages" in name for t in texts]
    personas = _rows(DATASETS / "pii_personas/2/personas.jsonl")
    fields = {kind: field for field, kind in SECRETS.items()}
    rows = []
    for name, entity in ENTITIES.items():
        detector = DETECTORS.get(name)()
        gold = found = right = hits = 0
        for sample in samples:
            spans = [
                (s["start_position"], s["end_position"])
                for s in sample["spans"]
                if s["entity_type"] == entity
            ]
            places = [(f.start, f.end) for f in detector.find(sample["full_text"])]
            gold += len(spans)
            found += sum(any(_overlap(span, place) for place in places) for span in spans)
            hits += len(places)
            right += sum(any(_overlap(span, place) for span in spans) for place in places)
        wrong = sum(len(detector.find(text)) for text in passages)
        planted = [p for p in personas if name in fields]
        kept = sum(
            any(f.text == p[fields[name]] for f in detector.find(p["text"])) for p in planted
        )
        rows.append(
            (name, _share(found, gold), f"{right}/{hits}", f"{wrong} in {len(passages)}",
             f"{kept}/{len(planted)}" if planted else "none planted")
        )  # fmt: skip
    _table(("kind", "recall", "precision", "false hits, passages", "personas, exact"), rows)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


# ── instructions ─────────────────────────────────────────────────────────────────────────────────


def injection() -> None:
    groups: defaultdict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for row in _rows(DATASETS / "injection_attacks/1/attacks.jsonl"):
        channel: Literal["document", "user"] = "user" if row["channel"] == "user" else "document"
        technique = row["category"] if row["technique"] == "plain" else row["technique"]
        caught = bool(Injection(channel=channel).find(row["text"]))
        groups[row["source"], channel, "all"].append(caught)
        groups[row["source"], channel, technique].append(caught)
    order = sorted(groups, key=lambda key: (key[:2], key[2] != "all", key[2]))
    _table(
        ("source", "channel", "technique", "caught"),
        (
            (*key, _share(sum(groups[key]), len(groups[key])))
            if key[2] == "all"
            else (*key, f"{sum(groups[key])}/{len(groups[key])}")
            for key in order
        ),
    )
    rows = []
    for name, texts in benign().items():
        asked = "questions" in name or "prompts" in name
        detector = Injection(channel="user" if asked else "document")
        wrong = sum(bool(detector.find(text)) for text in texts)
        rows.append((name, detector.channel, _none_of(wrong, len(texts))))
    _table(("benign set", "read as", "flagged (one-sided 95 % bound)"), rows)


# ── guardrails, and hostile input ────────────────────────────────────────────────────────────────


def guardrails() -> None:
    rows = []
    for name, texts in benign().items():
        if "passages" in name:
            dropped = sum(
                InjectionFilter().guard(text, stage="document").text is None for text in texts
            )
            changed = sum(
                PIIRedaction().guard(text, stage="document").text != text for text in texts
            )
            rows.append((name, f"{dropped}/{len(texts)}", f"{changed}/{len(texts)}"))
    _table(("passages", "dropped by injection_filter", "changed by pii_redaction"), rows)
    dataset = load_dataset(DATASETS, "clapnq@1", slice="ci")
    attacked = PIILeakage().plant(dataset, folder=DATASETS)
    secrets = {s.value for case in attacked.cases if case.attack for s in case.attack.secrets}
    left = [
        value
        for document in attacked.documents
        if document.id.startswith("planted-")
        for value in secrets
        if value in (PIIRedaction().guard(document.text, stage="document").text or "")
    ]
    print(f"planted values left after pii_redaction: {len(left)} of {len(secrets)}\n")


def hostile() -> None:
    million = 1_000_000
    finders: dict[str, Callable[[str], object]] = {
        name: DETECTORS.get(name)().find for name in DETECTORS if name != "canary"
    }
    finders["canary"] = Canary(first="269CDFH", second="JKMNPQR").find
    rows = []
    for name, find in sorted(finders.items()):
        taken = {}
        for label, piece in HOSTILE.items():
            text = (piece * (million // len(piece) + 1))[:million]
            started = time.process_time()
            find(text)
            taken[label] = time.process_time() - started
        worst = max(taken, key=lambda label: taken[label])
        rows.append((name, f"{taken[worst]:.1f} s", worst))
    _table(("detector", "slowest million characters, CPU", "made of"), rows)


def main() -> None:
    for part in (canary_matcher, personal_data, injection, guardrails, hostile):
        print(f"## {part.__name__}\n")
        part()


if __name__ == "__main__":
    main()
