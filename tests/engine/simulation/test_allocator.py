"""The model of torch's caching allocator, rule by rule."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.simulation.allocator import (
    KIB,
    LARGE_SEGMENT,
    MIB,
    SMALL_SEGMENT,
    CachingAllocator,
    OutOfMemoryError,
    replay,
    smallest_capacity,
)


def filled(*sizes: int, capacity: int | None = None, expandable: bool = False) -> CachingAllocator:
    allocator = CachingAllocator(capacity, expandable=expandable)
    for size in sizes:
        allocator.malloc(size)
    return allocator


@pytest.mark.parametrize(
    ("size", "allocated", "reserved"),
    [
        (0, 0, 0),
        (1, 512, SMALL_SEGMENT),
        (513, 1024, SMALL_SEGMENT),
        (MIB, MIB, SMALL_SEGMENT),
        (MIB + 1, MIB + 512, LARGE_SEGMENT),
        (10 * MIB - 512, 10 * MIB - 512, LARGE_SEGMENT),
        (10 * MIB, 10 * MIB, 10 * MIB),
        (33 * MIB + 1, 34 * MIB, 34 * MIB),
        (18 * MIB, 18 * MIB, 18 * MIB),
    ],
)
def test_a_request_is_rounded_and_served_from_a_segment_of_its_size(size: int, allocated: int, reserved: int) -> None:
    allocator = filled(size)
    assert (allocator.allocated, allocator.reserved) == (allocated, reserved)


def test_small_requests_share_a_segment_until_it_is_full() -> None:
    assert filled(*[512 * KIB] * 4).reserved == SMALL_SEGMENT
    assert filled(*[512 * KIB] * 5).reserved == 2 * SMALL_SEGMENT


def test_what_is_left_of_a_large_block_is_split_off_only_above_a_mebibyte() -> None:
    allocator = CachingAllocator()
    block = allocator.malloc(32 * MIB)
    allocator.free(block)
    assert allocator.malloc(31 * MIB) is not None
    assert allocator.allocated == 32 * MIB  # the last mebibyte goes along
    allocator = CachingAllocator()
    allocator.free(allocator.malloc(32 * MIB))
    allocator.malloc(30 * MIB)
    assert (allocator.allocated, allocator.reserved) == (30 * MIB, 32 * MIB)


def test_the_smallest_free_block_that_is_large_enough_is_taken() -> None:
    allocator = CachingAllocator()
    blocks = [allocator.malloc(size * MIB) for size in (40, 20, 30)]
    for block in blocks:
        allocator.free(block)
    taken = allocator.malloc(20 * MIB)
    assert taken is blocks[1]
    assert allocator.reserved == 90 * MIB


def test_free_neighbours_become_one() -> None:
    allocator = CachingAllocator()
    parts = [allocator.malloc(4 * MIB) for _ in range(5)]
    assert allocator.reserved == LARGE_SEGMENT
    for part in (parts[1], parts[3], parts[2]):
        allocator.free(part)
    assert allocator.malloc(12 * MIB) is not None
    assert allocator.reserved == LARGE_SEGMENT


def test_cached_segments_are_given_back_before_memory_is_out() -> None:
    allocator = CachingAllocator(64 * MIB)
    allocator.free(allocator.malloc(40 * MIB))
    allocator.malloc(60 * MIB)
    assert (allocator.reserved, allocator.peak_reserved) == (60 * MIB, 60 * MIB)


def test_a_segment_in_use_cannot_be_given_back() -> None:
    allocator = CachingAllocator(64 * MIB)
    first, _second = allocator.malloc(4 * MIB), allocator.malloc(4 * MIB)
    allocator.free(first)
    with pytest.raises(OutOfMemoryError):
        allocator.malloc(46 * MIB)


def test_an_expandable_segment_grows_where_others_fragment() -> None:
    """Sizes that grow by a little, as a cache of keys and values does: no freed block ever fits the next."""
    events: list[tuple[int, int | None]] = []
    for index in range(1, 40):
        events += [(index, (20 + 2 * index) * MIB), *([(index - 1, None)] if index > 1 else [])]
    plain, grown = replay(events), replay(events, expandable=True)
    assert plain.peak_allocated == grown.peak_allocated
    assert grown.peak_reserved < plain.peak_reserved


def test_the_smallest_capacity_is_the_least_on_which_the_trace_runs() -> None:
    events = [(1, 100 * MIB), (2, 60 * MIB), (1, None), (3, 120 * MIB)]
    assert replay(events).peak_reserved == 280 * MIB
    assert smallest_capacity(events, step=2 * MIB) == 180 * MIB
    replay(events, 180 * MIB)
    with pytest.raises(OutOfMemoryError):
        replay(events, 178 * MIB)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30 * MIB), st.booleans()), max_size=24), st.booleans())
def test_bytes_are_kept_count_of(steps: list[tuple[int, bool]], expandable: bool) -> None:
    allocator = CachingAllocator(expandable=expandable)
    live = []
    for size, drop in steps:
        if drop and live:
            allocator.free(live.pop(size % len(live)))
        else:
            live.append(allocator.malloc(size))
        assert allocator.allocated == sum(block.size for block in live if block)
        assert allocator.allocated <= allocator.reserved <= allocator.peak_reserved
        spans = sorted((block.address, block.address + block.size) for block in live if block)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    for block in live:
        allocator.free(block)
    allocator.empty_cache()
    assert allocator.allocated == 0
    assert allocator.reserved == 0 or expandable
