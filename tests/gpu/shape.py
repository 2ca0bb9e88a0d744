"""A model of a given shape with random weights, a tokenizer of made-up words, and pairs for it: no download.

Memory and speed depend on the shape alone, so this measures what Qwen2.5-1.5B would cost without its weights.
"""

from __future__ import annotations

import json
import random
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
TINY = {**QWEN_1_5B, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 512}
TINY["intermediate_size"] = 128

_SPECIAL = ["<pad>", "<unk>", "<bos>", "<eos>"]


def build_model(folder: Path, shape: dict[str, int | bool], dtype: str) -> None:
    """Save config, random weights (safetensors) and a word tokenizer whose vocabulary fills the whole embedding."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(**shape, pad_token_id=0, bos_token_id=2, eos_token_id=3, dtype=dtype)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        Qwen2ForCausalLM(config).save_pretrained(folder)
    finally:
        torch.set_default_dtype(torch.float32)
    _build_tokenizer(folder, int(shape["vocab_size"]))


def _build_tokenizer(folder: Path, size: int) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = _SPECIAL + [f"w{index}" for index in range(size - len(_SPECIAL))]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<bos>", eos_token="<eos>"
    ).save_pretrained(folder)


def write_pairs(path: Path, count: int, words: int, vocabulary: int) -> None:
    """`count` preference pairs; prompt, chosen and rejected are `words` random words each, one token a word."""
    chance = random.Random(0)

    def sentence() -> str:
        return " ".join(f"w{chance.randrange(vocabulary - len(_SPECIAL))}" for _ in range(words))

    pairs = ({"prompt": sentence(), "chosen": sentence(), "rejected": sentence()} for _ in range(count))
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
