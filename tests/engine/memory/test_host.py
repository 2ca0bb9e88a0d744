"""Host memory from made-up /proc and /sys trees, and from this machine."""

import sys
from pathlib import Path

import pytest

from engine.memory.host import host_memory, under_wsl

GIB = 2**30
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:   12582912 kB\nHugePages_Total:  0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/meminfo", MEMINFO)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_page_cache_counts_as_free(root: Path) -> None:
    memory = host_memory(root, t=5.0)
    assert (memory.source, memory.name, memory.t) == ("host", "host memory", 5.0)
    assert (memory.total, memory.used, memory.headroom) == (16 * GIB, 4 * GIB, 12 * GIB)


def test_it_claims_nothing_of_torch_or_of_a_card(root: Path) -> None:
    memory = host_memory(root)
    assert (memory.allocated, memory.reserved, memory.peak, memory.utilisation, memory.power) == (None,) * 5


def test_a_kernel_too_old_to_say_what_is_available(root: Path) -> None:
    write(root, "proc/meminfo", "MemTotal: 16777216 kB\nMemFree: 4194304 kB\n")
    assert host_memory(root).used == 12 * GIB


def test_a_tighter_group_of_version_2_is_the_limit(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/box/job\n")
    write(root, "sys/fs/cgroup/box/job/memory.max", "max\n")
    write(root, "sys/fs/cgroup/box/memory.max", f"{8 * GIB}\n")
    write(root, "sys/fs/cgroup/box/memory.current", f"{5 * GIB}\n")
    write(root, "sys/fs/cgroup/box/memory.stat", f"anon {3 * GIB}\ninactive_file {2 * GIB}\n")
    memory = host_memory(root)
    assert (memory.total, memory.used) == (8 * GIB, 3 * GIB)


def test_a_tighter_group_of_version_1_is_the_limit(root: Path) -> None:
    write(root, "proc/self/cgroup", "5:cpu:/other\n4:memory:/box\n0::/\n")
    write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n")
    write(root, "sys/fs/cgroup/memory/box/memory.limit_in_bytes", f"{2 * GIB}\n")
    write(root, "sys/fs/cgroup/memory/box/memory.usage_in_bytes", f"{GIB}\n")
    memory = host_memory(root)
    assert (memory.total, memory.used) == (2 * GIB, GIB)


def test_a_group_wider_than_the_machine_changes_nothing(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/\n")
    write(root, "sys/fs/cgroup/memory.max", f"{64 * GIB}\n")
    write(root, "sys/fs/cgroup/memory.current", f"{GIB}\n")
    assert host_memory(root).total == 16 * GIB


def test_a_system_without_proc_says_its_size_alone(tmp_path: Path) -> None:
    memory = host_memory(tmp_path)
    assert memory.used is None
    assert memory.total is None or memory.total > GIB // 4


@pytest.mark.skipif(sys.platform != "linux", reason="what is taken is known on Linux only")
def test_this_machine() -> None:
    memory = host_memory()
    assert memory.total is not None
    assert memory.used is not None
    assert 0 < memory.used < memory.total


def test_wsl_is_known_by_its_kernel(root: Path) -> None:
    assert not under_wsl(root)
    write(root, "proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n")
    assert under_wsl(root)
