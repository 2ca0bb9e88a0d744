"""What judges and critics spent, told as it happens and kept with the stage that spent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.stages.job import Job

Spent = Mapping[str, Mapping[str, float]]
"""By the judge's name: `calls`, `tokens_in`, …, as its `take_usage` gives them."""


def tell(job: Job, spent: Spent) -> dict[str, Any]:
    """Say what was spent, a line each, and give it as the ledger keeps it: without those that did nothing."""
    worked = {name: dict(each) for name, each in spent.items() if any(each.values())}
    for name, each in worked.items():
        job.say("judge", f"{name}: {words(each)}", "warn" if each.get("malformed") else "info")
    return {"judging": worked} if worked else {}


def words(spent: Mapping[str, float]) -> str:
    """`96 calls at 3.2 a second, 41,203 tokens read and 310 written, cost 0.0123`; of people, what they answered."""
    if "answered" in spent:
        return f"{spent['answered']:,.0f} of {spent['asked']:,.0f} comparisons answered, the rest count as ties"
    calls, wall = spent.get("calls", 0), spent.get("wall", 0)
    rate = f" at {calls / wall:.3g} a second" if wall else ""
    parts = [f"{calls:,.0f} calls{rate}"]
    parts.append(f"{spent.get('tokens_in', 0):,.0f} tokens read and {spent.get('tokens_out', 0):,.0f} written")
    parts += [f"cost {spent['cost']:.4g}"] if spent.get("cost") else []
    parts += [f"{spent['retries']:.0f} tried again"] if spent.get("retries") else []
    parts += [f"{spent['malformed']:.0f} answers unreadable"] if spent.get("malformed") else []
    return ", ".join(parts)
