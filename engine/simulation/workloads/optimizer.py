"""An optimizer's state as it is from the second step on, and gradients told apart as they come."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.simulation.tracker import Tracker


def warmed(tracker: Tracker, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Take a step on gradients of zero."""
    parameters = parameters_of(optimizer)

    def hook(parameter: torch.Tensor) -> None:
        tracker.mark(parameter.grad, "gradients")

    tracker.at("optimizer", "", "the optimizer's first step")
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
        tracker.mark(parameter.grad, "gradients")
        parameter.register_post_accumulate_grad_hook(hook)  # type: ignore[no-untyped-call]
    with tracker.making("optimizer"):
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return optimizer


def step(tracker: Tracker, optimizer: torch.optim.Optimizer, max_grad_norm: float) -> None:
    """As a trainer steps: gradients are clipped first, and gone afterwards."""
    tracker.at("optimizer", "", "the optimizer's step")
    torch.nn.utils.clip_grad_norm_(parameters_of(optimizer), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def parameters_of(optimizer: torch.optim.Optimizer) -> Sequence[torch.Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
