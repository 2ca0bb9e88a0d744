"""torch's allocator options, as the engine's start sets them."""

from __future__ import annotations

import pytest

from engine.__main__ import allocator


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "expandable_segments:True"),
        ({"PYTORCH_ALLOC_CONF": "max_split_size_mb:128"}, "max_split_size_mb:128,expandable_segments:True"),
        ({"PYTORCH_CUDA_ALLOC_CONF": "backend:native"}, "backend:native,expandable_segments:True"),
        ({"PYTORCH_ALLOC_CONF": "expandable_segments:False"}, "expandable_segments:False"),
    ],
)
def test_expandable_segments_join_what_the_user_set(given: dict[str, str], expected: str) -> None:
    assert allocator(given) == expected
