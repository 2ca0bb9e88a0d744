"""The Linux calls that Python 3.11 has no function for: unshare(2), mount(2), mount_setattr(2), pivot_root(2),
prctl(2), capset(2). Every one raises OSError with its own name in it.
"""

from __future__ import annotations

import ctypes
import os
import platform

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100
_MOUNT_SETATTR = 442  # the same number on every architecture
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91, "riscv64": 91}
_PDEATHSIG, _DUMPABLE, _CAPBSET_DROP, _NO_NEW_PRIVS = 1, 4, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    _check("unshare", _libc.unshare(flags))


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = [word.encode() or None for word in (source, target, kind)]
    _check(f"mount {target}", _libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None))


def seal(path: str) -> None:
    """Make a mount and all below it read-only, with no set-uid files and no devices."""
    attributes = (ctypes.c_uint64 * 4)(MS_RDONLY | MS_NOSUID | MS_NODEV, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _syscall("mount_setattr", _MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, attributes, size)


def change_root(path: str) -> None:
    """Make `path`, a mount, the root of everything, and the old root unreachable."""
    os.chdir(path)
    _syscall("pivot_root", _number(_PIVOT_ROOT), b".", b".")
    _check("umount", _libc.umount2(b".", _MNT_DETACH))
    os.chdir("/")


def die_with_parent() -> None:
    """SIGKILL when the parent dies. Changing the user undoes it, so it comes last."""
    _prctl(_PDEATHSIG, 9)


def drop_privileges(user: int | None) -> None:
    """No capability, now or by any later exec; another user where one is given; nobody may trace this process."""
    for capability in range(_LAST_CAPABILITY + 1):
        if _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0):
            break  # the first that this kernel does not know
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _syscall("capset", _number(_CAPSET), header, (ctypes.c_uint32 * 6)())
    _prctl(_NO_NEW_PRIVS, 1)
    _prctl(_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    _check(f"prctl {option}", _libc.prctl(option, value, 0, 0, 0))


def _syscall(name: str, number: int, *arguments: object) -> None:
    _check(name, _libc.syscall(ctypes.c_long(number), *arguments))


def _number(table: dict[str, int]) -> int:
    machine = platform.machine()
    if machine not in table:
        raise OSError(f"no sandbox for the architecture {machine}")
    return table[machine]


def _check(name: str, result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
