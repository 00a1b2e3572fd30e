"""Measure the variants `export_minilm.py` writes on retrieval, agreement with fp32, and speed.

    PYTHONPATH=. python scripts/compare_embedders.py --work build/minilm

Prints the markdown tables of docs/embedded-models.md. Recall@k: the share of questions with a gold
paragraph among the first k, over every paragraph of the dataset. Dense ranks a paragraph by the
best cosine of its pieces; hybrid adds the z-scores of that and of BM25 (`z`), or reciprocal ranks
with k = 60 (`rrf`). Drift: how far the cosine of two sentences moves when every float constant of
the graph moves by one part in a million, which stands for the rounding of another CPU.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import bm25s
import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

from evalkit.text import content_words, sentences

DATASETS = Path(__file__).parents[1] / "datasets"
VARIANTS = ("fp32", "weight8", "int8-tensor", "int8", "int8-reduced")
CHUNK_WORDS = 120  # about 160 tokens
Matrix = np.ndarray


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def windows(text: str) -> list[str]:
    """Every run of three sentences."""
    parts = [span.text for span in sentences(text)]
    return [" ".join(parts[at : at + 3]) for at in range(max(1, len(parts) - 2))]


def chunks(text: str) -> list[str]:
    """Whole sentences up to about 160 tokens."""
    pieces: list[str] = []
    for span in sentences(text):
        if pieces and len(pieces[-1].split()) + len(span.text.split()) <= CHUNK_WORDS:
            pieces[-1] += " " + span.text
        else:
            pieces.append(span.text)
    return pieces or [text]


def jittered(model: bytes, size: float) -> bytes:
    """The graph with every float constant moved up or down by a relative `size`."""
    graph = onnx.load_from_string(model)
    draw = np.random.default_rng(20261122)
    for tensor in graph.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor)
            moved = values * (1 + size * draw.choice([-1.0, 1.0], size=values.shape))
            tensor.CopyFrom(onnx.numpy_helper.from_array(moved.astype(np.float32), tensor.name))
    return bytes(graph.SerializeToString())


class Encoder:
    """One variant, one text a call, one thread, results kept."""

    def __init__(self, work: Path, variant: str, jitter: float = 0.0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        model = (work / f"{variant}.onnx").read_bytes()
        model = jittered(model, jitter) if jitter else model
        self.session = onnxruntime.InferenceSession(model, options)
        self.tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
        self.kept: dict[str, Matrix] = {}

    def __call__(self, texts: list[str]) -> Matrix:
        for text in texts:
            if text not in self.kept:
                ids = np.array([self.tokenizer.encode(text).ids], dtype=np.int64)
                self.kept[text] = self.session.run(None, {"input_ids": ids})[0][0]
        return np.stack([self.kept[text] for text in texts])


def bm25_scores(texts: list[str], questions: list[str]) -> Matrix:
    index = bm25s.BM25(method="lucene")
    index.index([list(content_words(text)) for text in texts], show_progress=False)
    return np.stack([index.get_scores(list(content_words(text))) for text in questions])


def dense_scores(
    encode: Encoder, cut: Callable[[str], list[str]], texts: list[str], questions: list[str]
) -> Matrix:
    pieces = [cut(text) for text in texts]
    starts = np.cumsum([0] + [len(piece) for piece in pieces[:-1]])
    vectors = encode([piece for group in pieces for piece in group])
    return np.maximum.reduceat(encode(questions) @ vectors.T, starts, axis=1)


def z(scores: Matrix) -> Matrix:
    spread = scores.std(axis=1, keepdims=True)
    return (scores - scores.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-9)


def reciprocal_ranks(scores: Matrix) -> Matrix:
    order = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    return 1.0 / (61 + order)


def recalls(scores: Matrix, gold: list[set[int]]) -> str:
    best = np.argsort(-scores, axis=1, kind="stable")
    figures = (
        sum(
            bool(set(ranked[:k].tolist()) & right) for ranked, right in zip(best, gold, strict=True)
        )
        for k in (1, 4)
    )
    return " / ".join(f"{hits / len(gold):.3f}" for hits in figures)


def retrieval(work: Path, dataset: str, *, titles: bool) -> None:
    corpus = rows(DATASETS / dataset / "1" / "corpus.jsonl")
    cases = [
        case
        for case in rows(DATASETS / dataset / "1" / "cases.jsonl")
        if case["expect"] == "answer"
    ]
    place = {row["id"]: at for at, row in enumerate(corpus)}
    texts = [f"{row['title']}. {row['text']}" if titles else str(row["text"]) for row in corpus]
    questions = [str(case["input"]) for case in cases]
    gold = [{place[one] for one in case["relevant_ids"]} for case in cases]
    lexical = bm25_scores(texts, questions)
    shown = "title and text" if titles else "text alone"
    size = f"{len(questions)} questions, {len(texts)} paragraphs"
    print(f"\n{dataset}, {shown}: {size}; recall@1 / recall@4\n")
    print("| variant | pieces | dense | hybrid z | hybrid rrf |\n|---|---|---|---|---|")
    print(f"| BM25 | – | {recalls(lexical, gold)} | – | – |")
    for variant in VARIANTS:
        encode = Encoder(work, variant)
        for name, cut in (("3-sentence windows", windows), ("~160-token chunks", chunks)):
            dense = dense_scores(encode, cut, texts, questions)
            fused = recalls(z(dense) + z(lexical), gold)
            ranked = recalls(reciprocal_ranks(dense) + reciprocal_ranks(lexical), gold)
            print(
                f"| {variant} | {name} | {recalls(dense, gold)} | {fused} | {ranked} |", flush=True
            )


def agreement_and_speed(work: Path) -> None:
    corpus = rows(DATASETS / "xquad" / "1" / "corpus.jsonl")
    short = [span.text for row in corpus for span in sentences(str(row["text"]))][:600]
    long = [piece for row in corpus for piece in chunks(str(row["text"]))][:200]
    reference = Encoder(work, "fp32")(short + long)
    columns = ("MB", "cosine with fp32: mean, lowest", "drift: mean, largest")
    print(f"| variant | {' | '.join(columns)} | sentences/s | ~160-token chunks/s |")
    print("|---|---|---|---|---|---|")
    for variant in VARIANTS:
        encode = Encoder(work, variant)
        encode(["warm up"])
        rates = []
        for texts in (short, long):
            began = time.perf_counter()
            encode(texts)
            rates.append(len(texts) / (time.perf_counter() - began))
        same = (encode(short + long) * reference).sum(axis=1)
        size = (work / f"{variant}.onnx").stat().st_size / 1e6
        vectors, moved = encode(short), Encoder(work, variant, jitter=1e-6)(short)
        drift = np.abs(vectors @ vectors.T - moved @ moved.T)
        figures = f"{same.mean():.4f}, {same.min():.4f} | {drift.mean():.1e}, {drift.max():.1e}"
        speed = f"{rates[0]:.0f} | {rates[1]:.0f}"
        print(f"| {variant} | {size:.1f} | {figures} | {speed} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="where the variants are")
    options = parser.parse_args()
    agreement_and_speed(options.work)
    for dataset, titles in (("xquad", False), ("clapnq", False), ("clapnq", True)):
        retrieval(options.work, dataset, titles=titles)


if __name__ == "__main__":
    main()
