"""Makes the random-weight model that real vLLM is tested with, whole and quantized.

    .venv-vllm/bin/python scripts/tiny_model.py FOLDER

A Llama of two layers with a BPE tokenizer trained on the texts of this repository and a chat
template. Its weights are drawn from a seeded generator: what it says means nothing, and no figure
about quality may be taken from it. It shows that checkpoints load, kernels run and the server
answers. The 4-bit variants (W4A16, AWQ, GPTQ) hold the same 4-bit weights in three layouts.
Needs torch, transformers and tokenizers, as vLLM's environment has them.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = Path(__file__).parents[1]
SEED = 20261122
HIDDEN, INTERMEDIATE, LAYERS, HEADS, KV_HEADS = 256, 512, 2, 4, 2
VOCABULARY, CONTEXT = 2048, 2048
GROUP = 128  # input columns that share one scale in the 4-bit layouts
SPECIAL = ["<unk>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
CHAT = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>"
    "{{ message['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)  # which column stands in which nibble

Tensors = dict[str, torch.Tensor]


def main(folder: Path) -> None:
    weights = random_weights()
    tokenizer = trained_tokenizer()
    for name, quantize, config in VARIANTS:
        target = folder / name
        if (target / "config.json").exists():
            continue
        aside = target.with_name(f".{name}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        write(aside, quantize(weights), config, tokenizer)
        aside.rename(target)  # a folder that is there is whole
        print(target)


def write(folder: Path, tensors: Tensors, quantization: dict[str, Any], tokens: Tokenizer) -> None:
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HIDDEN // HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "bfloat16",
    }
    if quantization:
        config["quantization_config"] = quantization
    save_file({name: t.contiguous() for name, t in tensors.items()}, folder / "model.safetensors")
    tokens.save(str(folder / "tokenizer.json"))
    described = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "model_max_length": CONTEXT,
        "chat_template": CHAT,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(described, indent=1))
    (folder / "generation_config.json").write_text('{"bos_token_id": 1, "eos_token_id": 2}')
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def trained_tokenizer() -> Tokenizer:
    """Byte-level BPE over the repository's documents and golden questions."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer


def training_texts() -> Iterator[str]:
    for path in sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("datasets/**/cases.jsonl")]):
        yield from path.read_text("utf-8").splitlines()


