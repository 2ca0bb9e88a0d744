"""A reward model as the judge: a sequence classifier with one output, as TRL's RewardTrainer saves it, or one that this
program's reward stage has left: an adapter with a scalar head, on the run's own base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from engine.config.schema import RewardModelConfig
from engine.errors import JudgeError
from engine.judges.base import Progress, Scored, ScoringJudge
from engine.text import one_line

KEY = "judges.reward_model.path"

Scores = Callable[[Sequence[Scored], Progress | None], list[float]]
"""The head's score of each item, in its own units."""


class HeadJudge(ScoringJudge):
    """The score of a scalar head on the base that is loaded anyway: an adapter's memory, and no second model."""

    name, margin = "reward_model", 1e-3

    def __init__(self, scores: Scores) -> None:
        self._scores = scores

    def score(self, prompt: str, completion: str) -> float:
        return self.scores([(prompt, completion)])[0]

    def scores(self, items: Sequence[Scored], progress: Progress | None = None) -> list[float]:
        return self._scores(items, progress)


class RewardJudge(ScoringJudge):
    """The model's logit for prompt and completion, in its own units. Raises JudgeError where it is no reward model.

    A tokenizer with a chat template gets the two as a conversation, any other gets them as a pair of texts. `key` is
    where the config names the model.
    """

    name = "reward_model"
    margin = 1e-3

    def __init__(self, config: RewardModelConfig, device: str, key: str = KEY) -> None:
        self._model, self._tokenizer = _load(str(config.path), device, key)
        self._size, self._device = config.batch_size, device

    def score(self, prompt: str, completion: str) -> float:
        return self.scores([(prompt, completion)])[0]

    def scores(self, items: Sequence[Scored], progress: Progress | None = None) -> list[float]:
        """In batches of like length, so that little is padded."""
        encoded = [self._encode(*item) for item in items]
        order = sorted(range(len(items)), key=lambda i: len(encoded[i]["input_ids"]))
        found: dict[int, float] = {}
        for start in range(0, len(order), self._size):
            batch = order[start : start + self._size]
            found.update(zip(batch, self._logits([encoded[i] for i in batch]), strict=True))
            if progress:
                progress(len(found), len(items))
        return [found[i] for i in range(len(items))]

    def _encode(self, prompt: str, completion: str) -> dict[str, list[int]]:
        """Token ids; of a text that is too long its beginning is cut, so that the completion's end is read."""
        tokenizer = self._tokenizer
        if tokenizer.chat_template:
            turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
            text = tokenizer.apply_chat_template(turns, tokenize=False)
            return dict(tokenizer(text, add_special_tokens=False, truncation=True))
        return dict(tokenizer(prompt, completion, truncation=True))

    @torch.no_grad()
    def _logits(self, batch: Sequence[dict[str, list[int]]]) -> list[float]:
        padded = self._tokenizer.pad(list(batch), return_tensors="pt").to(self._device)
        values: list[float] = self._model(**padded).logits[:, 0].float().tolist()
        return values


def require_classifier(path: str, key: str) -> None:
    """By its config alone, without its weights. Raises JudgeError where it cannot be a reward model."""
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
    except Exception as error:  # as below
        raise _unreadable(path, key, error) from None
    kinds = [name for name in config.architectures or () if "SequenceClassification" not in name]
    _require_one_output(path, key, config, f"is a {kinds[0]}" if kinds else "")


def _load(path: str, device: str, key: str) -> tuple[Any, Any]:
    """Only safetensors: a pickle can run code."""
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            path, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except Exception as error:  # transformers raises nearly anything for a folder that it cannot read
        raise _unreadable(path, key, error) from None
    missing = sorted(report["missing_keys"])  # a language model would load too, with a head of random weights
    _require_one_output(path, key, model.config, f"has no weights for {', '.join(missing[:3])}" if missing else "")
    _fit(tokenizer, model)
    return model.to(device).eval(), tokenizer


def _unreadable(path: str, key: str, error: Exception) -> JudgeError:
    return JudgeError(
        f"{key} = {path}: cannot be loaded: {one_line(str(error))}",
        remedy="give the folder of a sequence classifier: config.json, model.safetensors and a tokenizer",
    )


def _require_one_output(path: str, key: str, config: Any, problem: str) -> None:
    """`problem` is what was found already; without one the outputs are counted."""
    if not problem and config.num_labels != 1:
        problem = f"has {config.num_labels} outputs, and a reward is one"
    if problem:
        raise JudgeError(
            f"{key} = {path} is no reward model: it {problem}",
            remedy="give one that was trained with num_labels=1, as TRL's RewardTrainer does",
        )


def _fit(tokenizer: Any, model: Any) -> None:
    """A pad token that both know (the model finds a text's last token by it), and the model's window as the limit."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    tokenizer.padding_side, tokenizer.truncation_side = "right", "left"
    window = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
    tokenizer.model_max_length = min(tokenizer.model_max_length, window)
