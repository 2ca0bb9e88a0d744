"""What a program may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. `wall_s` is for the whole of one program and its tests."""

    wall_s: float = 10.0
    cpu_s: int = 8
    memory: int = 512 * 2**20
    scratch: int = 16 * 2**20
    file: int = 2**20
    open_files: int = 32
