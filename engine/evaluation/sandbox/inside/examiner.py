"""The trusted side: runs the tests in a process that the examined one cannot touch, and asks it for each value."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from engine.evaluation.sandbox.inside import wire


class CandidateError(Exception):
    """The examined program gave no value: it raised, ended, ran too long or answered nonsense."""


def examine(channel: socket.socket, order: dict[str, str], wall_s: float) -> tuple[bool, str]:
    """(passed, why not). The tests define `check(candidate)`; the task's own prompt gives them its helpers.

    `order` holds `program` and `entry`, which are all that the other side gets, and `prelude` and `test`.
    """
    ask = _asking(channel, time.monotonic() + wall_s)
    space: dict[str, Any] = {"__name__": "tests"}
    try:
        ask(order["program"], order["entry"])
        exec(compile(order["prelude"], "prelude", "exec"), space)
        space[order["entry"]] = lambda *positional, **named: ask(positional, named)  # some tests call it by its name
        exec(compile(order["test"], "tests", "exec"), space)
        space["check"](space[order["entry"]])
    except AssertionError as error:
        return False, f"wrong: {error}"[:200] if str(error) else "wrong: a test does not hold"
    except Exception as error:
        name = "" if isinstance(error, CandidateError) else f"{type(error).__name__}: "
        return False, f"{name}{error}"[:300]
    return True, ""


def _asking(channel: socket.socket, deadline: float) -> Callable[[object, object], Any]:
    """A call to the other side that ends by `deadline`, whatever happens there."""

    def ask(first: object, second: object) -> Any:
        channel.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            channel.sendall(wire.encode([first, second]))
            answer = wire.receive(channel)
        except TimeoutError:
            raise CandidateError("ran out of time") from None
        except (OSError, wire.WireError) as error:
            raise CandidateError(str(error)) from None
        match answer:
            case ["value", value]:
                return value
            case ["failed", str() as words]:
                raise CandidateError(words)
        raise CandidateError("an answer out of turn")

    return ask
