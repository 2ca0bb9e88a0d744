"""The examined side: runs the program, then calls its function as often as it is asked to."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable
from typing import Any

from engine.evaluation.sandbox.inside import wire


def serve(channel: socket.socket, nowhere: int, limits: dict[str, float]) -> None:
    """Never returns to what forked it. `nowhere` is an open /dev/null, since there is none in here."""
    channel = _keep_only(channel, nowhere)
    _limit(limits)
    try:
        program, name = wire.receive(channel)
        channel.sendall(_reply(lambda: _load(program, name)))
        function = _LOADED.pop()
        while True:
            positional, named = wire.receive(channel)
            channel.sendall(_reply(lambda: function(*positional, **named)))  # noqa: B023  (called at once)
    finally:
        os._exit(0)


_LOADED: list[Callable[..., Any]] = []


def _load(program: str, name: str) -> None:
    space: dict[str, Any] = {"__name__": "program"}
    exec(compile(program, "program", "exec"), space)
    _LOADED.append(space[name])


def _reply(work: Callable[[], Any]) -> bytes:
    """What came of `work`, as a message: its value, or what it raised."""
    try:
        return wire.encode(["value", work()])
    except BaseException as error:
        return wire.encode(["failed", _words(error)])


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:
        return "an exception that cannot be shown"


def _keep_only(channel: socket.socket, nowhere: int) -> socket.socket:
    """Standard streams to nowhere, the channel as descriptor 3, everything else closed."""
    kept = os.dup(channel.fileno())
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.dup2(kept, 3)
    channel.detach()
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    return socket.socket(fileno=3)


def _limit(limits: dict[str, float]) -> None:
    for kind, value in (
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(kind, (int(value), int(value)))
