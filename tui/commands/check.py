"""`pilothouse check`: a config validated, resolved and put into words; nothing starts."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from engine.config import RunConfig, load_config
from engine.config.schema import MemoryConfig, TrainingConfig
from engine.records.objectives import mixture
from tui.commands.inputs import as_yaml, settle
from tui.commands.output import say


def check(args: Namespace) -> int:
    config = settle(load_config(Path(args.config), args.settings), args.config)
    say(as_yaml(config).rstrip(), "", *(f"# {line}" for line in outline(config)), "# Nothing was started.")
    return 0


def outline(config: RunConfig) -> Iterator[str]:
    """What a run of this config would do, in a few lines."""
    model, evaluation = config.model, config.evaluation
    weights = "the embedded demo model, built and trained first" if model.name == "demo" else model.name
    precision = "" if model.quantization == "none" else f", base in {model.quantization}"
    yield f"Trains {weights} by {_method(config)} with LoRA of rank {model.lora_r}{precision}."
    yield f"Pairs: {_pairs(config)}."
    yield _iteration(config)
    yield from _idle(config)
    yield f"Evaluates {evaluation.completions} completions of each of {evaluation.prompts} held-out prompts."
    yield from _memory(config.memory)
    yield f"At a gate {_decider(config)}. Stops after {_budget(config)}."


def _iteration(config: RunConfig) -> str:
    training, saved = config.training, f"a checkpoint every {config.training.checkpoint_steps} steps"
    if config.recipe == "dpo":
        pairs = training.batch_size * training.accumulation
        return f"An iteration: {training.max_steps} steps of {pairs} pairs, held to {_reference(training)}, {saved}."
    ppo = config.ppo
    kl = (
        f"KL near {ppo.target_kl:g} nats a {ppo.kl_per}"
        if ppo.adaptive and ppo.algorithm == "ppo"
        else f"KL at a fixed price of {training.beta:g}"
    )
    first = f"{config.sft.max_steps} steps of SFT, {config.reward.max_steps} of the reward model"
    updates = f"{training.max_steps} {ppo.name} updates of {ppo.rollouts} samples"
    updates += "" if ppo.algorithm == "ppo" else f", {ppo.group} of each prompt"
    return (
        f"An iteration: {first}, {updates}, {kl} from {'SFT' if ppo.reference == 'sft' else 'the baseline'}, {saved}."
    )


def _idle(config: RunConfig) -> Iterator[str]:
    """What was set to no effect: an algorithm without a value model has no use for its settings."""
    if config.recipe == "rlhf" and config.ppo.idle:
        yield f"Says nothing to {config.ppo.name}: {', '.join(f'ppo.{name}' for name in config.ppo.idle)}."


def _memory(memory: MemoryConfig) -> Iterator[str]:
    if memory.chosen:
        yield f"Chosen by auto: fit for its card: {'; '.join(memory.chosen)}."
    elif memory.auto == "fit":
        yield f"What would not fit {memory.card or 'the card here'} is mended by auto: fit when a run is made."


def _method(config: RunConfig) -> str:
    objective = mixture(config.training.loss_type)
    if config.recipe != "dpo":
        return config.recipe.upper() + ("" if config.ppo.algorithm == "ppo" else f" ({config.ppo.name})")
    if objective.family != "dpo" or objective.name == "sigmoid":
        return objective.family.upper()
    return f"DPO (loss {objective.name})"


def _reference(training: TrainingConfig) -> str:
    if not mixture(training.loss_type).reference:
        return "no reference"
    return "the baseline" if training.reference == "base" else "the parent"


def _pairs(config: RunConfig) -> str:
    data = config.data
    recorded = f"recorded in {data.path or data.dataset}, {data.held_out:.0%} of them held out"
    sampled = f"sampled from the policy, {data.completions} completions of {data.prompts} prompts an iteration"
    return {"file": recorded, "on_policy": sampled, "both": f"{recorded}; and {sampled}"}[data.source]


def _decider(config: RunConfig) -> str:
    if config.decide == "ask":
        return "it waits for your decision"
    return "the rules decide" + ("" if config.decide == "auto" else f" after {config.decide:g} s")


def _budget(config: RunConfig) -> str:
    budget = config.budget
    limits = {"iteration": budget.iterations, "hour": budget.wall_hours, "GPU hour": budget.gpu_hours}
    told = (f"{value:g} {unit}{'s' * (value != 1)}" for unit, value in limits.items() if value is not None)
    return " or ".join(told) or "no limit: you do"
