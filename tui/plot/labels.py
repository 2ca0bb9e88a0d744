"""Numbers as short as they are exact: for the labels of an axis, which share one form, and for a single reading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise


def decimals(step: float) -> int:
    """How many decimals tell multiples of `step` apart exactly, as far as they are decimal."""
    for places in range(10):
        if abs(round(step, places) - step) < step * 1e-6:
            return places
    return 10


def labels(values: Sequence[float]) -> list[str]:
    """One form for all of an axis: fixed decimals, thousands as k and M, or a mantissa where numbers are tiny."""
    if not values:
        return []
    top = max(abs(value) for value in values)
    step = min((abs(b - a) for a, b in pairwise(values)), default=top) or 1.0
    if top and top < 1e-3:
        return [scientific(value) for value in values]
    for unit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if top >= 10 * unit or (top >= unit and step >= unit / 2):
            places = decimals(step / unit)
            if places > 2:
                break
            return [f"{value / unit:.{places}f}{suffix}" if value else "0" for value in values]
    places = decimals(step)
    return [f"{value:.{places}f}" if value else "0" for value in values]


def decade(value: float) -> str:
    """A label of a log axis, where neighbours differ in size: `0.01`, `5`, `20k`, `1e-5`."""
    for unit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= unit:
            return f"{value / min(unit, 1e3 if suffix == 'k' else unit):g}{suffix}"
    return f"{value:g}" if value >= 1e-3 else scientific(value)


def scientific(value: float) -> str:
    """`5e-6`, `2.5e-6`: the exponent without padding, the mantissa with two digits at most."""
    if not value:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def number(value: float) -> str:
    """A single reading with three or four significant digits, for a border."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("-inf" if value < 0 else "inf")
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return scientific(value)
    places = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{places}f}"
