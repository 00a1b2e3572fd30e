"""Fit the embedded judge on one half of the public data and measure it on the other.

    PYTHONPATH=. python scripts/fit_embedded_judge.py --cache build/embeddings

Writes evalkit/judges/weights/embedded.json and prints the tables of docs/embedded-models.md. Two
logistic regressions with an L2 penalty on the same features: `support` (does the claim follow from
the contexts) and `usefulness` (is this the passage that answers). Thresholds are set on the fitting
half with the embedder that ships; every figure printed comes from the other half; HaluEval
and the bare answers of XQuAD only measure. Deterministic.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from embedded_judge_pairs import (
    BEGIN,
    HALUEVAL,
    ROOT,
    SEED,
    Pair,
    begin_pairs,
    halueval_pairs,
    made_pairs,
    usefulness_pairs,
)
from scipy.optimize import minimize
from scipy.stats import rankdata

from evalkit.judges.embedded import (
    RULES_VERSION,
    WEIGHTS,
    Regression,
    is_abstention,
    support_label,
)
from evalkit.judges.embedded_features import (
    FEATURES,
    Agreement,
    Evidence,
    agree,
    gather,
)
from evalkit.providers.minilm import MiniLmEmbedder
from evalkit.text import content_words, sentences

# BEGIN has the only labels people gave, so it counts most; within a source, both classes weigh the
# same, and so does every kind of lie.
SOURCE_WEIGHTS = {
    "begin": 2.0,
    "clapnq": 1.0,
    "xquad": 1.0,
    "clapnq-passages": 1.0,
    "xquad-passages": 1.0,
}
PENALTY = 0.01
BAND = 0.10  # share of the fitting weight in which the judge abstains
RESAMPLES = 2000
IDF_STEMS = 3000
MADE = ("clapnq", "xquad", "xquad-answers")
Vector = np.ndarray


# Features ----------------------------------------------------------------------------------------


def idf_table(data: Path) -> dict[str, float]:
    """Weights of the commonest stems over the sentences of both corpora; "*" is for the rest."""
    counts: Counter[str] = Counter()
    total = 0
    for name in ("clapnq", "xquad"):
        path = data / name / "1" / "corpus.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines():
            for span in sentences(json.loads(line)["text"]):
                counts.update(set(content_words(span.text)))
                total += 1
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:IDF_STEMS]
    table = {stem: round(math.log((total + 1) / (count + 1)), 3) for stem, count in common}
    return {"*": round(max(table.values()) + 0.5, 3)} | dict(sorted(table.items()))


class Comparer:
    """Pairs to agreements, each set of contexts cut once."""

    def __init__(self, embedder: MiniLmEmbedder, idf: dict[str, float]) -> None:
        self.embedder = embedder
        self.idf = idf
        self.cut: dict[tuple[str, ...], Evidence] = {}

    def evidence(self, contexts: tuple[str, ...]) -> Evidence:
        if contexts not in self.cut:
            self.cut[contexts] = gather(contexts)
        return self.cut[contexts]

    def warm(self, pairs: Sequence[Pair]) -> None:
        texts = [text for pair in pairs for text in self.evidence(pair.contexts).texts]
        unique = list(dict.fromkeys([pair.claim for pair in pairs] + texts))
        for start in range(0, len(unique), 2000):
            self.embedder.encode(unique[start : start + 2000])
            print(f"embedded {min(start + 2000, len(unique))} of {len(unique)}", flush=True)

    def __call__(self, claim: str, contexts: tuple[str, ...]) -> Agreement:
        evidence = self.evidence(contexts)
        vectors = self.embedder.encode([claim, *evidence.texts])
        return agree(claim, vectors[0], evidence, vectors[1:], self.idf)


# Fitting -----------------------------------------------------------------------------------------


def sample_weights(pairs: Sequence[Pair]) -> Vector:
    kinds: dict[tuple[str, bool], set[str]] = {}
    for pair in pairs:
        kinds.setdefault((pair.source, pair.supported), set()).add(pair.kind)
    sizes = Counter((pair.source, pair.supported, pair.kind) for pair in pairs)
    weights = [
        SOURCE_WEIGHTS[pair.source]
        / len(kinds[pair.source, pair.supported])
        / sizes[pair.source, pair.supported, pair.kind]
        for pair in pairs
    ]
    return np.array(weights) / sum(weights)


def fit(values: Vector, labels: Vector, weights: Vector) -> Regression:
    """Weighted logistic regression on standardised features, then the threshold and the band."""
    means = values.mean(axis=0)
    scales = np.maximum(values.std(axis=0), 1e-6)
    scaled = (values - means) / scales
    signs = np.where(labels, 1.0, -1.0)

    def loss(parameters: Vector) -> tuple[float, Vector]:
        margins = signs * (scaled @ parameters[:-1] + parameters[-1])
        pull = -weights * signs / (1.0 + np.exp(margins))
        gradient = np.append(scaled.T @ pull + PENALTY * parameters[:-1], pull.sum())
        penalty = PENALTY * float(parameters[:-1] @ parameters[:-1]) / 2
        return float(weights @ np.logaddexp(0.0, -margins)) + penalty, gradient

    start = np.zeros(values.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    chances = 1.0 / (1.0 + np.exp(-(scaled @ found[:-1] + found[-1])))
    threshold = best_threshold(chances, labels, weights)
    low, high = band(chances, weights, threshold)
    return Regression(
        means=tuple(round(float(x), 5) for x in means),
        scales=tuple(round(float(x), 5) for x in scales),
        coefficients=tuple(round(float(x), 5) for x in found[:-1]),
        intercept=round(float(found[-1]), 5),
        threshold=round(threshold, 4),
        low=round(low, 4),
        high=round(high, 4),
    )


def best_threshold(chances: Vector, labels: Vector, weights: Vector) -> float:
    """The cut with the best balanced accuracy, in the middle of the widest plateau near the top."""
    cuts = np.linspace(0.02, 0.98, 193)
    right = np.array([_balanced(chances >= cut, labels, weights) for cut in cuts])
    return float(np.median(cuts[right >= right.max() - 0.002]))


def _balanced(said: Vector, labels: Vector, weights: Vector) -> float:
    caught = weights[labels & said].sum() / weights[labels].sum()
    rejected = weights[~labels & ~said].sum() / weights[~labels].sum()
    return float(caught + rejected) / 2


def band(chances: Vector, weights: Vector, threshold: float) -> tuple[float, float]:
    """Equal weight on either side of the threshold, `BAND` of it all together."""
    order = np.argsort(chances, kind="stable")
    ranks = np.cumsum(weights[order])
    middle = float(np.interp(threshold, chances[order], ranks))
    edges = np.interp([middle - BAND / 2, middle + BAND / 2], ranks, chances[order])
    return min(float(edges[0]), threshold), max(float(edges[1]), threshold)


# Measuring ---------------------------------------------------------------------------------------


def auroc(scores: Vector, labels: Vector) -> float:
    """Chance that a supported claim scores above an unsupported one; ties count half."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    ranks = rankdata(scores)[labels].sum() - positives * (positives + 1) / 2
    return float(ranks / (positives * negatives))


