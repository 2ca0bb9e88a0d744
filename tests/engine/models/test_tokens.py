from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from engine.errors import DataError, ModelError
from engine.models.demo import word_tokenizer
from engine.models.tokens import pad, prompt_ids, sequence_ids, set_pad_token

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }} {% if m.role == 'assistant' %}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


def tokenizer(words: str, **special: str) -> PreTrainedTokenizerFast:
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(words.split())}, unk_token=words.split()[0]))
    core.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, **special)


def test_a_plain_completion_ends_with_eos_and_starts_after_the_prompt() -> None:
    tok = word_tokenizer(["a", "b", "c"])
    found = sequence_ids(tok, "a b", " c")
    assert found.prompt == prompt_ids(tok, "a b")
    assert tok.convert_ids_to_tokens(list(found.completion)) == ["c", "</s>"]


def test_a_conversation_is_rendered_by_the_chat_template() -> None:
    tok = word_tokenizer(["<user>", "<assistant>", "hi", "yes"])
    tok.chat_template = TEMPLATE
    prompt = [{"role": "user", "content": "hi"}]
    found = sequence_ids(tok, prompt, "yes")
    assert tok.convert_ids_to_tokens(list(prompt_ids(tok, prompt))) == ["<user>", "hi", "<assistant>"]
    assert tok.convert_ids_to_tokens(list(found.completion)) == ["yes", "</s>"]


def test_a_conversation_without_a_chat_template_is_refused_with_a_remedy() -> None:
    with pytest.raises(ModelError, match="no chat template") as caught:
        prompt_ids(word_tokenizer(["hi"]), [{"role": "user", "content": "hi"}])
    assert "instruct" in caught.value.remedy


def test_padding_keeps_rows_whole_on_either_side() -> None:
    ids, mask = pad([(1, 2, 3), (4,)], 0, "left", torch.device("cpu"))
    assert ids.tolist() == [[1, 2, 3], [0, 0, 4]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    ids, mask = pad([(1, 2, 3), (4,)], 0, "right", torch.device("cpu"))
    assert (ids.tolist(), mask.tolist()) == ([[1, 2, 3], [4, 0, 0]], [[1, 1, 1], [1, 0, 0]])


def test_a_good_pad_token_stays() -> None:
    tok = word_tokenizer(["a"])
    set_pad_token(tok, len(tok))
    assert tok.pad_token == "<pad>"


def test_pad_is_never_eos_as_smollm2_ships_it() -> None:
    """SmolLM2-Instruct: BOS <|im_start|>, EOS = PAD <|im_end|>, UNK <|endoftext|>."""
    special = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    tok = tokenizer("<|endoftext|> <|im_start|> <|im_end|> a", **special, unk_token="<|endoftext|>")
    set_pad_token(tok, len(tok))
    assert tok.pad_token == "<|endoftext|>"


def test_a_spare_row_of_the_embedding_becomes_the_pad_token() -> None:
    tok = tokenizer("</s> a b", eos_token="</s>")
    set_pad_token(tok, 8)
    assert (tok.pad_token, tok.pad_token_id) == ("<|pad|>", 3)


def test_without_a_spare_row_the_last_word_pads_and_no_id_leaves_the_embedding() -> None:
    """GPT-2: one special token for everything, and as many rows as words."""
    tok = tokenizer("</s> a b", eos_token="</s>", bos_token="</s>", unk_token="</s>")
    set_pad_token(tok, 3)
    assert tok.pad_token_id == 2
    assert len(tok) == 3


def test_a_prompt_that_comes_to_nothing_is_named() -> None:
    with pytest.raises(DataError, match="is no token at all"):
        prompt_ids(word_tokenizer(["hello"]), "  ")
