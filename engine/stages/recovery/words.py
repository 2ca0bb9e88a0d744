"""What is said when memory runs out in training, for a person."""

from __future__ import annotations

from typing import Any

from engine.stages.recovery.ladder import Plan, Shape

SAME = "the batch and its gradients stay the same"
OR_ELSE = "Free memory on the card and resume to try again, or stop and change the config"


def stepped_down(shape: Shape, tried: Plan, now: Plan, step: int) -> str:
    """Told once for each step down the ladder."""
    if now.way == "pairs":
        instead = f"{_count(now.count, 'pair')} at a time from here on"
    else:
        instead = f"{_count(now.count, 'sequence')} at a time from here on, at the cost of one more forward"
    return f"step {step}: {_at_once(shape, tried)} did not fit in memory; {instead}; {SAME}"


def no_room(shape: Shape, args: Any, step: int) -> str:
    """Where one row alone does not fit. Says what would."""
    return (
        f"step {step + 1}: one sequence of {shape.width:,} tokens does not fit in memory, even alone; "
        f"the last {_count(step, 'step')} are kept. What would fit: {', '.join(_remedies(args))}. {OR_ELSE}"
    )


def no_optimizer(kind: str) -> str:
    smaller = "" if "8bit" in str(kind) else "training.optimizer: adamw_8bit, or "
    return (
        "the optimizer's state does not fit in memory beside the model; nothing was trained yet. "
        f"What would fit: {smaller}a lower model.lora_r. {OR_ELSE}"
    )


def _remedies(args: Any) -> list[str]:
    found = [] if args.gradient_checkpointing else ["model.gradient_checkpointing: true"]
    if not getattr(args, "precompute_ref_log_probs", True):
        found.append("training.precompute_reference: true")
    return [*found, "model.checkpoint_offload: true", "model.quantization: nf4", "a lower training.max_length"]


def _at_once(shape: Shape, tried: Plan) -> str:
    width = f"of {shape.width:,} tokens a side" if shape.items else f"of {shape.width:,} tokens"
    if tried.way == "pieces" or not shape.items:
        return f"{_count(tried.count if tried.way == 'pieces' else shape.rows, 'sequence')} {width} at once"
    return f"{_count(tried.count, 'pair')} {width} at once"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