def balanced_accuracy(said: Vector, labels: Vector) -> float:
    return float(said[labels].mean() + (~said[~labels]).mean()) / 2


def interval(
    figure: Callable[[Vector, Vector], float], scores: Vector, labels: Vector, groups: Sequence[str]
) -> list[float]:
    """The figure and its 95 % percentile interval; whole groups are drawn again, seeded."""
    draw = np.random.default_rng(SEED)
    places: dict[str, list[int]] = {}
    for at, group in enumerate(groups):
        places.setdefault(group, []).append(at)
    blocks = [np.array(block) for block in places.values()]
    drawn = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([blocks[i] for i in draw.integers(0, len(blocks), len(blocks))])
        if 0 < labels[chosen].sum() < len(chosen):
            drawn.append(figure(scores[chosen], labels[chosen]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return [round(figure(scores, labels), 3), round(float(low), 3), round(float(high), 3)]


class Measured:
    """Held-out pairs with what the judge says of each: its probability and its label."""

    def __init__(
        self, pairs: Sequence[Pair], agreements: Sequence[Agreement], model: Regression
    ) -> None:
        self.pairs = pairs
        self.labels = np.array([pair.supported for pair in pairs])
        self.chances = np.array(
            [1.0 if one.verbatim else model.probability(one.values) for one in agreements]
        )
        verdicts = [
            support_label(chance, one, model)
            for chance, one in zip(self.chances.tolist(), agreements, strict=True)
        ]
        self.uncertain = np.array([verdict == "uncertain" for verdict in verdicts])
        self.contradicted = np.array([verdict == "contradicted" for verdict in verdicts])
        self.said = (self.chances >= model.threshold) & ~self.contradicted

    def table(self, chosen: Vector) -> dict[str, object]:
        labels = self.labels[chosen]
        groups = [pair.group for pair, kept in zip(self.pairs, chosen, strict=True) if kept]
        sure = chosen & ~self.uncertain
        return {
            "n": int(chosen.sum()),
            "n_supported": int(labels.sum()),
            "auroc": interval(auroc, self.chances[chosen], labels, groups),
            "balanced_accuracy": interval(balanced_accuracy, self.said[chosen], labels, groups),
            "abstains": round(float(self.uncertain[chosen].mean()), 3),
            "balanced_accuracy_when_sure": round(
                balanced_accuracy(self.said[sure], self.labels[sure]), 3
            ),
        }


def by_kind(measured: Measured) -> dict[str, object]:
    """Each kind of lie against the true sentences of the same source."""
    sources = np.array([pair.source for pair in measured.pairs])
    kinds = np.array([pair.kind for pair in measured.pairs])
    figures: dict[str, object] = {}
    for source in MADE:
        true = (sources == source) & (kinds == "as written")
        for kind in sorted(set(kinds[sources == source]) - {"as written"}):
            lies = (sources == source) & (kinds == kind)
            both = true | lies
            figures[f"{source}: {kind}"] = {
                "n": int(lies.sum()),
                "auroc": round(auroc(measured.chances[both], measured.labels[both]), 3),
                "caught": round(float((~measured.said[lies]).mean()), 3),
                "contradicted": round(float(measured.contradicted[lies].mean()), 3),
            }
        figures[f"{source}: as written"] = {
            "n": int(true.sum()),
            "kept": round(float(measured.said[true].mean()), 3),
            "contradicted": round(float(measured.contradicted[true].mean()), 3),
        }
    return figures


def begin_by_sentence(
    pairs: Sequence[Pair], compare: Comparer, model: Regression
) -> dict[str, object]:
    """BEGIN as the metric sees it: the response cut into claims, their probabilities averaged."""
    scores, labels, groups = [], [], []
    for pair in pairs:
        claims = [span.text for span in sentences(pair.claim) if content_words(span.text)]
        stated = [claim for claim in claims if not is_abstention(claim)] or [pair.claim]
        agreements = [compare(claim, pair.contexts) for claim in stated]
        chances = Measured([pair] * len(stated), agreements, model)
        scores.append(float(np.where(chances.contradicted, 0.0, chances.chances).mean()))
        labels.append(pair.supported)
        groups.append(pair.group)
    values, truth = np.array(scores), np.array(labels)
    said = values >= model.threshold
    return {
        "n": len(pairs),
        "n_supported": int(truth.sum()),
        "auroc": interval(auroc, values, truth, groups),
        "balanced_accuracy": interval(balanced_accuracy, said, truth, groups),
    }


# The line ----------------------------------------------------------------------------------------


def model_of(pairs: Sequence[Pair], compare: Comparer) -> tuple[Regression, Measured]:
    """Fitted on the pairs that are not held out, measured on those that are."""
    agreements = [compare(pair.claim, pair.contexts) for pair in pairs]
    values = np.array([one.values for one in agreements])
    labels = np.array([pair.supported for pair in pairs])
    held = np.array([pair.held_out for pair in pairs])
    fitting = [pair for pair in pairs if not pair.held_out]
    model = fit(values[~held], labels[~held], sample_weights(fitting))
    kept = [one for one, out in zip(agreements, held, strict=True) if out]
    return model, Measured([pair for pair in pairs if pair.held_out], kept, model)


def unseen_begin(pairs: Sequence[Pair], compare: Comparer) -> dict[str, object]:
    """BEGIN's held-out half under a regression that saw none of BEGIN: what a new domain gets."""
    others = [pair for pair in pairs if pair.source != "begin"]
    held = [pair for pair in pairs if pair.source == "begin" and pair.held_out]
    model, _ = model_of(others, compare)
    return begin_by_sentence(held, compare, model)


def dump(model: Regression) -> dict[str, object]:
    return {name: getattr(model, name) for name in Regression.__slots__}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "datasets")
    parser.add_argument("--cache", type=Path, help="a folder for embeddings, to run again sooner")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    embedder = MiniLmEmbedder(cache=options.cache)
    idf = idf_table(options.data)
    compare = Comparer(embedder, idf)
    pairs = [*begin_pairs(), *halueval_pairs(), *made_pairs(options.data)]
    passages = list(usefulness_pairs(options.data))
    compare.warm([*pairs, *passages])
    support, measured = model_of(pairs, compare)
    usefulness, useful = model_of(passages, compare)
    sources = np.array([pair.source for pair in measured.pairs])
    begin = [pair for pair in measured.pairs if pair.source == "begin"]
    responses = begin_by_sentence(begin, compare, support)
    figures = {
        "begin, responses cut into claims": responses,
        "begin, fitted without it": unseen_begin(pairs, compare),
        "begin, each response as one claim": measured.table(sources == "begin"),
        "halueval": measured.table(sources == "halueval"),
        "halueval, joined with the question": measured.table(
            sources == "halueval, joined with the question"
        ),
        "lies": by_kind(measured),
        "passages": passage_figures(useful, usefulness),
    }
    files = [BEGIN, HALUEVAL] + [
        options.data / name / "1" / part
        for name in ("clapnq", "xquad")
        for part in ("cases.jsonl", "corpus.jsonl")
    ]
    mean, low, high = responses["balanced_accuracy"]
    unseen = figures["begin, fitted without it"]["balanced_accuracy"][0]
    fitted = {
        "card": f"balanced accuracy {mean:.2f} [{low:.2f}, {high:.2f}] on BEGIN "
        f"(held out, n={len(begin)}), {unseen:.2f} when fitted without BEGIN",
        "features": FEATURES,
        "embedder": embedder.fingerprint,
        "rules_version": RULES_VERSION,
        "seed": SEED,
        "support": dump(support),
        "usefulness": dump(usefulness),
        "fitted_on": {f"{path.parent.name}/{path.name}": digest(path) for path in files},
        "measured": figures,
        "idf": idf,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(fitted, indent=1, ensure_ascii=False)
    options.out.write_text(text + "\n", encoding="utf-8")
    print(
        json.dumps(
            {key: fitted[key] for key in ("card", "support", "usefulness", "measured")}, indent=1
        )
    )


def passage_figures(useful: Measured, model: Regression) -> dict[str, object]:
    figures: dict[str, object] = {}
    said = useful.chances >= model.threshold
    for source in ("clapnq-passages", "xquad-passages"):
        chosen = np.array([pair.source == source for pair in useful.pairs])
        labels = useful.labels[chosen]
        groups = [pair.group for pair in useful.pairs if pair.source == source]
        figures[source] = {
            "n": int(chosen.sum()),
            "n_gold": int(labels.sum()),
            "auroc": interval(auroc, useful.chances[chosen], labels, groups),
            "balanced_accuracy": interval(balanced_accuracy, said[chosen], labels, groups),
        }
    return figures


if __name__ == "__main__":
    main()
