"""One attached run as its screens know it: where it is, what is new, and the hands that may steer it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.messages import Bulletin

if TYPE_CHECKING:
    from engine.store.paths import RunPaths
    from tui.client import Client
    from tui.feed import Feed


@dataclass(frozen=True, slots=True)
class Session:
    """`clock` is wall time (ages, waiting), `monotonic` measures how long a screen has been open."""

    paths: RunPaths
    client: Client
    feed: Feed
    bulletin: Bulletin = field(default_factory=Bulletin)
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    @property
    def readonly(self) -> bool:
        return self.client.readonly
