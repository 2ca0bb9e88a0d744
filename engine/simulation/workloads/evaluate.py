"""`engine.stages.evaluate`: samples of the held-out prompts, KL over the whole vocabulary, held-out pairs.

Capability tasks run in batches that are bounded by the same number of logits, and keep fewer copies of them than KL.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.evaluation.forward import batch_of, chosen, groups
from engine.evaluation.kl import compare
from engine.models.slots import REWARD
from engine.models.tokens import TokenSequence
from engine.simulation.scene import Scene
from engine.simulation.workloads.sampling import sample
from engine.simulation.workloads.slots import ToldSlots, ones


def run(scene: Scene) -> None:
    settings, lengths, tracker = scene.config.evaluation, scene.lengths, scene.tracker
    count = settings.prompts * settings.completions
    sample(scene, min(settings.batch_size, count), lengths.prompt, lengths.sampled)
    with scene.resident.measuring():
        tracker.at("KL", "start", "measuring KL")
        _kl(scene, [_sequence(lengths.prompt, lengths.sampled)] * min(settings.batch_size, count))
        tracker.at("scoring", "start", "scoring held-out pairs")
        _pairs(scene, [_sequence(1, lengths.pair - 1)] * settings.batch_size)


def run_rewarded(scene: Scene) -> None:
    """The same beside the iteration's reward model, which scores what was sampled."""
    if scene.config.reward.model is not None:
        run(scene)
        return
    settings, lengths = scene.config.evaluation, scene.lengths
    with ToldSlots(scene, REWARD) as slots:
        run(scene)
        with scene.resident.measuring():
            count = min(settings.batch_size, settings.prompts * settings.completions)
            slots.scores(*ones(scene, count, lengths.to_evaluate))


def _kl(scene: Scene, sequences: Sequence[TokenSequence]) -> None:
    where = next(iter(groups(scene.resident, sequences, len(sequences))))
    with scene.tracker.selecting(len(where) * scene.lengths.sampled):
        compare(scene.resident, scene.resident.baseline, batch_of(scene.resident, sequences, where))


def _pairs(scene: Scene, sequences: Sequence[TokenSequence]) -> None:
    where = next(iter(groups(scene.resident, sequences, len(sequences))))
    with scene.tracker.selecting(len(where) * (scene.lengths.pair - 1)):
        chosen(scene.resident, batch_of(scene.resident, sequences, where))


def _sequence(prompt: int, completion: int) -> TokenSequence:
    return TokenSequence((0,) * prompt, (0,) * completion)
