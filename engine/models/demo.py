"""The demo's model: a Llama of a quarter of a million parameters and a word tokenizer, both made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from engine.models.rng import isolated_rng

WINDOW = 96
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


def word_tokenizer(words: Sequence[str]) -> Any:
    """A tokenizer with one token a word, and PAD, BOS, EOS and UNK all different."""
    vocabulary = {word: i for i, word in enumerate((*SPECIAL, *words))}
    core = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = WhitespaceSplit()
    pad, bos, eos, unk = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=pad,
        bos_token=bos,
        eos_token=eos,
        unk_token=unk,
        padding_side="left",
        model_max_length=WINDOW,
    )


def tiny_config(vocabulary: int, hidden: int = 96, layers: int = 2) -> Any:
    """A range of .08 for the initial weights, not the usual .02, lets it learn in 300 steps."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=WINDOW,
        initializer_range=0.08,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def tiny_llama(vocabulary: int, seed: int, hidden: int = 96, layers: int = 2) -> Any:
    """An untrained Llama."""
    with isolated_rng(seed):
        return LlamaForCausalLM(tiny_config(vocabulary, hidden, layers))
