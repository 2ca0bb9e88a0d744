"""What the tracker counts: real tensors and fake ones alike, and what it says a peak is made of."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from engine.simulation.allocator import MIB
from engine.simulation.tracker import Tracker


@pytest.fixture(params=["real", "fake"])
def tracker(request: pytest.FixtureRequest) -> Iterator[Tracker]:
    tracker = Tracker(frozenset({1000}))
    if request.param == "real":
        with tracker:
            tracker.begin()
            yield tracker
    else:
        with FakeTensorMode(), tracker:
            tracker.begin()
            yield tracker


def mebibytes(count: int) -> torch.Tensor:
    return torch.zeros(count * MIB, dtype=torch.uint8)


def test_a_tensor_counts_while_anything_holds_its_storage(tracker: Tracker) -> None:
    one = mebibytes(3)
    view = one[: MIB // 2]
    assert tracker.allocated == 3 * MIB
    del one
    assert tracker.allocated == 3 * MIB
    del view
    assert tracker.allocated == 0
    assert tracker.peak.allocated == 3 * MIB


def test_what_works_in_place_makes_nothing_new(tracker: Tracker) -> None:
    one = mebibytes(4)
    one.add_(1)
    assert tracker.allocated == 4 * MIB
    two = one + 1
    assert tracker.allocated == 8 * MIB
    del one, two


def test_autograd_holds_what_its_backward_needs(tracker: Tracker) -> None:
    weight = torch.nn.Parameter(torch.zeros(512, 1024))
    kept = torch.zeros(512, 1024)
    loss = (weight * kept).sum()
    del kept
    assert tracker.allocated >= 4 * MIB  # the product's backward needs it
    loss.backward()
    del loss
    tracker.mark(weight.grad, "gradients")
    assert tracker.parts["gradients"] == 2 * MIB
    assert tracker.allocated == 4 * MIB


def test_parts_add_up_to_what_is_allocated(tracker: Tracker) -> None:
    with tracker.making("weights"):
        weights = mebibytes(2)
    logits = torch.zeros(4, 1000, 300)
    host = mebibytes(6)
    tracker.mark(host, "host")
    assert tracker.parts["weights"] == 2 * MIB
    assert tracker.parts["logits"] >= 4 * 1000 * 300 * 4
    assert sum(tracker.parts.values()) == tracker.allocated
    tracker.mark(host, "activations")
    assert tracker.parts["activations"] == 6 * MIB
    assert sum(tracker.peak.parts.values()) == tracker.peak.allocated
    del weights, logits, host


def test_each_kind_of_moment_has_its_own_peak(tracker: Tracker) -> None:
    tracker.at("forward", "first", "forward through layer 1")
    one = mebibytes(8)
    del one
    tracker.at("forward", "last", "forward through layer 9")
    two = mebibytes(5)
    del two
    peaks = {moment: peak.allocated for moment, peak in tracker.peaks.items() if peak.allocated}
    assert peaks == {("forward", "first"): 8 * MIB, ("forward", "last"): 5 * MIB}
    assert tracker.peak.words == "forward through layer 1"


def test_a_stage_begins_with_what_is_alive(tracker: Tracker) -> None:
    kept, gone = mebibytes(3), mebibytes(7)
    del gone
    tracker.begin()
    assert (tracker.allocated, tracker.peak.allocated) == (3 * MIB, 3 * MIB)
    assert [size for _, size in tracker.events] == [3 * MIB]
    del kept
    gc.collect()
