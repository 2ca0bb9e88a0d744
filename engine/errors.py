"""Every error that Pilothouse raises on purpose.

    PilothouseError
    ├── UsageError              the command line asks for something that is not there          exit 2
    │   └── ConfigError         one or more faults in a config, each with its key and a remedy
    ├── DataError               records that cannot be trained on or evaluated
    ├── ModelError              weights, tokenizer or adapter that cannot be loaded
    ├── StoreError              a run directory that cannot be read or written
    │   ├── SchemaError         it was written by a newer Pilothouse
    │   ├── CorruptError        a database or artefact is damaged
    │   └── NoSpaceError        the disk is full, or too full for the next save
    ├── BusyError               the run already has an engine                                  exit 75
    ├── DecisionError           a decision or command that this run cannot take now
    ├── JudgeError              a judge that cannot be asked, or whose answers cannot be read
    ├── PlanError               a run whose memory cannot be planned
    ├── NoRoomError             the device's memory is too small even for the least piece of the work
    └── TrainingError           training itself failed: a loss that is not finite, …           exit 1

A message names the fault and where it is; `remedy` says what would do. `exit_code` is what the command returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PilothouseError(Exception):
    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class UsageError(PilothouseError):
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a config: `key` as typed in YAML or `--set`, `value` as found, and what would do."""

    key: str
    value: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        shown = f"{self.key} = {self.value}" if self.value else self.key
        return f"{shown}: {self.problem}" + (f" ({self.remedy})" if self.remedy else "")


class ConfigError(UsageError):
    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "".join(f"\n  {fault}" for fault in faults)
        super().__init__(f"{source}: {count}{lines}")
        self.source = source
        self.faults = tuple(faults)


class DataError(PilothouseError):
    pass


class ModelError(PilothouseError):
    pass


class StoreError(PilothouseError):
    pass


class SchemaError(StoreError):
    pass


class CorruptError(StoreError):
    pass


class NoSpaceError(StoreError):
    pass


class BusyError(PilothouseError):
    exit_code = 75


class DecisionError(PilothouseError):
    exit_code = 2


class JudgeError(PilothouseError):
    pass


class PlanError(PilothouseError):
    pass


class NoRoomError(PilothouseError):
    pass


class TrainingError(PilothouseError):
    pass
