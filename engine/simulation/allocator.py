"""torch's CUDA caching allocator, in bytes alone (after c10/cuda/CUDACachingAllocator.cpp).

It rounds to 512 B, keeps small and large blocks apart, asks the driver for segments of 2 MiB, 20 MiB or more, splits
and merges blocks, and gives whole free segments back before it fails. What it cannot know is how the driver places
segments: addresses only ever grow here.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

KIB, MIB = 2**10, 2**20
ROUND = 512
SMALL = MIB  # a request up to here comes from the small pool
SMALL_SEGMENT, LARGE_SEGMENT = 2 * MIB, 20 * MIB
OWN_SEGMENT, ROUND_SEGMENT = 10 * MIB, 2 * MIB  # a request from here on gets a segment of its own, rounded so

Event = tuple[int, int | None]
"""(which, bytes) is an allocation, (which, None) its end."""


class OutOfMemoryError(Exception):
    """The trace does not run on that capacity."""


class Block:
    __slots__ = ("address", "after", "before", "free", "size", "small")

    def __init__(self, address: int, size: int, small: bool) -> None:
        self.address, self.size, self.small, self.free = address, size, small, False
        self.before: Block | None = None
        self.after: Block | None = None


class Pool:
    """Free blocks by size, then by address: the smallest that is large enough is taken."""

    def __init__(self) -> None:
        self._order: list[tuple[int, int]] = []
        self._blocks: dict[int, Block] = {}

    def __iter__(self) -> Iterator[Block]:
        return iter(list(self._blocks.values()))

    def add(self, block: Block) -> None:
        block.free = True
        insort(self._order, (block.size, block.address))
        self._blocks[block.address] = block

    def remove(self, block: Block) -> None:
        block.free = False
        del self._order[bisect_left(self._order, (block.size, block.address))]
        del self._blocks[block.address]

    def take(self, size: int) -> Block | None:
        at = bisect_left(self._order, (size, 0))
        if at == len(self._order):
            return None
        block = self._blocks.pop(self._order.pop(at)[1])
        block.free = False
        return block


class CachingAllocator:
    """`capacity` is all that the driver has to give; None has no end. Sizes are bytes."""

    def __init__(self, capacity: int | None = None, *, expandable: bool = False) -> None:
        self.capacity, self.expandable = capacity, expandable
        self.allocated = self.reserved = self.peak_allocated = self.peak_reserved = 0
        self._pools = {True: Pool(), False: Pool()}
        self._tails: dict[bool, Block] = {}
        self._ends = {True: 1 << 60, False: 0}  # addresses of their own for each pool's expandable segment

    def malloc(self, size: int) -> Block | None:
        """The block for `size` bytes; None for none at all. Raises OutOfMemoryError."""
        if size <= 0:
            return None
        size = -(-size // ROUND) * ROUND
        small = size <= SMALL
        block = self._pools[small].take(size) or self._grow(size, small)
        self._split(block, size)
        self.allocated += block.size
        self.peak_allocated = max(self.peak_allocated, self.allocated)
        return block

    def free(self, block: Block | None) -> None:
        if block is None:
            return
        self.allocated -= block.size
        pool = self._pools[block.small]
        for other in (block.before, block.after):
            if other is not None and other.free:
                pool.remove(other)
                block = self._merge(other, block) if other is block.before else self._merge(block, other)
        pool.add(block)

    def empty_cache(self) -> None:
        """Give segments back that hold no block in use; of an expandable one, every whole page that is free."""
        for small, pool in self._pools.items():
            for block in pool:
                if self.expandable:
                    self._unmap(pool, block, _page(small))
                elif block.before is None and block.after is None:
                    pool.remove(block)
                    self.reserved -= block.size

    def _grow(self, size: int, small: bool) -> Block:
        wanted = self._wanted(size, small)
        if self.capacity is not None and self.reserved + wanted > self.capacity:
            self.empty_cache()
            wanted = self._wanted(size, small)
            if self.reserved + wanted > self.capacity:
                raise OutOfMemoryError(f"{wanted} B more than {self.reserved} B do not fit in {self.capacity} B")
        block = Block(self._ends[small], wanted, small)
        self._ends[small] += wanted
        self.reserved += wanted
        self.peak_reserved = max(self.peak_reserved, self.reserved)
        return self._append(block) if self.expandable else block

    def _wanted(self, size: int, small: bool) -> int:
        """Bytes to ask the driver for, so that `size` can be served."""
        if self.expandable:
            tail = self._tails.get(small)
            there = tail.size if tail is not None and tail.free else 0
            return -(-(size - there) // _page(small)) * _page(small)
        if small:
            return SMALL_SEGMENT
        return LARGE_SEGMENT if size < OWN_SEGMENT else -(-size // ROUND_SEGMENT) * ROUND_SEGMENT

    def _append(self, block: Block) -> Block:
        """Put new pages behind the expandable segment's last block, and make them one where that one is free."""
        tail = self._tails.get(block.small)
        if tail is not None:
            tail.after, block.before = block, tail
            if tail.free:
                self._pools[block.small].remove(tail)
                block = self._merge(tail, block)
        self._tails[block.small] = block
        return block

    def _split(self, block: Block, size: int) -> None:
        rest = block.size - size
        if rest < ROUND or not (block.small or self.expandable or rest > SMALL):
            return
        other = Block(block.address + size, rest, block.small)
        other.before, other.after = block, block.after
        if block.after is not None:
            block.after.before = other
        block.after, block.size = other, size
        if self._tails.get(block.small) is block:
            self._tails[block.small] = other
        self._pools[block.small].add(other)

    def _merge(self, left: Block, right: Block) -> Block:
        left.size += right.size
        left.after = right.after
        if right.after is not None:
            right.after.before = left
        if self._tails.get(left.small) is right:
            self._tails[left.small] = left
        return left

    def _unmap(self, pool: Pool, block: Block, page: int) -> None:
        """Addresses cost nothing: what is left of a block is as if its pages had never been between its neighbours."""
        pages = block.size // page * page
        if not pages:
            return
        pool.remove(block)
        self.reserved -= pages
        block.size -= pages
        if block.size:
            pool.add(block)
            return
        if block.before is not None:
            block.before.after = block.after
        if block.after is not None:
            block.after.before = block.before
        elif self._tails.get(block.small) is block:
            self._forget_tail(block)

    def _forget_tail(self, block: Block) -> None:
        if block.before is None:
            del self._tails[block.small]
        else:
            self._tails[block.small] = block.before


def _page(small: bool) -> int:
    return SMALL_SEGMENT if small else LARGE_SEGMENT


def replay(events: Iterable[Event], capacity: int | None = None, *, expandable: bool = False) -> CachingAllocator:
    """An allocator that a recorded trace has run through. Raises OutOfMemoryError where it cannot."""
    allocator = CachingAllocator(capacity, expandable=expandable)
    blocks: dict[int, Block | None] = {}
    for which, size in events:
        if size is None:
            allocator.free(blocks.pop(which))
        else:
            blocks[which] = allocator.malloc(size)
    return allocator


def smallest_capacity(
    events: list[Event],
    *,
    expandable: bool = False,
    step: int = 16 * MIB,
    unbounded: CachingAllocator | None = None,
) -> int:
    """The least capacity, in steps, on which the trace runs: between its peaks of allocated and of reserved bytes.

    `unbounded` has run through it without an end.
    """
    free = unbounded or replay(events, expandable=expandable)
    low, high = free.peak_allocated // step, -(-free.peak_reserved // step)
    while low < high:
        middle = (low + high) // 2
        try:
            replay(events, middle * step, expandable=expandable)
            high = middle
        except OutOfMemoryError:
            low = middle + 1
    return high * step
