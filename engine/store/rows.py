"""What the store hands out besides the domain's records: commands and their fate, metric rows, gates, the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from engine.records import Assessment, Decision, RunState
from engine.text import clean, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CommandKind = Literal["pause", "resume", "gate", "checkpoint", "stop", "set", "decide", "label", "quarantine"]
APPLIED_COLUMNS = "command_id, uuid, kind, arg, who, why, t, ok, result, iteration, step, attempt"
COMMANDS: frozenset[str] = frozenset(get_args(CommandKind))


@dataclass(frozen=True, slots=True)
class Command:
    """What an operator asked for. `id` orders the commands of a run; `uuid` tells a repeat of one from another."""

    id: int
    uuid: str
    kind: CommandKind
    arg: Mapping[str, Any] = field(default_factory=dict)
    who: str = ""
    why: str = ""
    t: float = 0.0


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a command: refused where `ok` is false, `result` says why. `step` is run-wide."""

    command: Command
    t: float
    ok: bool
    result: str
    iteration: int | None = None
    step: int | None = None
    attempt: int | None = None

    @classmethod
    def parse(cls, row: tuple[Any, ...]) -> Applied:
        """From a row of `applied`, in the order of APPLIED_COLUMNS."""
        id_, uuid, kind, arg, who, why, t, ok, result, iteration, step, attempt = row
        command = Command(id_, uuid, kind, json.loads(arg), one_line(who, 100), clean(why, 2000))
        return cls(command, t, bool(ok), clean(result, 2000), iteration, step, attempt)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One engine's life on this run. `ended` None: it runs, or died without a word."""

    id: int
    started: float
    ended: float | None
    outcome: str
    host: str
    pid: int
    version: str
    config_sha: str
    cards: int = 0


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The run as recorded. `state` is what the engine last said; whether that engine lives is `lock.liveness`'s answer.

    `since` is when the state was entered, `started` when the run was created; unix seconds.
    """

    state: RunState
    fault: str
    since: float
    attempts: int
    started: float
    best: int | None = None
    summary: Mapping[str, Any] | None = None
    written_by: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """The pause after an iteration's evaluation: open while `decision` is None."""

    iteration: int
    opened: float
    assessment: Assessment
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of metrics at a run-wide step. After a resume steps repeat: the later row is the one in force."""

    id: int
    iteration: int
    step: int
    t: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over steps, a point a bucket of `level` steps: float64 arrays of one length, in order of step.

    `x` is the middle of the bucket's steps, `lo`, `hi` and `mean` span its finite values (NaN where it has none), and
    `missing` counts those that were not finite.
    """

    name: str
    level: int
    x: Floats
    lo: Floats
    hi: Floats
    mean: Floats
    missing: Ints
