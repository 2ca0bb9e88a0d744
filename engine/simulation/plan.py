"""A run's stages one after the other on the same fake model: the plan."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

from engine.config.schema import RunConfig
from engine.records import Plan, StagePeak
from engine.simulation.allocator import MIB, replay, smallest_capacity
from engine.simulation.architecture import model_config
from engine.simulation.extrapolate import Measured, extrapolated, few_layers
from engine.simulation.scene import Scene, scene
from engine.simulation.tracker import Tracker
from engine.simulation.workloads import workloads_of

CONTEXT = 512 * MIB
"""What the driver keeps for a process that uses CUDA: 0.3 to 0.7 GiB, by card and driver."""

WORKSPACES = 2 * (8 * MIB + MIB // 8) + 2 * MIB
"""cuBLAS's and cublasLt's, for the forward's and the backward's thread each (CUBLAS_WORKSPACE_CONFIG's default)."""

Told = Callable[[str], None]


def plan(config: RunConfig, *, quick: bool = False, told: Told = lambda _: None) -> Plan:
    """What each stage takes. `quick` runs few layers and draws the line on. Raises PlanError."""
    began = time.perf_counter()
    shape = model_config(config.model)
    counts = few_layers(shape) if quick else None
    layers = shape.get_text_config().num_hidden_layers
    if counts is None:
        measured, assumed = measure(config, shape, None, told)
    else:
        few, assumed = measure(config, shape, counts[0], told)
        more, _ = measure(config, shape, counts[1], told)
        measured = [extrapolated(a, b, counts, layers) for a, b in zip(few, more, strict=True)]
    return Plan(
        model=config.model.name,
        stages=tuple(stage_peak(one) for one in measured),
        context=CONTEXT,
        workspaces=WORKSPACES,
        extrapolated=counts is not None,
        seconds=round(time.perf_counter() - began, 2),
        assumed=assumed,
    )


def measure(config: RunConfig, shape: Any, layers: int | None, told: Told) -> tuple[list[Measured], tuple[str, ...]]:
    """(each stage on the model with so many layers, what was assumed)."""
    gc.disable()  # what dies in a cycle would die at another moment each time, and looking for cycles takes long
    try:
        told(f"building {config.model.name}" + (f", {layers} layers" if layers else ""))
        with scene(config, shape, layers) as built:
            found = []
            for workload in workloads_of(config):
                told(workload.stage + (f", {layers} layers" if layers else ""))
                found.append(run_stage(built, workload.stage, workload.run))
            return found, (*built.lengths.assumed, *_assumed(config))
    finally:
        gc.enable()


def run_stage(built: Scene, stage: str, run: Callable[[Scene], None]) -> Measured:
    """What that stage takes, on a card that holds the model and nothing of the stages before."""
    gc.collect(0)  # what was made since the last time: the model is there to stay
    built.tracker.begin()
    run(built)
    return _measured(stage, built.tracker, getattr(built.config.model, "expandable_segments", False))


def stage_peak(measured: Measured) -> StagePeak:
    peak = max(measured.peaks.values(), key=lambda one: one.allocated)
    parts = {name: size for name, size in peak.parts.items() if size}
    return StagePeak(measured.stage, peak.allocated, measured.reserved, measured.capacity, parts, peak.words)


def _measured(stage: str, tracker: Tracker, expandable: bool) -> Measured:
    unbounded = replay(tracker.events, expandable=True) if expandable else tracker.allocator
    capacity = smallest_capacity(tracker.events, expandable=expandable, step=2 * MIB, unbounded=unbounded)
    return Measured(stage, dict(tracker.peaks), unbounded.peak_reserved, capacity)


def _assumed(config: RunConfig) -> tuple[str, ...]:
    found = []
    if config.model.device == "cpu":
        found.append("a CUDA card, though model.device is cpu")
    if config.data.generator == "vllm" and config.data.source != "file":
        found.append("vLLM's share of the card is not counted")
    if "reward_model" in (config.judges.training, config.judges.held_out):
        found.append("the reward model that judges is not counted: add the size of its weights")
    if config.evaluation.tasks:
        found.append("benchmark tasks take no more than KL: their batches are bounded by the same number of logits")
    return (*found, *(words for workload in workloads_of(config) for words in workload.assumed(config)))
