"""Small words that several widgets say: sizes, ages and durations, each in one form everywhere."""

from __future__ import annotations

GIB = 1024**3


def gib(size: float | None, *, unit: bool = True) -> str:
    """`9.8 GiB`; small sizes keep two decimals; `n/a` where there is no number."""
    if size is None:
        return "n/a"
    value = size / GIB
    text = f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}"
    return f"{text} GiB" if unit else text


def percent(share: float | None) -> str:
    return "n/a" if share is None else f"{share:.0f} %"


def duration(seconds: float) -> str:
    """`42 s`, `3:12`, `1:02:07` or `3 d 4 h`: read at a glance, and as wide as it must be."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"


def age(seconds: float) -> str:
    """A heartbeat's age: tenths below ten seconds, for that is where it is watched."""
    return f"{max(seconds, 0):.1f} s" if seconds < 10 else duration(seconds)
