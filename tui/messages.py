"""What the feed tells the screens, each message the whole newest truth of its kind, so that a newer one replaces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from weakref import ReferenceType, ref

from textual.message import Message

from engine.records import Event, Iteration, Plan, Pulse
from engine.store.rows import Applied, Command, Gate, RunInfo

if TYPE_CHECKING:
    from textual.dom import DOMNode

    from engine.store.lock import Liveness
    from tui.presenters.charts import Curve


class FeedMessage(Message, bubble=False):
    """Base of all; queued ones of the same kind are coalesced, and the newest is kept for panels that come late."""

    kept: ClassVar[bool] = True

    def can_replace(self, message: Message) -> bool:
        return type(message) is type(self)


@dataclass
class HealthChanged(FeedMessage):
    """How the run and its engine are. `state` is the recorded one, or `lost` where no engine is behind it."""

    state: str
    info: RunInfo
    pulse: Pulse | None
    life: Liveness


@dataclass
class IterationsChanged(FeedMessage):
    """`budget` is how many iterations the run may take, None for no limit; `evidence` False: bare thresholds."""

    iterations: tuple[Iteration, ...]
    best: int | None
    kl_limit: float
    budget: int | None
    evidence: bool = True


@dataclass
class GateChanged(FeedMessage):
    """The newest gate, open or decided; None before the first."""

    gate: Gate | None


@dataclass
class EventsChanged(FeedMessage):
    """The newest events, oldest first."""

    events: tuple[Event, ...]


@dataclass
class CurvesChanged(FeedMessage):
    """The four charts, None where a slot has no numbers; of one iteration, or (None) of the whole run.

    `extent` is the first and the last step of that iteration or run, which a zoomed view's curves do not reach.
    """

    curves: tuple[Curve | None, ...]
    iteration: int | None
    extent: tuple[float, float]


@dataclass
class MemoryHistory(FeedMessage):
    """The last minutes' readings, oldest first: unix seconds and bytes used."""

    t: list[float]
    used: list[float]


@dataclass
class PlanRead(FeedMessage):
    """What the run was planned to need of its card."""

    plan: Plan


@dataclass
class FeedFailed(FeedMessage):
    """The ledger cannot be read; the feed goes on trying."""

    message: str


@dataclass
class CommandSent(FeedMessage):
    """A command of this operator is in the control database; the engine has not taken it yet."""

    kept: ClassVar[bool] = False
    command: Command

    def can_replace(self, message: Message) -> bool:  # noqa: ARG002
        return False


@dataclass
class CommandApplied(FeedMessage):
    """The engine has taken a command of this operator, or refused it."""

    kept: ClassVar[bool] = False
    applied: Applied

    def can_replace(self, message: Message) -> bool:  # noqa: ARG002
        return False


M = TypeVar("M", bound=FeedMessage)
_Follower = tuple["ReferenceType[DOMNode]", type[FeedMessage], Callable[[Any], Any]]


class Bulletin:
    """Hands every message to the panels that follow its kind; who comes late gets the newest at once."""

    def __init__(self) -> None:
        self._latest: dict[type[FeedMessage], FeedMessage] = {}
        self._followers: list[_Follower] = []

    def publish(self, message: FeedMessage) -> None:
        if message.kept:
            self._latest[type(message)] = message
        self._followers = [follower for follower in self._followers if (node := follower[0]()) and node.is_running]
        for reference, kind, callback in self._followers:
            node = reference()
            if isinstance(message, kind) and node is not None:
                node.call_next(callback, message)

    def latest(self, kind: type[M]) -> M | None:
        found = self._latest.get(kind)
        return found if isinstance(found, kind) else None

    def follow(self, node: DOMNode, kind: type[M], callback: Callable[[M], Any]) -> None:
        """Call back in `node`'s own task, for as long as it is mounted."""
        self._followers.append((ref(node), kind, callback))
        known = self.latest(kind)
        if known is not None:
            node.call_next(callback, known)
