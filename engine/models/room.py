"""The room that is left on the device beside the model: what did not fit in it, what did, and whom to tell.

Work without gradients (sampling, scoring) is cut in halves where it does not fit, and the size that fitted is
remembered. Training has its own ladder (`engine.stages.recovery`), which asks and tells the same room.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import torch

from engine.errors import NoRoomError

T = TypeVar("T")
R = TypeVar("R")

_SAME_IN_WORDS = (
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDA error: out of memory",
    "DefaultCPUAllocator: can't allocate memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """torch's own error, or one of the libraries below it that means the same."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAME_IN_WORDS)


class Room:
    """What has been learnt of the device's memory. `tell` is given each thing learnt, in words for a person.

    `hold` is called with words where not even the least piece of work fits. It may return, once somebody has made
    room, and the piece is tried again; alone it raises NoRoomError.
    """

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = lambda _: None
        self.hold: Callable[[str], None] = _give_up
        self._most: dict[str, int] = {}

    def most(self, work: str) -> int | None:
        """The most tokens at once that may be tried at this kind of work; None while nothing has failed."""
        return self._most.get(work)

    def in_parts(
        self,
        work: str,
        items: Sequence[T],
        run: Callable[[Sequence[T]], R],
        tokens: Callable[[Sequence[T]], int],
        unit: str = "sequence",
    ) -> Iterator[tuple[Sequence[T], R]]:
        """`run(items)`, at once where that fits, else on halves, in order: (part, its result) as each is done.

        `work` and `unit` name it and its items for a person, `tokens` says what a part takes on the device, padding
        included. Random numbers that a part drew before it failed are drawn again, so that only the sizes of the parts
        matter to what comes out.
        """
        waiting = [items]
        while waiting:
            part = waiting.pop(0)
            if len(part) > 1 and tokens(part) > self._most.get(work, tokens(part)):
                waiting[:0] = halves(part)
                continue
            made = attempt(partial(run, part))
            if made:
                yield part, made[0]
            elif len(part) > 1:
                waiting[:0] = self._smaller(work, part, tokens, unit)
            else:
                self._hold(work, part, tokens, unit)
                waiting.insert(0, part)

    def in_shares(
        self,
        work: str,
        items: Sequence[T],
        size: int,
        run: Callable[[list[Sequence[T]]], R],
        undo: Callable[[], None],
        tokens: Callable[[Sequence[T]], int],
        unit: str = "sequence",
    ) -> R:
        """`run(parts)`, whose parts add up: `size` items each, or as few as fit. It is all of it done or nothing.

        Where memory runs out in one part, `undo()` takes back what the others have left (gradients), and all of them
        are done again, the parts half as large.
        """
        while True:
            parts = list(self._cut(work, items, size, tokens))
            made = attempt(partial(run, parts))
            if made:
                return made[0]
            undo()
            largest = max(parts, key=len)
            if len(largest) > 1:
                self._smaller(work, largest, tokens, unit)
            else:
                self._hold(work, largest, tokens, unit)

    def _cut(
        self, work: str, items: Sequence[T], size: int, tokens: Callable[[Sequence[T]], int]
    ) -> Iterator[Sequence[T]]:
        """Parts of `size` items, or half as many until they are no more than may be tried."""
        waiting = [items[start : start + size] for start in range(0, len(items), size)]
        while waiting:
            part = waiting.pop(0)
            if len(part) > 1 and tokens(part) > self._most.get(work, tokens(part)):
                waiting[:0] = halves(part)
            else:
                yield part

    def _hold(self, work: str, part: Sequence[T], tokens: Callable[[Sequence[T]], int], unit: str) -> None:
        self.hold(f"{work}: one {unit} of {tokens(part):,} tokens does not fit beside the model, even alone")

    def _smaller(
        self, work: str, part: Sequence[T], tokens: Callable[[Sequence[T]], int], unit: str
    ) -> list[Sequence[T]]:
        parts = halves(part)
        self._most[work] = max(map(tokens, parts))
        size = f"{len(part)} {unit}s ({tokens(part):,} tokens)"
        self.tell(
            f"{work}: {size} at once did not fit in memory; {len(parts[0])} at a time from here on, nothing is left out"
        )
        return parts


def halves(items: Sequence[T]) -> list[Sequence[T]]:
    middle = (len(items) + 1) // 2
    return [items[:middle], items[middle:]]


def attempt(run: Callable[[], R]) -> tuple[R] | None:
    """What `run` gives, or None where memory ran out: then nothing of the attempt is left, and random states are back.

    The memory is freed after the `except`, and the error's frames are cleared in it: both hold what was computed.
    """
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    try:
        return (run(),)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)
    free_memory()
    return None


def free_memory() -> None:
    """Give back to the device what nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _give_up(words: str) -> None:
    raise NoRoomError(words, remedy="free memory on the card, or make the work smaller")