def random_weights() -> Tensors:
    """Every tensor of the model by its checkpoint name, bfloat16, shape (out, in) for linears."""
    generator = torch.Generator().manual_seed(SEED)

    def drawn(*shape: int) -> torch.Tensor:
        return (torch.randn(*shape, generator=generator) * 0.05).to(torch.bfloat16)

    kv = HIDDEN // HEADS * KV_HEADS
    tensors = {"model.embed_tokens.weight": drawn(VOCABULARY, HIDDEN)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for name, shape in {
            "self_attn.q_proj": (HIDDEN, HIDDEN),
            "self_attn.k_proj": (kv, HIDDEN),
            "self_attn.v_proj": (kv, HIDDEN),
            "self_attn.o_proj": (HIDDEN, HIDDEN),
            "mlp.gate_proj": (INTERMEDIATE, HIDDEN),
            "mlp.up_proj": (INTERMEDIATE, HIDDEN),
            "mlp.down_proj": (HIDDEN, INTERMEDIATE),
        }.items():
            tensors[f"{prefix}.{name}.weight"] = drawn(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}.{name}.weight"] = torch.ones(HIDDEN, dtype=torch.bfloat16)
    tensors["model.norm.weight"] = torch.ones(HIDDEN, dtype=torch.bfloat16)
    tensors["lm_head.weight"] = drawn(VOCABULARY, HIDDEN)
    return tensors


# ── quantization ─────────────────────────────────────────────────────────────────────────────────


def unquantized(weights: Tensors) -> Tensors:
    return dict(weights)


def w8a8(weights: Tensors) -> Tensors:
    """INT8 weights with one scale an output channel; activations are scaled a token at run time."""

    def linear(name: str, weight: torch.Tensor) -> Tensors:
        scale = weight.abs().amax(dim=1, keepdim=True) / 127
        return {
            f"{name}.weight": (weight / scale).round().clamp(-127, 127).to(torch.int8),
            f"{name}.weight_scale": scale.to(torch.bfloat16),
        }

    return replaced(weights, linear)


def w4a16(weights: Tensors) -> Tensors:
    def linear(name: str, weight: torch.Tensor) -> Tensors:
        codes, scales = four_bit(weight)
        return {
            f"{name}.weight_packed": packed(codes, range(8)),
            f"{name}.weight_scale": scales.to(torch.bfloat16),
            f"{name}.weight_shape": torch.tensor(weight.shape, dtype=torch.int64),
        }

    return replaced(weights, linear)


def awq(weights: Tensors) -> Tensors:
    """Packed along the outputs, in AWQ's own order; zero points are the 8 in the middle."""

    def linear(name: str, weight: torch.Tensor) -> Tensors:
        codes, scales = four_bit(weight)
        zeros = torch.full((weight.shape[1] // GROUP, weight.shape[0]), 8, dtype=torch.int32)
        return {
            f"{name}.qweight": packed(codes.T, AWQ_ORDER),
            f"{name}.qzeros": packed(zeros, AWQ_ORDER),
            f"{name}.scales": scales.T.to(torch.float16),
        }

    return replaced(weights, linear)


def gptq(weights: Tensors) -> Tensors:
    """Packed along the inputs; version 1 of the format stores a zero point less one."""

    def linear(name: str, weight: torch.Tensor) -> Tensors:
        codes, scales = four_bit(weight)
        inputs = weight.shape[1]
        zeros = torch.full((inputs // GROUP, weight.shape[0]), 8 - 1, dtype=torch.int32)
        return {
            f"{name}.qweight": packed(codes, range(8)).T,
            f"{name}.qzeros": packed(zeros, range(8)),
            f"{name}.scales": scales.T.to(torch.float16),
            f"{name}.g_idx": torch.arange(inputs, dtype=torch.int32) // GROUP,
        }

    return replaced(weights, linear)


def replaced(weights: Tensors, linear: Any) -> Tensors:
    """The tensors with every linear layer's weight as `linear(name, weight)` stores it."""
    out: Tensors = {}
    for name, tensor in weights.items():
        if "_proj." in name:
            out |= linear(name.removesuffix(".weight"), tensor.float())
        else:
            out[name] = tensor
    return out


def four_bit(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes 0 to 15 around 8, shape (out, in), and scales, shape (out, in / GROUP)."""
    out, inputs = weight.shape
    groups = weight.reshape(out, inputs // GROUP, GROUP)
    scales = groups.abs().amax(dim=2, keepdim=True) / 7
    codes = (groups / scales).round().clamp(-8, 7).to(torch.int32) + 8
    return codes.reshape(out, inputs), scales.squeeze(2)


def packed(codes: torch.Tensor, order: Any) -> torch.Tensor:
    """Eight 4-bit codes of a row in one int32; nibble i takes column `order[i]` of the eight."""
    columns = codes.to(torch.int64).reshape(codes.shape[0], -1, 8)
    value = sum(columns[:, :, column] << (4 * nibble) for nibble, column in enumerate(order))
    return (value - ((value >> 31) << 32)).to(torch.int32)


def compressed(kind: str, weights: dict[str, Any], inputs: dict[str, Any] | None) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs}
    return {
        "quant_method": "compressed-tensors",
        "format": kind,
        "quantization_status": "compressed",
        "config_groups": {"group_0": group},
        "ignore": ["lm_head"],
    }


INT8 = {"num_bits": 8, "type": "int", "symmetric": True}
INT4 = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": GROUP}
VARIANTS: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("bf16", unquantized, {}),
    (
        "w8a8",
        w8a8,
        compressed(
            "int-quantized",
            INT8 | {"strategy": "channel", "dynamic": False},
            INT8 | {"strategy": "token", "dynamic": True},
        ),
    ),
    ("w4a16", w4a16, compressed("pack-quantized", INT4 | {"dynamic": False}, None)),
    (
        "awq",
        awq,
        {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True,
         "version": "gemm"},
    ),
    (
        "gptq",
        gptq,
        {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False, "sym": True},
    ),
)  # fmt: skip

if __name__ == "__main__":
    main(Path(sys.argv[1]))
