"""Host memory, shown where there is no NVIDIA card, or where its driver does not answer.

A reading never carries `allocated`, `reserved` or `peak`: those are a caching allocator's, and the CPU's has none. The
engine's resident size is no stand-in for them, since most of it is shared libraries.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from engine.records import Memory

# One control group's limit, use, and the name in memory.stat of file pages that are given back under pressure.
_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),  # version 2
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # version 1
)


def host_memory(root: Path = Path("/"), t: float | None = None) -> Memory:
    """What this process may use and what is taken, in bytes: the tightest of the machine and its control groups.

    `used` counts what could not be given back at once, so page cache is free. `root` is where /proc and /sys are.
    """
    total, used = min(_views(root), key=lambda view: view[0], default=_by_sysconf())
    return Memory("host", "host memory", total, used, t=time.time() if t is None else t)


def under_wsl(root: Path = Path("/")) -> bool:
    """Whether Linux runs inside Windows here, whose driver shows a Linux process less than all of the card."""
    with suppress(OSError):
        return "microsoft" in (root / "proc/sys/kernel/osrelease").read_text().lower()
    return False


def _views(root: Path) -> Iterator[tuple[int, int]]:
    """(total, used) of the machine and of each control group above this process that has a limit."""
    table = _numbers(root / "proc/meminfo")
    if "MemTotal" in table:
        machine = table["MemTotal"] * 1024
        yield machine, machine - table.get("MemAvailable", table.get("MemFree", 0)) * 1024
    for group in _groups(root):
        for limit, current, reclaimable in _GROUP_FILES:
            with suppress(OSError, ValueError):  # the other version's names, or "max": no limit here
                bound = int((group / limit).read_text())
                held = int((group / current).read_text()) - _numbers(group / "memory.stat").get(reclaimable, 0)
                yield bound, max(held, 0)


def _groups(root: Path) -> Iterator[Path]:
    """This process's memory control groups, from its own up to the top: any of them may be the tightest."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
            own = top / path.lstrip("/")
            yield from (own, *(parent for parent in own.parents if parent.is_relative_to(top)))


def _numbers(path: Path) -> dict[str, int]:
    """A kernel file of "name value" lines, such as /proc/meminfo (kB) and memory.stat (bytes)."""
    with suppress(OSError):
        rows = (line.replace(":", " ").split() for line in path.read_text().splitlines())
        return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
    return {}


def _by_sysconf() -> tuple[int | None, int | None]:
    """Outside Linux: the machine's size where the system says it; what is taken is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    except (AttributeError, ValueError, OSError):
        return None, None
