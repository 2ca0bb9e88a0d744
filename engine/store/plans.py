"""`plan.json` in a run directory: what the run was planned to need of its card, for whoever measures it later."""

from __future__ import annotations

import json
from contextlib import suppress

from engine.records import Plan, as_json
from engine.store.atomic import write_json
from engine.store.iterations import cleaned
from engine.store.paths import RunPaths

_LARGEST = 1_000_000
"""Bytes: no plan is that long, and a file that is has been written by somebody else."""


def write_plan(paths: RunPaths, plan: Plan) -> None:
    """Durably, in place of an earlier one. Raises NoSpaceError, StoreError."""
    write_json(paths.plan, as_json(plan))


def read_plan(paths: RunPaths) -> Plan | None:
    """None where there is none or none that can be read: a plan helps, and its loss hurts nobody."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        if paths.plan.stat().st_size <= _LARGEST:
            plan = Plan.parse(cleaned(json.loads(paths.plan.read_text("utf-8"))))
            return plan if plan.capacity > 0 else None
    return None
