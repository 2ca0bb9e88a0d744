"""What a person calls a metric, a step, a state."""

from __future__ import annotations

from engine.records import KL, PREFERENCE_ACCURACY, WIN_RATE, DataStep, Iteration

_SHORT = {
    WIN_RATE: "win rate",
    KL: "KL",
    PREFERENCE_ACCURACY: "preference",
    "reward_accuracy": "reward acc",
    "kl_sequence": "KL/sequence",
    "kl_parent": "KL to parent",
    "perplexity": "perplexity",
    "length_ratio": "length ratio",
}
LOWER_IS_BETTER = frozenset({KL, "perplexity", "kl_sequence", "kl_parent", "truncation_rate", "reward_variance"})
_FIRST = (WIN_RATE, PREFERENCE_ACCURACY, "reward_accuracy")


def short(metric: str) -> str:
    return _SHORT.get(metric, metric.replace("_", " "))


def data_line(step: DataStep) -> str:
    """What to do about data, and why where the line does not say it."""
    text = step.text or f"{step.action} {step.about}".strip()
    return f"{text}: {step.why}" if step.why and step.why not in text else text


def capabilities(iterations: tuple[Iteration, ...]) -> list[str]:
    """Names of the capability metrics of a run, in the order in which they were first measured."""
    return list(
        dict.fromkeys(
            name for one in iterations for name, metric in one.metrics.items() if metric.group == "capability"
        )
    )


def in_order(iterations: tuple[Iteration, ...]) -> list[str]:
    """Every metric of these iterations: the goal first, then capability, then KL and the rest of quality."""
    every = list(dict.fromkeys(name for one in iterations for name in one.metrics))
    head = [name for name in _FIRST if name in every]
    able = capabilities(iterations)
    tail = [name for name in every if name not in head and name not in able]
    return [*head, *able, *sorted(tail, key=lambda name: name != KL)]
