"""A screen of the app as SVG and PNG, the same on every machine that has DejaVu Sans Mono."""

from __future__ import annotations

import re
from pathlib import Path

import resvg_py
from textual.app import App

FONT = "DejaVu Sans Mono"
FONT_FOLDERS = ("dejavu", "TTF", "truetype/dejavu", "dejavu-sans-mono-fonts")
FONT_FILES = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
MAX_BYTES = 1_000_000
_WEB_FONTS = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)


def fonts() -> list[str]:
    shared = Path("/usr/share/fonts")
    found = [str(path) for folder in FONT_FOLDERS for name in FONT_FILES if (path := shared / folder / name).is_file()]
    if not found:
        raise SystemExit(f"{FONT} is not installed; on Debian: apt install fonts-dejavu-core")
    return found


def save(app: App[object], stem: Path) -> None:
    """Write `stem`.svg and `stem`.png of what `app` shows now. The SVG asks no network for its font."""
    svg = _WEB_FONTS.sub("", app.export_screenshot()).replace("Fira Code", FONT)
    png = resvg_py.svg_to_bytes(svg_string=svg, font_files=fonts(), monospace_family=FONT, sans_serif_family=FONT)
    for suffix, data in ((".svg", svg.encode()), (".png", bytes(png))):
        if len(data) > MAX_BYTES:
            raise SystemExit(f"{stem.name}{suffix} is {len(data)} bytes, more than {MAX_BYTES}")
        stem.with_suffix(suffix).write_bytes(data)
