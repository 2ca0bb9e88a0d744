"""Comparing and writing numbers: one place, so that a threshold means the same in every rule and every sentence."""

from __future__ import annotations

_DIGITS = 9  # 0.64 − 0.62 is 0.02 to a person, and 0.020000000000000018 to a computer


def below(value: float, limit: float) -> bool:
    return round(value - limit, _DIGITS) < 0


def above(value: float, limit: float) -> bool:
    return round(value - limit, _DIGITS) > 0


def show(value: float | None) -> str:
    """Three significant digits, as on the screens: `.0005` and `1e-06` both stay readable."""
    return "missing" if value is None else f"{value:.3g}"


def signed(value: float) -> str:
    return f"{value:+.3g}" if round(value, _DIGITS) else "±0"


def percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
