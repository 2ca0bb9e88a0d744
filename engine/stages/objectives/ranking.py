"""RRHF (Yuan et al., arXiv 2304.05302): likelier answers should be better ones, and the best is learned by heart.

With p_i the mean log-probability of answer i's tokens (the paper's length normalisation), for one prompt's answers:

    L = Σ over ordered pairs (better, worse) of max(0, p_worse - p_better)  -  p_best

A hinge without a margin: a pair in the right order adds nothing. The paper writes the second term as a sum over tokens;
here it is their mean, as in its authors' code, so that a long best answer does not drown the ranking. No reference and
no beta: `training.reference` says nothing here, and KL to the baseline is only measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer

from engine.config.schema import RunConfig
from engine.data.task import Pair
from engine.models.resident import Resident
from engine.models.tokens import pad, sequence_ids
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.objectives.arguments import WEIGHT
from engine.stages.objectives.groups import Group, groups
from engine.stages.recovery import SurvivesOom

COLUMNS = ["answers", "prompts", "ordered", "best"]
"""Token ids of prompt and answer, by answer; the prompt's length in them; places of better and worse; of the best."""


def ranking_loss(means: torch.Tensor, ordered: torch.Tensor, best: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(ranking term, likelihood term), both scalars: means over the batch's groups, in nats per token.

    `means` (answers,) are mean log-probabilities a token, `ordered` (pairs, 2) places of better and worse,
    `best` (groups,) the places of the best answers.
    """
    better, worse = means[ordered[:, 0]], means[ordered[:, 1]]
    return torch.relu(worse - better).sum() / len(best), -means[best].mean()


@dataclass
class GroupCollator:
    """Rows of `group_rows` into one batch: all answers below each other, places counted through."""

    pad_token_id: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        answers = [tuple(ids) for row in rows for ids in row["answers"]]
        starts = torch.tensor([length for row in rows for length in row["prompts"]])
        ids, mask = pad(answers, self.pad_token_id, "right", torch.device("cpu"))
        completion = mask * (torch.arange(ids.shape[1]) >= starts[:, None])
        ordered, best, offset = [], [], 0
        for row in rows:
            ordered += [[offset + better, offset + worse] for better, worse in row["ordered"]]
            best.append(offset + row["best"])
            offset += len(row["answers"])
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "completion_mask": completion,
            "ordered": torch.tensor(ordered),
            "best": torch.tensor(best),
        }


class RankingTrainer(SurvivesOom, WholeCheckpoints, DPOTrainer):  # type: ignore[misc]
    """TRL's DPOTrainer for everything but the loss: its head in chunks, its metrics, its dropout and casting."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = COLUMNS

    def _compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool) -> torch.Tensor:
        mask = inputs["completion_mask"][:, 1:]
        outputs = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            labels=inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100),
            use_cache=False,
            fused_lm_head=True,
        )
        sums, lengths = (outputs.log_probs * mask).sum(1), mask.sum(1).clamp(min=1)
        means, ordered, best = sums / lengths, inputs["ordered"], inputs["best"]
        rank, likelihood = ranking_loss(means, ordered, best)
        with torch.no_grad():
            entropy = (outputs.entropy * mask).sum() / mask.sum().clamp(min=1)
            right = (outputs.is_top1 * mask)[best].sum() / mask[best].sum().clamp(min=1)
            self._measure(sums, means, ordered, inputs["attention_mask"].sum())
            self._add({"rank_loss": rank, "nll_loss": likelihood, "entropy": entropy, "mean_token_accuracy": right})
        return rank + likelihood

    def _measure(self, sums: torch.Tensor, means: torch.Tensor, ordered: torch.Tensor, tokens: torch.Tensor) -> None:
        """TRL's names for what a preference loss shows; a reward is here what the paper ranks by, p."""
        better, worse = ordered[:, 0], ordered[:, 1]
        margins = means[better] - means[worse]
        self._total_train_tokens += int(self.accelerator.gather_for_metrics(tokens).sum().item())
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        self._add({
            "rewards/chosen": means[better].mean(),
            "rewards/rejected": means[worse].mean(),
            "rewards/margins": margins.mean(),
            "rewards/accuracies": (margins > 0).float().mean(),
            "logps/chosen": sums[better].mean(),
            "logps/rejected": sums[worse].mean(),
        })  # fmt: skip

    def _add(self, values: dict[str, torch.Tensor]) -> None:
        for name, value in values.items():
            self._metrics["train"][name].append(self.accelerator.gather_for_metrics(value.detach()).mean().item())


def ranking_trainer(
    resident: Resident, pairs: Sequence[Pair], config: RunConfig, arguments: dict[str, Any], callback: TrainerCallback
) -> RankingTrainer:
    """`batch_size` counts groups: with pairs alone two answers each, with more answers a prompt as many as it has."""
    return RankingTrainer(
        model=resident.model,
        args=DPOConfig(**arguments),
        data_collator=GroupCollator(resident.tokenizer.pad_token_id),
        train_dataset=Dataset.from_list(group_rows(resident, groups(pairs), config.training.max_length)),
        processing_class=resident.tokenizer,
        callbacks=[callback],
    )


def group_rows(resident: Resident, found: Sequence[Group], max_length: int) -> list[dict[str, Any]]:
    """The groups in token ids, cut off at `max_length`; without those whose prompt leaves no room for an answer."""
    rows = []
    for group in found:
        sequences = [sequence_ids(resident.tokenizer, group.prompt, text) for text in group.answers]
        answers = [list((sequence.prompt + sequence.completion)[:max_length]) for sequence in sequences]
        if max(len(sequence.prompt) for sequence in sequences) < max_length:
            rows.append({
                "answers": answers,
                "prompts": [len(sequence.prompt) for sequence in sequences],
                "ordered": [list(edge) for edge in group.ordered],
                "best": group.best,
                "length": max(map(len, answers)),
                WEIGHT: group.weight,
            })  # fmt: skip
    return rows
