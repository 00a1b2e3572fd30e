"""Build the golden datasets in `datasets/` from the public files they come from.

    python scripts/convert_datasets.py --source FOLDER [--out datasets]

FOLDER holds `clapnq/` (dev_answerable.jsonl, dev_unanswerable.jsonl, LICENSE) and `xquad/`
(xquad.en.json, LICENSE); each card says from which repository and commit. The result depends on
nothing else: same source, same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canonical_jsonl import write_json, write_jsonl, write_sums

SLICE_SEED = 20261122
CLAPNQ_SLICE_ANSWERABLE = 60
CLAPNQ_SLICE_UNANSWERABLE = 20
XQUAD_SLICE = 100

# Annotators of ClapNQ typed "." or "NA", or left the box empty, when they skipped a question. The
# shortest answer that is one has 43 characters.
PLACEHOLDER_ANSWERS = frozenset({"", ".", "NA"})

Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Corpus:
    """The passages of all cases in order of first use; passages with equal words are merged."""

    rows: list[Row] = field(default_factory=list)
    _id_by_words: dict[tuple[str, ...], str] = field(default_factory=dict)

    def add(self, title: str, text: str) -> str:
        """Return the id of the passage, adding it if no passage has the same title and words."""
        words = (title, *text.split())
        if words not in self._id_by_words:
            self._id_by_words[words] = f"p{len(self.rows) + 1:04}"
            self.rows.append({"id": self._id_by_words[words], "title": title, "text": text.strip()})
        return self._id_by_words[words]


def draw(ids: Iterable[str], n: int) -> list[str]:
    """Return `n` of `ids` by seeded lot.

    The lot is a hash, not `random`: it is the same on every Python version, and a row added later
    to the dataset does not reshuffle the rows already drawn.
    """
    return sorted(ids, key=lambda i: hashlib.sha256(f"{SLICE_SEED}:{i}".encode()).digest())[:n]


def convert_clapnq(source: Path) -> tuple[list[Row], list[Row], list[str]]:
    """Return the cases, the corpus and the ids of the `ci` slice of ClapNQ."""
    corpus = Corpus()
    cases = [
        _clapnq_case(json.loads(line), corpus, expect)
        for expect, name in (("answer", "dev_answerable"), ("abstain", "dev_unanswerable"))
        for line in (source / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
        if line
    ]
    ids = {e: [c["id"] for c in cases if c["expect"] == e] for e in ("answer", "abstain")}
    drawn = draw(ids["answer"], CLAPNQ_SLICE_ANSWERABLE)
    drawn += draw(ids["abstain"], CLAPNQ_SLICE_UNANSWERABLE)
    return cases, corpus.rows, _in_order(cases, drawn)


def _clapnq_case(raw: Row, corpus: Corpus, expect: str) -> Row:
    (passage,) = raw["passages"]
    passage_id = corpus.add(passage["title"].strip(), passage["text"])
    answers = (output["answer"].strip() for output in raw["output"])
    references = [a for a in dict.fromkeys(answers) if a not in PLACEHOLDER_ANSWERS]
    answerable = expect == "answer"
    if answerable != bool(references):
        raise ValueError(f"clapnq {raw['id']}: expect={expect} but {len(references)} references")
    tags = ["long"] if answerable else ["unanswerable"]
    if any(output["meta"]["non_consecutive"] for output in raw["output"]):
        tags.append("non-consecutive")
    return {
        "id": f"clapnq-{raw['id']}",
        "input": raw["input"].strip(),
        "references": references,
        "relevant_ids": [passage_id] if answerable else [],
        "expect": expect,
        "cluster": passage["title"].strip(),
        "tags": tags,
    }


def convert_xquad(source: Path) -> tuple[list[Row], list[Row], list[str]]:
    """Return the cases, the corpus and the ids of the `ci` slice of XQuAD in English."""
    corpus = Corpus()
    articles = json.loads((source / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    cases = [
        _xquad_case(qa, _article_title(article), passage_id)
        for article in articles
        for paragraph in article["paragraphs"]
        for passage_id in [corpus.add(_article_title(article), paragraph["context"])]
        for qa in paragraph["qas"]
    ]
    times_asked = Counter(case["input"] for case in cases)
    for case in cases:
        if times_asked[case["input"]] > 1:
            case["tags"].append("duplicate-question")
    return cases, corpus.rows, _in_order(cases, _xquad_slice(cases))


def _article_title(article: Row) -> str:
    return str(article["title"]).replace("_", " ")


def _xquad_case(qa: Row, title: str, passage_id: str) -> Row:
    return {
        "id": f"xquad-{qa['id']}",
        "input": qa["question"].strip(),
        "references": list(dict.fromkeys(answer["text"].strip() for answer in qa["answers"])),
        "relevant_ids": [passage_id],
        "expect": "answer",
        "cluster": title,
        "tags": ["short"],
    }


def _xquad_slice(cases: Sequence[Row]) -> list[str]:
    """Spread the slice over the articles; where it does not divide, lots decide who gives one more.

    A question asked twice is left out: its gold passage is not the only right one.
    """
    by_article = defaultdict(list)
    for case in cases:
        if "duplicate-question" not in case["tags"]:
            by_article[case["cluster"]].append(case["id"])
    share, left_over = divmod(XQUAD_SLICE, len(by_article))
    one_more = set(draw(by_article, left_over))
    return [i for title, ids in by_article.items() for i in draw(ids, share + (title in one_more))]


def _in_order(cases: Sequence[Row], drawn: Iterable[str]) -> list[str]:
    chosen = set(drawn)
    return [case["id"] for case in cases if case["id"] in chosen]


def main() -> None:
    """Read the command line and write both datasets and the checksums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="folder with clapnq/ and xquad/")
    parser.add_argument("--out", type=Path, default=Path("datasets"))
    args = parser.parse_args()
    for name, convert in (("clapnq", convert_clapnq), ("xquad", convert_xquad)):
        cases, corpus, slice_ids = convert(args.source / name)
        folder = args.out / name / "1"
        write_jsonl(folder / "cases.jsonl", cases)
        write_jsonl(folder / "corpus.jsonl", corpus)
        write_json(folder / "slices.json", {"ci": {"seed": SLICE_SEED, "ids": slice_ids}})
        shutil.copyfile(args.source / name / "LICENSE", folder / "LICENSE")
        print(f"{name}@1: {len(cases)} cases, {len(corpus)} passages, ci {len(slice_ids)}")
    write_sums(args.out)


if __name__ == "__main__":
    main()
