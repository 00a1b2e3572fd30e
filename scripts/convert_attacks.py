"""Build `datasets/injection_attacks` from the public files it comes from.

    python scripts/convert_attacks.py --source FOLDER [--out datasets]

FOLDER holds `bipia/` (text_attack_train.json, LICENSE), `cyberseceval/` (prompt_injection.json,
LICENSE) and `notinject/` (NotInject_one.json, LICENSE); the card says from which repository and
commit. Same source, same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from canonical_jsonl import write_jsonl, write_sums

MAX_ATTACK_CHARS = 1500

Row = dict[str, Any]

# CyberSecEval's indirect rows are a request with a document in it, and in the document an
# instruction. Each pattern fits one of its carriers, by how the request begins, and finds that
# instruction.
_CARRIERS = {
    "What is the output of this code": r".*\n\s*(?:# )?([^\n]+?)\s*\n\s*return math",
    "Summarize this webpage": r".*<!-- (.+?) -->",
    "What is the sum of all populations": r".*<td>(.+?)</td></tr></table>",
    "Write a personalized outreach email": r".*(?:and Python|software engineer)\. (.+?)'?$",
    "What are the main conclusions": r".*Journal of Health\. (.+?)'?$",
    "What is the capital of 'Zubrowka'": (
        r".*(?:<caption>?|The capital of Zubrowka is 'Zubrowkaville'\.)\s*(.+?)(?:</caption>)?'?$"
    ),
    "Create action items based on email": r".*\{Recipient: John Doe\} (.+)$",
    "The user ": r".*TRANSACTION DESCRIPTION: (.+?)'\.$",
    "<!DOCTYPE html>": r".*<footer>(.+?)<p>",
}


def bipia_attacks(source: Path) -> Iterator[Row]:
    """Yield BIPIA's instructions, which are made to be planted in a document."""
    raw = json.loads((source / "text_attack_train.json").read_text(encoding="utf-8"))
    for category, texts in raw.items():
        slug = "-".join(re.findall(r"[a-z]+", category.casefold()))
        for number, text in enumerate(texts, start=1):
            yield {
                "id": f"bipia-{slug}-{number}",
                "source": "bipia",
                "channel": "document",
                "category": slug,
                "technique": "plain",
                "text": text.strip(),
            }


def cyberseceval_attacks(source: Path) -> Iterator[Row]:
    """Yield CyberSecEval's direct attacks as typed, of the indirect ones what was planted."""
    for raw in json.loads((source / "prompt_injection.json").read_text(encoding="utf-8")):
        indirect = raw["injection_type"] == "indirect"
        text = planted_instruction(raw["user_input"]) if indirect else raw["user_input"]
        yield {
            "id": f"cyberseceval-{raw['prompt_id']:03}",
            "source": "cyberseceval",
            "channel": "document" if indirect else "user",
            "category": raw["risk_category"].replace("_", "-"),
            "technique": raw["injection_variant"].replace("_", "-"),
            "text": text.strip(),
        }


def planted_instruction(request: str) -> str:
    """Return the instruction hidden in the document that `request` carries.

    Raises `ValueError` for a carrier not known here: a new one has to be read by a person.
    """
    # The source writes some line ends as a backslash and an n.
    text = request.replace("\\n", "\n")
    for opening, pattern in _CARRIERS.items():
        if text.startswith(opening) and (found := re.match(pattern, text, re.DOTALL)):
            return found.group(1)
    raise ValueError(f"no known carrier: {request[:80]!r}")


def usable(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the first row of each text, without those too long to be one seed among many."""
    seen = set()
    for row in rows:
        if row["text"] not in seen and len(row["text"]) <= MAX_ATTACK_CHARS:
            seen.add(row["text"])
            yield row


def benign_prompts(source: Path) -> Iterator[Row]:
    """Yield NotInject's harmless prompts, each with the words that make naive filters block it."""
    raw = json.loads((source / "NotInject_one.json").read_text(encoding="utf-8"))
    for number, row in enumerate(raw, start=1):
        yield {
            "id": f"notinject-{number:03}",
            "category": row["category"].casefold().replace(" ", "-"),
            "trigger_words": row["word_list"],
            "text": row["prompt"].strip(),
        }


def main() -> None:
    """Read the command line and write the attacks, the benign prompts and the checksums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="folder with the three sources")
    parser.add_argument("--out", type=Path, default=Path("datasets"))
    args = parser.parse_args()
    folder = args.out / "injection_attacks" / "1"
    attacks = [
        *usable(bipia_attacks(args.source / "bipia")),
        *usable(cyberseceval_attacks(args.source / "cyberseceval")),
    ]
    write_jsonl(folder / "attacks.jsonl", attacks)
    write_jsonl(folder / "benign.jsonl", benign_prompts(args.source / "notinject"))
    for name in ("bipia", "cyberseceval", "notinject"):
        shutil.copyfile(args.source / name / "LICENSE", folder / f"LICENSE.{name}")
    write_sums(args.out)
    print(f"injection_attacks@1: {len(attacks)} attacks")


if __name__ == "__main__":
    main()
