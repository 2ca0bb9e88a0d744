"""Numbers, times and sizes in few characters, always the same way."""

from __future__ import annotations

import math
import time

from engine.records import Scalar


def number(value: float | None) -> str:
    """A measured number, three decimals where that says enough: `0.581`, `12.34`, `1204`, `4.2e-4`; `n/a` for none."""
    if value is None:
        return "n/a"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size and size < 0.0005:
        return _short(f"{value:.1e}")
    return f"{value:.{3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0}f}"


def signed(value: float) -> str:
    """A change: `+0.021`, `−0.041`."""
    return ("−" if value < 0 else "+") + number(abs(value))


def setting(value: Scalar) -> str:
    """A setting as one would type it: `5e-6`, `0.1`, `1000`, `sigmoid`, `null`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _short(f"{value:.6g}")
    return "null" if value is None else str(value)


def ratio(before: Scalar, after: Scalar) -> str:
    """`×2` or `×0.5` between two numbers; empty where that says nothing."""
    if not (_is_number(before) and _is_number(after)) or not before or before == after:
        return ""
    return f"×{float(after) / float(before):.3g}"  # type: ignore[arg-type]


def moment(t: float, now: float) -> str:
    """`14:02` today, `Nov 03 14:02` on another day."""
    then, today = time.localtime(t), time.localtime(now)
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%b %d %H:%M", then)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(text: str) -> str:
    """`5e-06` as `5e-6`."""
    mantissa, sign, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if sign else mantissa
