"""On-policy samples at temperature 1, side by side in one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.data.task import Prompt
from engine.models.generate import Completion, fit, generate
from engine.models.resident import POLICY, Resident
from engine.models.slots import Slots
from engine.models.tokens import Ids, prompt_ids

GENERATED = 4  # times the forward's batch: a generating model keeps no activations


@dataclass(frozen=True, slots=True)
class Rollout:
    """`ids` and `mask` (samples, width): prompts padded on the left up to column `start`, completions on the right.

    `actions` (samples, width - start) is 1 on the completions' tokens, the end token among them.
    """

    prompts: tuple[Prompt, ...]
    completions: tuple[Completion, ...]
    ids: Tensor
    mask: Tensor
    start: int

    @property
    def actions(self) -> Tensor:
        return self.mask[:, self.start :].float()

    def tokens(self, rows: Sequence[int]) -> int:
        """What so many samples are at once on the device, padding included."""
        return len(rows) * self.ids.shape[1]

    @property
    def finished(self) -> Tensor:
        """1 for each sample that ended by itself: (samples,)."""
        ends = [float(completion.finished) for completion in self.completions]
        return torch.tensor(ends, device=self.ids.device)


def roll_out(
    slots: Slots,
    prompts: Sequence[Prompt],
    *,
    max_new_tokens: int,
    batch_size: int,
    seed: int,
    beat: Callable[[], None] = lambda: None,
) -> Rollout:
    """One sample a prompt. Prompts of like length are generated together; `batch_size` is that of a forward."""
    resident = slots.resident
    with slots.use(POLICY):
        completions = generate(
            resident,
            [prompt.content for prompt in prompts],
            max_new_tokens=max_new_tokens,
            temperature=1.0,
            seed=seed,
            batch_size=GENERATED * batch_size,
            progress=lambda *_: beat(),
        )
    asked = [fit(resident, prompt_ids(resident.tokenizer, prompt.content), max_new_tokens) for prompt in prompts]
    ids, mask, start = pack(resident, asked, [completion.ids for completion in completions])
    return Rollout(tuple(prompts), tuple(completions), ids, mask, start)


def pack(resident: Resident, prompts: Sequence[Ids], completions: Sequence[Ids]) -> tuple[Tensor, Tensor, int]:
    """(ids, mask, the first completion's column): one column is where every completion begins."""
    start, longest = max(map(len, prompts)), max(map(len, completions))
    ids = torch.full((len(prompts), start + longest), int(resident.tokenizer.pad_token_id))
    mask = torch.zeros_like(ids)
    for i, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        where = slice(start - len(prompt), start + len(completion))
        ids[i, where] = torch.tensor((*prompt, *completion))
        mask[i, where] = 1
    return ids.to(resident.device), mask.to(resident.device), start
