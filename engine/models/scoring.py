"""A slot with a scalar head as a reward model: what TRL trains, and what scores known texts in batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from engine.models.slots import REWARD, Slots
from engine.models.tokens import Ids, TokenSequence, pad

Advance = Callable[[int], None]
"""Called with how many sequences were just done; may raise to abort."""


class SlotClassifier(nn.Module):
    """A sequence classifier with one output whose trunk is the resident base, as TRL's RewardTrainer takes one.

    Its parameters are the whole model's, so that a trainer finds those of the slot, which alone take gradients.
    """

    def __init__(self, slots: Slots, name: str = REWARD) -> None:
        super().__init__()
        self.trunk, self.head = slots.resident.model, slots.heads[name]
        self.config = copy.deepcopy(self.trunk.get_base_model().config)  # of its own: TRL writes into it
        self.config.num_labels = 1
        self._slots, self._name = slots, name

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SequenceClassifierOutput:
        return SequenceClassifierOutput(logits=self._slots.scores(input_ids, attention_mask, self._name)[:, None])

    def add_model_tags(self, _tags: Sequence[str]) -> None:
        """Nothing here is published on the hub."""


def score(
    slots: Slots, name: str, sequences: Sequence[TokenSequence], size: int, advance: Advance = lambda _: None
) -> list[float]:
    """The raw score of each whole sequence, `size` at a time or as many as fit, those of like length together."""
    resident = slots.resident
    rows: list[Ids] = [(*sequence.prompt, *sequence.completion) for sequence in sequences]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found: dict[int, float] = {}

    def run(where: Sequence[int]) -> list[float]:
        ids, mask = pad([rows[i] for i in where], int(resident.tokenizer.pad_token_id), "right", resident.device)
        said: list[float] = slots.scores(ids, mask, name).tolist()
        return said

    def tokens(where: Sequence[int]) -> int:
        return len(where) * max(len(rows[i]) for i in where)

    with resident.measuring():
        for start in range(0, len(order), size):
            for where, said in resident.room.in_parts("scoring", order[start : start + size], run, tokens):
                found.update(zip(where, said, strict=True))
                advance(len(where))
    return [found[i] for i in range(len(rows))]
