"""`engine.stages.collect`: the policy's completions of an iteration's prompts."""

from __future__ import annotations

from engine.config.schema import RunConfig
from engine.simulation.scene import Scene
from engine.simulation.workloads.sampling import sample


def applies(config: RunConfig) -> bool:
    """Recorded pairs cost no memory on the card, and vLLM has its own share of it."""
    return config.data.source != "file" and config.data.generator == "transformers"


def run(scene: Scene) -> None:
    data = scene.config.data
    sample(scene, min(data.batch_size, data.prompts * data.completions), scene.lengths.prompt, scene.lengths.collected)
