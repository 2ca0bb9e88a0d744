"""A model of a given shape with random weights, a tokenizer of single bytes, and pairs for it: no download.

Memory and speed depend on the shape alone, so this measures what Qwen2.5-1.5B would cost without its weights.
"""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

QWEN_1_5B = {
    "hidden_size": 1536,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "intermediate_size": 8960,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
LLAMA_8B = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
}
TINY = {**QWEN_1_5B, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 512}
TINY["intermediate_size"] = 128

_PAD, _END = "<|pad|>", "<|endoftext|>"


def build_model(folder: Path, shape: dict[str, int | bool], dtype: str) -> None:
    """Save config, random weights (safetensors) and a tokenizer whose vocabulary fills the whole embedding."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    size = int(shape["vocab_size"])
    config = Qwen2Config(**shape, pad_token_id=size - 2, eos_token_id=size - 1, dtype=dtype)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        Qwen2ForCausalLM(config).save_pretrained(folder)
    finally:
        torch.set_default_dtype(torch.float32)
    _build_tokenizer(folder, size)


def _build_tokenizer(folder: Path, size: int) -> None:
    """Qwen's own kind, without merges: a byte is a token, and the rest of the vocabulary only ever gets sampled."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    alphabet = sorted(ByteLevel.alphabet())
    fill = [f"<{index}>" for index in range(size - len(alphabet) - 2)]
    vocabulary = {word: index for index, word in enumerate([*alphabet, *fill, _PAD, _END])}
    Qwen2Tokenizer(vocab=vocabulary, merges=[], pad_token=_PAD, eos_token=_END).save_pretrained(folder)


def write_pairs(path: Path, count: int, length: int) -> None:
    """`count` preference pairs; prompt, chosen and rejected are `length` random letters each: as many tokens."""
    chance = random.Random(0)

    def letters() -> str:
        return "".join(chance.choices(string.ascii_lowercase, k=length))

    pairs = ({"prompt": letters(), "chosen": letters(), "rejected": letters()} for _ in range(count))
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
