"""A plan against a card in a few words, the same in the terminal, before a start and in an error."""

from __future__ import annotations

from engine.memory.planning.cards import examples, smallest
from engine.memory.planning.room import Room
from engine.records import GIB, Plan

STAGES = {
    "collect": "sampling answers",
    "evaluate": "evaluation",
    "baseline": "the baseline's evaluation",
    "dpo": "training",
    "sft": "supervised training",
    "reward": "the reward model's training",
    "ppo": "PPO",
}
PARTS = {
    "weights": "weights",
    "adapters": "adapters",
    "gradients": "gradients",
    "optimizer": "optimizer state",
    "checkpoints": "checkpoints of layers",
    "activations": "activations",
    "logits": "logits, in tiles",
    "kv_cache": "KV cache",
    "reference": "reference",
    "heads": "reward and value heads",
    "other": "other",
}


def size(held: float) -> str:
    """`6.54 GiB`: to a hundredth, since that is what decides."""
    return f"{held / GIB:.2f} GiB"


def verdict(plan: Plan, room: Room) -> str:
    """`fits the RTX 4070, 4.10 GiB to spare`, `will not fit what is free of the RTX 4070 now: 1.20 GiB too much`."""
    spare = room.limit - plan.capacity
    where = place(room)
    match room.holds(plan.capacity):
        case "fits":
            return f"fits {where}, {size(spare)} to spare"
        case "tight":
            return f"tight on {where}: only {size(spare)} to spare"
    return f"will not fit {where}: {size(-spare)} too much"


def place(room: Room) -> str:
    """What a run is held against."""
    return f"the {room.name}" if room.free is None else f"what is free of the {room.name} now"


def peak_line(plan: Plan) -> str:
    """`training peaks, in the backward of layer 12`."""
    peak = plan.peak
    stage = STAGES.get(peak.stage, peak.stage)
    return f"{stage} peaks: {peak.at}" if peak.at else f"{stage} peaks"


def smallest_line(plan: Plan) -> str:
    """`8 GiB, such as RTX 4060, RTX 3070`."""
    card = smallest(plan.capacity)
    if card is None:
        return "none on sale: this needs several cards, or a smaller model"
    named = examples(card)
    return f"{card.total // GIB} GiB" + (f", such as {', '.join(named)}" if named else "")
