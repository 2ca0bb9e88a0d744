"""`make screenshots`: screenshots/ anew, from real runs of the demo on this machine. Nothing in them is staged.

The steady demo is caught in the middle of its second iteration; the overshoot demo at the first gate where the rules
find something, with one weakness opened; the rlhf demo in its second PPO, and its iterations side by side at the end.
Takes five minutes on two free cores. Needs DejaVu Sans Mono (Debian: fonts-dejavu-core).
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a file, like any script

from engine.store.paths import RunPaths, find_run
from engine.store.status import status
from tests.screenshots.picture import fonts, save
from tui.app import Pilothouse
from tui.cli import main as pilothouse

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "screenshots"
WIDE, NARROW = (120, 40), (80, 24)
PATIENCE_S = 240.0
LONGER = ("--set=max_steps=120", "--set=learning_rate=2.5e-4", "--set=checkpoint_steps=40")
"""A longer and slower training than the demo's own, so that three pictures of one fit into it."""

MID = 0.7
"""How far through an iteration's training the run screen is caught."""

Row = dict[str, Any]


def main() -> None:
    fonts()
    os.chdir(ROOT)  # home lists the configs of the folder that it stands in
    with tempfile.TemporaryDirectory(prefix="pilothouse-") as folder:
        os.environ["PILOTHOUSE_RUNS"] = folder
        steady = start("steady", *LONGER)
        until(steady, lambda now: now["state"] == "awaiting_decision")
        pilothouse(["decide", "steady", "accept"])
        until(steady, lambda now: now["stage"] == "dpo" and now["step"] > MID * now["max_steps"])
        asyncio.run(run_screen(steady))
        pilothouse(["control", "steady", "stop"])
        overshoot = start("overshoot")
        troubled_gate(overshoot)
        asyncio.run(gate_screen(overshoot))
        asyncio.run(home_screen())
        pilothouse(["control", "overshoot", "stop"])
        until(overshoot, lambda now: now["engine"] == "dead")
        rlhf = start("steady", "--recipe=rlhf", "--decide=auto", name="rlhf")
        until(
            rlhf, lambda now: now["iteration"] == 2 and now["stage"] == "ppo" and now["step"] > MID * now["max_steps"]
        )
        asyncio.run(screen(rlhf, "rlhf"))
        until(rlhf, lambda now: now["engine"] == "dead")
        asyncio.run(screen(rlhf, "compare", "c"))


def start(scenario: str, *options: str, name: str = "") -> RunPaths:
    name = name or scenario
    assert pilothouse(["demo", "--scenario", scenario, "--name", name, "--no-attach", *options]) == 0
    return find_run(name)


def until(paths: RunPaths, condition: Callable[[Row], bool]) -> Row:
    """The run's status once it is as wished; leaves with the engine's words where it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        now = status(paths)
        if condition(now):
            return now
        if now["state"] in {"failed", "lost"}:
            break
        time.sleep(0.05)
    raise SystemExit(f"{paths.name}: {now['state']} {now['fault']}\n{paths.engine_log.read_text()[-2000:]}")


def troubled_gate(paths: RunPaths) -> None:
    """Accept until the rules find a weakness."""
    while not (now := until(paths, lambda now: now["gate"] is not None))["gate"]["weaknesses"]:
        index = now["gate"]["iteration"]
        pilothouse(["decide", paths.name, "accept"])
        until(paths, lambda now, index=index: now["iteration"] > index)  # type: ignore[misc]


async def run_screen(paths: RunPaths) -> None:
    app = Pilothouse(paths)
    async with app.run_test(size=WIDE) as pilot:
        await drawn(pilot)
        save(app, PLACE / "run-120x40")
        await pilot.resize_terminal(*NARROW)
        await drawn(pilot)
        save(app, PLACE / "run-80x24")
        app.toggle_theme()
        await pilot.resize_terminal(*WIDE)
        await drawn(pilot)
        save(app, PLACE / "run-light-120x40")


async def gate_screen(paths: RunPaths) -> None:
    app = Pilothouse(paths)
    async with app.run_test(size=WIDE) as pilot:
        await drawn(pilot)
        save(app, PLACE / "gate-120x40")
        await pilot.resize_terminal(*NARROW)
        await drawn(pilot)
        save(app, PLACE / "gate-80x24")
    await screen(paths, "weakness", "enter")


async def screen(paths: RunPaths, name: str, *keys: str) -> None:
    """What these keys open."""
    app = Pilothouse(paths)
    async with app.run_test(size=WIDE) as pilot:
        await drawn(pilot)
        await pilot.press(*keys)
        await drawn(pilot)
        save(app, PLACE / f"{name}-120x40")


async def home_screen() -> None:
    app = Pilothouse(None)
    async with app.run_test(size=WIDE) as pilot:
        await drawn(pilot)
        save(app, PLACE / "home-120x40")


async def drawn(pilot: Pilot[None]) -> None:
    """Until the feed has told the screens what there is and they have drawn it."""
    await pilot.pause(1.0)
    await pilot.wait_for_scheduled_animations()


if __name__ == "__main__":
    main()
