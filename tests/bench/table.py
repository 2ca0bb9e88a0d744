"""Measurements as Markdown: what was measured, on what machine, against which target.

RESULTS.md is one section a subject; measuring a subject again replaces its section and leaves the others alone.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.memory.host import host_memory

RESULTS = Path(__file__).with_name("RESULTS.md")
TITLE = "# What was measured\n\nWritten by `make bench` and `make gpu-check`; each section names its machine.\n"


@dataclass(frozen=True)
class Row:
    """One measurement. `target` is in words; `met` None where there is none."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return {None: "", True: "yes", False: "**no**"}[self.met]


def at_most(what: str, value: float, limit: float, unit: str, note: str = "") -> Row:
    """A measurement that should not exceed `limit`."""
    return Row(what, f"{_short(value)} {unit}{note}", f"≤ {_short(limit)} {unit}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "", note: str = "") -> Row:
    """A measurement that should not fall short of `limit`."""
    return Row(what, f"{value:.2f} {unit}{note}".strip(), f"≥ {limit:.2f} {unit}".strip(), value >= limit)


def render(rows: Sequence[Row]) -> str:
    lines = [f"| {row.what} | {row.measured} | {row.target} | {row.verdict} |" for row in rows]
    return "\n".join(["| | measured | target | met |", "| --- | ---: | ---: | --- |", *lines]) + "\n"


def machine(packages: Sequence[str] = ()) -> str:
    """One line: processor, cores, memory, system, Python, versions of `packages`, and how busy the machine is."""
    total = host_memory().total
    parts = [
        f"{_processor()}, {os.cpu_count()} cores",
        "memory unknown" if total is None else f"{total / 2**30:.0f} GiB",
        f"{platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}",
        *(f"{name} {_version(name)}" for name in packages),
    ]
    if hasattr(os, "getloadavg"):
        parts.append(f"load {os.getloadavg()[0]:.1f}")
    return " · ".join(parts)


def replace_section(name: str, body: str, path: Path = RESULTS) -> None:
    """Put `body` under the heading `## name`, in place of what was there, or at the end."""
    text = path.read_text(encoding="utf-8") if path.exists() else TITLE
    head, *sections = text.split("\n## ")
    kept = {section.split("\n", 1)[0]: section.split("\n", 1)[-1] for section in sections}
    kept[name] = f"\n{body.strip()}\n"
    path.write_text(head + "".join(f"\n## {title}\n{text}" for title, text in kept.items()), encoding="utf-8")


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 1 else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
