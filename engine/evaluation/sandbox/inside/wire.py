"""Plain data over a socket, so that nothing else gets through: a length, then JSON with the types that it lacks."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

MOST = 2**20  # bytes of one message

_KINDS: tuple[tuple[type, str], ...] = (
    (list, "list"),
    (tuple, "tuple"),
    (set, "set"),
    (frozenset, "frozenset"),
)
_MAKERS: dict[str, Callable[[Any], Any]] = {name: kind for kind, name in _KINDS}


class WireError(Exception):
    """What came is no message, is too long, or did not come."""


def encode(value: object) -> bytes:
    """One message. Raises TypeError for what is no plain data, WireError for what is too long."""
    data = json.dumps(pack(value)).encode()
    if len(data) > MOST:
        raise WireError(f"a value of {len(data)} bytes")
    return len(data).to_bytes(4, "big") + data


def receive(channel: socket.socket) -> Any:
    """The next value. Raises WireError, and TimeoutError as the socket's own timeout says."""
    size = int.from_bytes(_exactly(channel, 4), "big")
    if size > MOST:
        raise WireError(f"a value of {size} bytes")
    try:
        return unpack(json.loads(_exactly(channel, size)))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        raise WireError("an answer that is no plain data") from None


def pack(value: object) -> Any:
    """`value` as JSON; a subclass goes as what it extends. Raises TypeError for what is no plain data."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, dict):
        return ["dict", *([pack(key), pack(item)] for key, item in value.items())]
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    for container, name in _KINDS:
        if isinstance(value, container):
            return [name, *map(pack, value)]  # type: ignore[call-overload]
    raise TypeError(f"a {type(value).__name__}, which is no plain data")


def unpack(raw: Any) -> Any:
    if not isinstance(raw, list):
        if isinstance(raw, dict):
            raise TypeError("an object")
        return raw
    name, *items = raw
    if name == "dict":
        return {unpack(key): unpack(item) for key, item in items}
    if name == "complex":
        return complex(*items)
    return _MAKERS[name](map(unpack, items))


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = channel.recv(min(65536, size - len(data)))
        if not piece:
            raise WireError("the program ended by itself")
        data += piece
    return data
