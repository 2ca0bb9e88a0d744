"""A stand-in for the simulator: a plan by a formula, so that a test can say what a card must be to hold it."""

from __future__ import annotations

from engine.config import RunConfig
from engine.records import GIB, Plan, StagePeak

MIB = 2**20


class Formula:
    """Weights, then bytes by tokens for training and bytes by sequences for evaluation. Counts its calls."""

    def __init__(self) -> None:
        self.calls: list[RunConfig] = []

    def __call__(self, config: RunConfig) -> Plan:
        self.calls.append(config)
        return Plan(config.model.name, (self._training(config), self._evaluation(config)), 400 * MIB, 40 * MIB)

    def _weights(self, config: RunConfig) -> int:
        shape = config.model.architecture
        rows = shape.num_hidden_layers if shape else 32
        bits = 16 if config.model.quantization == "none" else 4 if config.model.double_quant else 5
        embeddings = 0 if config.model.embeddings_on_cpu else GIB
        return rows * 64 * MIB * bits // 8 + embeddings

    def _training(self, config: RunConfig) -> StagePeak:
        training, model = config.training, config.model
        parts = {
            "weights": self._weights(config),
            "adapters": model.lora_r * 8 * MIB,
            "optimizer": model.lora_r * (16 if training.optimizer == "adamw" else 4) * MIB,
            "checkpoints": 0 if model.checkpoint_offload else training.batch_size * training.max_length * MIB // 4,
            "activations": training.batch_size * training.max_length * MIB * (1 if model.gradient_checkpointing else 8),
        }
        allocated = sum(parts.values())
        slack = 0 if model.expandable_segments else 100 * MIB
        return StagePeak("dpo", allocated, allocated + 2 * slack, allocated + slack, parts, "the backward of layer 12")

    def _evaluation(self, config: RunConfig) -> StagePeak:
        parts = {"weights": self._weights(config), "kv_cache": config.evaluation.batch_size * 20 * MIB}
        allocated = sum(parts.values())
        return StagePeak("evaluate", allocated, allocated, allocated, parts, "the last token")
