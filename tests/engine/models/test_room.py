"""Where a batch does not fit, halves of it are done instead: nothing is lost, nothing is done twice, and it is told."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from engine.errors import NoRoomError
from engine.models.generate import generate
from engine.models.resident import Resident
from engine.models.room import Room, is_out_of_memory
from tests.fixtures.tight import tight
from tests.fixtures.untrained import untrained_resident

PROMPTS = ["ask : my lamp is broken . reply :"] * 3 + ["ask : my fan is broken . reply :"] * 4


@pytest.fixture(scope="module", autouse=True)
def _quick_collection() -> Iterator[None]:
    """As in the engine, what is loaded is not gone through when garbage is collected."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def room() -> Room:
    return Room()


class Device:
    """Takes parts of up to `fits` items."""

    def __init__(self, fits: int) -> None:
        self.fits, self.tried = fits, list[int]()

    def __call__(self, part: Sequence[int]) -> list[int]:
        self.tried.append(len(part))
        if len(part) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [item * item for item in part]


def work(room: Room, device: Device, items: Sequence[int]) -> list[int]:
    return [value for _, values in room.in_parts("squares", items, device, len) for value in values]


def test_a_batch_that_fits_is_done_at_once(room: Room) -> None:
    device = Device(8)
    assert work(room, device, range(8)) == [i * i for i in range(8)]
    assert device.tried == [8]
    assert room.most("squares") is None


@pytest.mark.parametrize("fits", [1, 3, 5])
def test_parts_come_in_order_and_the_size_that_fitted_is_remembered(room: Room, fits: int) -> None:
    told: list[str] = []
    room.tell, device = told.append, Device(fits)
    assert work(room, device, range(11)) == [i * i for i in range(11)]
    assert len(told) == sum(size > fits for size in device.tried)
    device.tried.clear()
    assert work(room, device, range(11)) == [i * i for i in range(11)]
    assert max(device.tried) <= fits, "a size that had failed was tried again"


def test_words_say_what_did_not_fit_and_what_is_done_instead(room: Room) -> None:
    told: list[str] = []
    room.tell = told.append
    work(room, Device(4), range(8))
    assert told == [
        "squares: 8 sequences (8 tokens) at once did not fit in memory; 4 at a time from here on, nothing is left out"
    ]


def test_one_that_does_not_fit_alone_holds_and_is_tried_again(room: Room) -> None:
    device, held = Device(0), list[str]()

    def somebody_frees_memory(words: str) -> None:
        held.append(words)
        device.fits = 1

    room.hold = somebody_frees_memory
    assert work(room, device, range(2)) == [0, 1]
    assert held == ["squares: one sequence of 1 tokens does not fit beside the model, even alone"]


def test_with_nobody_to_hold_the_fault_says_what_would_do(room: Room) -> None:
    with pytest.raises(NoRoomError, match=r"even alone\n.*free memory on the card"):
        work(room, Device(0), range(2))


def test_other_errors_are_not_taken_for_memory(room: Room) -> None:
    def fault(_: Sequence[int]) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        list(room.in_parts("squares", range(4), fault, len))
    assert not is_out_of_memory(ValueError("CUDA error: out of memory"))
    assert is_out_of_memory(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))


def test_random_numbers_of_a_failed_attempt_are_drawn_again(room: Room) -> None:
    wasted = iter([3, 0, 0])

    def draw(part: Sequence[int]) -> list[float]:
        lost = next(wasted)
        torch.rand(lost)
        if lost:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torch.rand(len(part)).tolist()

    torch.manual_seed(5)
    halves = [value for _, values in room.in_parts("draws", range(4), draw, len) for value in values]
    torch.manual_seed(5)
    assert halves == [*torch.rand(2).tolist(), *torch.rand(2).tolist()]


class TestGeneration:
    @staticmethod
    def ids(resident: Resident, temperature: float, seen: list[int] | None = None) -> list[tuple[int, ...]]:
        done = generate(
            resident,
            PROMPTS,
            max_new_tokens=6,
            temperature=temperature,
            seed=3,
            batch_size=7,
            progress=lambda count, _: seen.append(count) if seen is not None else None,
        )
        return [completion.ids for completion in done]

    def test_greedy_completions_are_the_same_in_halves(self, tmp_path: Path) -> None:
        resident, told, seen = untrained_resident(tmp_path), list[str](), list[int]()
        resident.room.tell = told.append
        whole = self.ids(resident, 0)
        with tight(resident.model, lambda rows, _: rows <= 2) as card:
            assert self.ids(resident, 0, seen) == whole
            failures = card.failures
            assert self.ids(resident, 0) == whole
        assert failures == len(told) == 2
        assert card.failures == failures, "a size that had failed was tried again"
        assert seen[-1] == len(PROMPTS)

    def test_samples_depend_on_the_parts_alone(self, tmp_path: Path) -> None:
        """Where in its work a batch failed leaves no trace in what is sampled after it."""
        found = []
        for layer in (0, 1):
            resident = untrained_resident(tmp_path / str(layer))
            with tight(resident.model, lambda rows, width: rows <= 4 or width > 1, layer=layer):
                found.append(self.ids(resident, 1.0))
        assert found[0] == found[1]
        assert all(found[0])
