"""Text into token ids, exactly as TRL's DPOTrainer does it, so that what is measured is what was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from engine.errors import DataError, ModelError
from engine.records import Content, Message
from engine.text import one_line

__all__ = ["Content", "Ids", "Message", "TokenSequence", "fitted", "pad", "prompt_ids", "sequence_ids", "set_pad_token"]

Ids = tuple[int, ...]

_PAD_NAMES = ("<pad>", "<|pad|>", "[PAD]", "<|finetune_right_pad_id|>", "<|endoftext|>", "<unk>", "[UNK]")


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """A prompt and what follows it, in token ids. Only the completion's tokens are ever scored."""

    prompt: Ids
    completion: Ids

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def fitted(sequence: TokenSequence, limit: int) -> TokenSequence:
    """Cut to `limit` tokens: a prompt loses its beginning, and then a completion its end."""
    if len(sequence) <= limit:
        return sequence
    completion = sequence.completion[: limit - 1]
    return TokenSequence(sequence.prompt[-(limit - len(completion)) :], completion)


def prompt_ids(tokenizer: Any, prompt: Content) -> Ids:
    """Ids of a prompt that is about to be answered: one at least.

    Raises ModelError for messages without a chat template, DataError for a prompt that comes to nothing.
    """
    if not isinstance(prompt, str):
        return _chat_ids(tokenizer, prompt, add_generation_prompt=True)
    ids: Ids = tuple(tokenizer(prompt)["input_ids"])
    if not ids:
        raise DataError(
            f"the prompt {one_line(prompt, 60)!r} is no token at all to this tokenizer",
            remedy="leave it out of the data, or give text that the tokenizer knows",
        )
    return ids


def sequence_ids(tokenizer: Any, prompt: Content, completion: str) -> TokenSequence:
    """Ids of a prompt with a given completion and its end mark.

    The completion starts where the tokenized prompt and the tokenized whole part ways, as in TRL 1.16
    (`DPOTrainer._prepare_dataset`): tokens may merge across the boundary.
    """
    if isinstance(prompt, str):
        start = prompt_ids(tokenizer, prompt)
        whole: Ids = tuple(tokenizer(prompt + completion + tokenizer.eos_token)["input_ids"])
    else:
        start = _chat_ids(tokenizer, prompt, add_generation_prompt=True)
        whole = _chat_ids(tokenizer, [*prompt, {"role": "assistant", "content": completion}])
    shared = next(
        (i for i, (a, b) in enumerate(zip(start, whole, strict=False)) if a != b), min(len(start), len(whole))
    )
    return TokenSequence(whole[:shared], whole[shared:])


def _chat_ids(tokenizer: Any, messages: list[Message], **options: Any) -> Ids:
    require_template(tokenizer, True)
    return tuple(tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **options)["input_ids"])


def require_template(tokenizer: Any, conversational: bool) -> None:
    """Raises ModelError where there are messages and the tokenizer cannot put them into text."""
    if conversational and not tokenizer.chat_template:
        raise ModelError(
            "the data is conversational, but the model's tokenizer has no chat template",
            remedy="name a Jinja file in model.chat_template, use an instruct model, or give prompts in plain text",
        )


def pad(rows: Sequence[Ids], fill: int, side: str, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, attention mask), both (rows, longest), padded on `side`."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), fill, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for i, row in enumerate(rows):
        where = slice(width - len(row), width) if side == "left" else slice(0, len(row))
        ids[i, where] = torch.tensor(row, dtype=torch.long)
        mask[i, where] = 1
    return ids.to(device), mask.to(device)


def set_pad_token(tokenizer: Any, embedding_rows: int) -> None:
    """Give the tokenizer a pad token other than EOS, which would teach the model never to stop.

    SmolLM2 and many others ship with PAD = EOS. We prefer a special token that the vocabulary has anyway; failing
    that a new one, where the embedding has a spare row; failing that the last ordinary token. Padding is masked
    everywhere, so any id that the embedding can look up will do, and the embedding never has to grow.
    """
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id != tokenizer.eos_token_id:
        return
    vocabulary = tokenizer.get_vocab()
    taken = {tokenizer.eos_token, tokenizer.bos_token}
    spare = next((name for name in _PAD_NAMES if name in vocabulary and name not in taken), None)
    if spare is None and embedding_rows > max(vocabulary.values()) + 1:
        spare = "<|pad|>"
        tokenizer.add_special_tokens({"pad_token": spare})
    tokenizer.pad_token = spare or max(vocabulary, key=vocabulary.__getitem__)
