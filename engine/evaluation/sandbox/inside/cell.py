"""Walls: new namespaces, and a root that holds the standard library and a scratch directory."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

from engine.evaluation.sandbox.inside import kernel

SCRATCH = "/scratch"
_TMPFS = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC


def isolate() -> None:
    """This process in namespaces of its own; processes from now on are in theirs. Root needs no user namespace."""
    user, group = os.getuid(), os.getgid()
    kinds = kernel.NEWNS | kernel.NEWNET | kernel.NEWPID | kernel.NEWIPC | kernel.NEWUTS
    kernel.unshare(kinds | (kernel.NEWUSER if user else 0))
    if user:
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")


def build(place: Path, scratch_bytes: int) -> None:
    """Make `place`, an empty directory, the only world there is. Its content lives in memory and dies with it."""
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)  # nothing mounted here shows outside
    kernel.mount("none", str(place), "tmpfs", _TMPFS, "size=1m,mode=755")
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        seen = Path(f"{place}{folder}")
        if not seen.exists():
            seen.mkdir(parents=True)
            kernel.mount(folder, str(seen), "", kernel.MS_BIND | kernel.MS_REC)
    (place / SCRATCH[1:]).mkdir()
    kernel.seal(str(place))
    kernel.mount("none", f"{place}{SCRATCH}", "tmpfs", _TMPFS, f"size={scratch_bytes},mode=1777")
    kernel.change_root(str(place))
    os.chdir(SCRATCH)
