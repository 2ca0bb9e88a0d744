"""From few layers to all: the line through two depths, kinds of layers that repeat, and the worse of two overheads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from engine.simulation.extrapolate import Measured, extrapolated, few_layers
from engine.simulation.tracker import Peak

FULL, WINDOW = "full_attention", "sliding_attention"


def shape(layers: int, kinds: list[str] | None = None) -> Any:
    text = SimpleNamespace(num_hidden_layers=layers, layer_types=kinds)
    return SimpleNamespace(get_text_config=lambda: text)


@pytest.mark.parametrize(
    ("layers", "kinds", "counts"),
    [
        (32, None, (2, 4)),
        (32, [FULL] * 32, (2, 4)),
        (26, [WINDOW, FULL] * 13, (2, 4)),
        (24, ([WINDOW] * 5 + [FULL]) * 4, (6, 12)),
        (4, None, None),
        (12, ([WINDOW] * 5 + [FULL]) * 2, None),
    ],
)
def test_few_layers_hold_each_kind_as_often_as_all_do(
    layers: int, kinds: list[str] | None, counts: tuple[int, int] | None
) -> None:
    assert few_layers(shape(layers, kinds)) == counts


def measured(layers: int, overhead: int) -> Measured:
    """100 bytes and 10 a layer while the first layer works; 300 and 2 a layer at the output layer."""
    peaks = {
        ("backward", "first"): Peak(100 + 10 * layers, {"weights": 100, "checkpoints": 10 * layers}, "layer 1"),
        ("backward", "last"): Peak(90 + 10 * layers, {"weights": 90, "checkpoints": 10 * layers}, f"layer {layers}"),
        ("forward", "head"): Peak(300 + 2 * layers, {"logits": 300, "weights": 2 * layers}, "head"),
    }
    allocated = max(peak.allocated for peak in peaks.values())
    return Measured("dpo", peaks, allocated + 2 * overhead, allocated + overhead)


def test_another_moment_can_be_the_peak_of_a_deep_model_than_of_a_shallow_one() -> None:
    few, more = measured(2, overhead=7), measured(4, overhead=5)
    assert more.allocated == 308
    whole = extrapolated(few, more, (2, 4), 32)
    assert (whole.allocated, whole.capacity, whole.reserved) == (420, 427, 434)
    peak = whole.peaks["backward", "first"]
    assert peak.parts == {"weights": 100, "checkpoints": 320}
    assert whole.peaks["backward", "last"].words == "layer 32"
    assert whole.peaks["forward", "head"].parts == {"logits": 300, "weights": 64}
