"""How long texts are, where only a run could tell: the longest that the config allows, said as an assumption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.config.schema import RunConfig


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens. `pair` is a padded training sequence; `prompt` one that is answered, in collection, in PPO's rollouts (by
    `rolled` tokens) and in evaluation.
    """

    pair: int
    prompt: int
    collected: int
    sampled: int
    rolled: int
    assumed: tuple[str, ...]

    @property
    def to_collect(self) -> int:
        return self.prompt + self.collected

    @property
    def to_evaluate(self) -> int:
        return self.prompt + self.sampled


def lengths_of(config: RunConfig, shape: Any) -> Lengths:
    """Each sequence as long as `training.max_length` or the model's window lets it be."""
    window = getattr(shape.get_text_config(), "max_position_embeddings", None) or config.training.max_length
    pair = min(config.training.max_length, window)
    sections = (config.data, config.evaluation, config.ppo)
    collected, sampled, rolled = (min(section.max_new_tokens, window - 1) for section in sections)
    longest = max(collected, sampled, rolled if config.recipe == "rlhf" else 0)
    prompt = max(1, min(pair - min(collected, pair // 2), window - longest))
    assumed = (
        f"pairs as long as training.max_length lets them be: {pair} tokens",
        f"prompts of {prompt} tokens",
    )
    return Lengths(pair, prompt, collected, sampled, rolled, assumed)
