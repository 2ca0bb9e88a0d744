"""One metric of a table: a number, null, or `{value, n, group, items, low, high, scale}`, checked and put on one scale.

Rates are fractions here. A rate above 1 is a percentage or no rate at all, and a guess would be wrong half the time, so
it is refused with both readings unless the table says `scale: percent` (for all, or for the metric) or `scale: score`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import Fault
from engine.history.words import MISSING, is_number, shown, unknown_keys
from engine.records import PREFERENCE_ACCURACY, WIN_RATE, Group, Metric

SCALES = ("fraction", "percent", "score")
GROUPS: tuple[Group, ...] = ("capability", "alignment", "quality")
_KEYS = ("value", "n", "group", "items", "low", "high", "scale")
_RATES = frozenset({WIN_RATE, PREFERENCE_ACCURACY, "reward_accuracy", "alignment_score", "task_accuracy"})
_CAPABILITIES = ("mmlu", "humaneval", "gsm8k", "arc_", "hellaswag", "ifeval", "truthfulqa", "winogrande", "mbpp", "bbh")
_AGREE = 0.005  # a value may be rounded; further from its items' mean it is another number


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric as written at `where`, on the scale that it names itself, if any."""

    metric: Metric
    where: str
    scale: str | None = None

    @property
    def is_rate(self) -> bool:
        return self.scale != "score" and (self.metric.name in _RATES or self.metric.group == "capability")


def group_of(name: str) -> Group:
    """The group of a metric that does not say: by its name, where the rules or the field know it."""
    if name.lower().startswith(_CAPABILITIES):
        return "capability"
    return "alignment" if name in _RATES or name == "reward_variance" else "quality"


def read(name: str, raw: Any, where: str, faults: list[Fault]) -> Reading | None:
    """The metric as written; None where it cannot be read, with the reasons added to `faults`."""
    written: Mapping[str, Any] = raw if isinstance(raw, dict) else {"value": raw}
    found = [*unknown_keys(written, _KEYS, where)]
    value = _number(written.get("value"), where, found)
    low, high = (_number(written.get(key), f"{where}.{key}", found) for key in ("low", "high"))
    items = _items(written.get("items"), f"{where}.items", found)
    n = _count(written.get("n"), f"{where}.n", items, found)
    group = _one_of(written.get("group", group_of(name)), GROUPS, f"{where}.group", found)
    scale = _one_of(written.get("scale"), (*SCALES, None), f"{where}.scale", found)
    faults += found
    if found:
        return None
    if value is None and items:
        value = math.fsum(items) / len(items)
    return Reading(Metric(name, value, group, n, low, high, items), where, scale)


def settle(reading: Reading, percent: bool, faults: list[Fault]) -> Metric:
    """The metric on the rules' scale; `percent` says that its numbers are percentages."""
    metric = _divided(reading.metric) if percent else reading.metric
    where, value = reading.where, metric.value
    if value is None:
        return metric
    if reading.is_rate and not 0 <= value <= 1:
        faults.append(_off_scale(where, reading.metric.value or 0.0, percent))
    elif metric.items and abs(math.fsum(metric.items) / len(metric.items) - value) > _AGREE * max(1.0, abs(value)):
        mean = math.fsum(metric.items) / len(metric.items)
        faults.append(Fault(where, shown(value), f"its items average {mean:.4g}", "value and items must be one result"))
    elif not (metric.low is None or metric.high is None or metric.low <= value <= metric.high):
        faults.append(Fault(where, shown(value), f"outside its own interval {metric.low:.4g} to {metric.high:.4g}"))
    return metric


def _divided(metric: Metric) -> Metric:
    def part(number: float | None) -> float | None:
        return None if number is None else round(number / 100, 12)

    items = metric.items
    if items and max(items) > 1:  # right/wrong items stay 0 and 1 beside a percentage
        items = tuple(item / 100 for item in items)
    return replace(metric, value=part(metric.value), low=part(metric.low), high=part(metric.high), items=items)


def _off_scale(where: str, value: float, percent: bool) -> Fault:
    if percent or value < 0 or value > 100:
        kind = "a percentage from 0 to 100" if percent else "a rate from 0 to 1"
        return Fault(where, shown(value), f"not {kind}", "`scale: score` for this metric if it is no rate")
    return Fault(
        where,
        shown(value),
        f"rates are fractions here: is this {value:g} %, that is {value / 100:g}, or a score of {value:g}, no rate?",
        f"write {value / 100:g}, or `scale: percent` for the table or this metric, or `scale: score` for this metric",
    )


def _number(raw: Any, where: str, faults: list[Fault]) -> float | None:
    if raw is None:
        return None
    if not is_number(raw):
        faults.append(Fault(where, shown(raw), "expected a number", MISSING if str(raw).lower() == "nan" else ""))
        return None
    if not _finite(raw):
        faults.append(Fault(where, shown(raw), "not a finite number", MISSING))
        return None
    return float(raw)


def _finite(raw: float) -> bool:
    return abs(raw) < 1e300  # also of an integer too large for a float


def _items(raw: Any, where: str, faults: list[Fault]) -> tuple[float, ...] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or not raw:
        faults.append(Fault(where, shown(raw), "expected a list of per-item results", "leave `items` out if unknown"))
        return None
    bad = [place for place, item in enumerate(raw) if not isinstance(item, bool | int | float) or not _finite(item)]
    if bad:
        faults.append(
            Fault(f"{where}[{bad[0]}]", shown(raw[bad[0]]), f"not a finite number, nor are {len(bad) - 1} others")
        )
        return None
    return tuple(map(float, raw))


def _count(raw: Any, where: str, items: tuple[float, ...] | None, faults: list[Fault]) -> int | None:
    if raw is None:
        return len(items) if items else None
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 1:
        faults.append(Fault(where, shown(raw), "expected at least 1 sample", "leave n out if it is unknown"))
    elif items and raw != len(items):
        faults.append(Fault(where, shown(raw), f"there are {len(items)} items", "leave n out where items are given"))
    return raw if isinstance(raw, int) else None


def _one_of(raw: Any, allowed: tuple[Any, ...], where: str, faults: list[Fault]) -> Any:
    if raw not in allowed:
        faults.append(Fault(where, shown(raw), f"expected {', '.join(word for word in allowed if word)}"))
    return raw
