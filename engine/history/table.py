"""A recorded table of iterations, YAML or JSON, as a `History` that the rules can judge.

    name: helpful-qwen
    scale: percent                    # optional: rates above 1 are percentages
    thresholds: {kl: 0.1}             # optional, as in a run's config, `floors` included; so are `budget`,
                                      # `evidence: off` and `compound: true`
    config: {beta: 0.1, learning_rate: 5e-7, max_steps: 1000}
    iterations:
      - index: 0
        metrics: {mmlu: 45.2, gsm8k: {value: 41.9, n: 1319}}
      - index: 1                      # optional `parent` and `config`: by default what the rules chose and proposed
        metrics: {win_rate_vs_baseline: 0.58, kl_divergence: 0.08, mmlu: 45.8, gsm8k: {value: 41.2, n: 1319}}

`fault: TEXT` marks an iteration whose training or evaluation failed. A metric that the rules do not know is kept and
not judged. Every fault of a table is found at once and named with its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from engine.config import check_config, read_yaml
from engine.errors import ConfigError, Fault
from engine.history import readings
from engine.history.readings import Reading
from engine.history.words import is_number, shown, unknown_keys
from engine.judgement import assess, next_settings, settings_of
from engine.records import History, Iteration, Metric, Scalar, Settings
from engine.text import one_line

_TABLE = ("name", "note", "scale", "thresholds", "budget", "evidence", "compound", "config", "iterations")
_ROW = ("index", "parent", "config", "metrics", "fault", "note")
_JUDGED = ("beta", "learning_rate", "max_steps")
Row = Mapping[str, Any]


def load_history(path: Path) -> History:
    """The table in a file. Raises ConfigError (a UsageError) with every fault found."""
    source = one_line(str(path))
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(source, [Fault(source, "", "no such file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(source, [Fault(source, "", f"cannot be read: {one_line(str(error))}")]) from None
    return parse_history(text, source)


def parse_history(text: str, source: str = "history") -> History:
    """The table in a text. Raises ConfigError with every fault found."""
    table, faults = _read(text, source), list[Fault]()
    faults += unknown_keys(table, _TABLE, "")
    frame = _frame(table, faults)
    rows = _rows(table.get("iterations"), faults)
    metrics = _metrics(rows, table.get("scale"), faults)
    configs = {index: _config(row.get("config"), f"iterations[{index}].config", faults) for index, row in rows.items()}
    parents = {index: _parent(row.get("parent"), index, rows, faults) for index, row in rows.items()}
    if faults:
        raise ConfigError(source, faults)
    history = frame
    for index, row in rows.items():
        history = _grown(history, index, parents[index], configs[index], metrics[index], str(row.get("fault") or ""))
    return history


def _read(text: str, source: str) -> Row:
    try:
        table = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        table = read_yaml(text, source)
    if not isinstance(table, dict):
        raise ConfigError(source, [Fault(source, "", "expected keys and values", "such as `name:` and `iterations:`")])
    return table


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A repeated key is left to the YAML reader, which names its line."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("repeated key")
    return dict(pairs)


def _frame(table: Row, faults: list[Fault]) -> History:
    """All but the iterations; thresholds, budget and evidence are checked as a run's config checks them."""
    given = {key: table[key] for key in ("thresholds", "budget", "evidence", "compound") if table.get(key) is not None}
    name, config = one_line(str(table.get("name") or "history")), _config(table.get("config"), "config", faults)
    if table.get("scale") not in (*readings.SCALES, None):
        faults.append(Fault("scale", shown(table["scale"]), f"expected {', '.join(readings.SCALES)}"))
    try:
        checked = check_config({"budget": {"iterations": None}, **given}, "history")
    except ConfigError as error:
        faults += error.faults
        return History(name, ())
    evidence, compound = checked.evidence, checked.compound
    return History(name, (), checked.thresholds, checked.budget, evidence=evidence, compound=compound, config=config)


def _rows(raw: Any, faults: list[Fault]) -> dict[int, Row]:
    """The iterations by index, in order: 0 first, then without a gap."""
    if not isinstance(raw, list) or not raw:
        faults.append(Fault("iterations", shown(raw), "expected a list of iterations", "the baseline is index 0"))
        return {}
    rows: dict[int, Row] = {}
    for place, row in enumerate(raw):
        index = row.get("index") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(index, int) or isinstance(index, bool) or index < 0:
            problem = "expected an iteration with `index` and `metrics`; index is a whole number from 0"
            faults.append(Fault(f"iterations, entry {place + 1}", shown(row), problem))
        elif index in rows:
            faults.append(Fault(f"iterations[{index}]", "", "this index appears twice", "each iteration has its own"))
        else:
            faults += unknown_keys(row, _ROW, f"iterations[{index}]")
            rows[index] = row
    return _complete(dict(sorted(rows.items())), faults)


def _complete(rows: dict[int, Row], faults: list[Fault]) -> dict[int, Row]:
    if rows and 0 not in rows:
        remedy = "add the start model's own evaluation as index 0: every rule compares with it"
        faults.append(Fault("iterations[0]", "", "the baseline is missing", remedy))
    for before, after in pairwise(rows):
        if after > before + 1:
            problem = f"missing: after {before} comes {after}"
            faults.append(Fault(f"iterations[{before + 1}]", "", problem, "number them 0, 1, 2, … without a gap"))
    return rows


def _metrics(rows: Mapping[int, Row], scale: Any, faults: list[Fault]) -> dict[int, dict[str, Metric]]:
    """Every iteration's metrics on the rules' scale; a table's `scale: percent` means each rate that goes above 1."""
    read = {index: _readings(row.get("metrics"), f"iterations[{index}].metrics", faults) for index, row in rows.items()}
    beyond = {
        name
        for column in read.values()
        for name, reading in column.items()
        if reading.is_rate and (reading.metric.value or 0.0) > 1
    }
    found: dict[int, dict[str, Metric]] = {}
    for index, column in read.items():
        found[index] = {}
        for name, reading in column.items():
            said = reading.scale or scale
            percent = reading.scale == "percent" or (said == "percent" and name in beyond)
            score = replace(reading, scale="score") if said == "score" else reading
            found[index][name] = readings.settle(score, percent, faults)
    return found


def _readings(raw: Any, where: str, faults: list[Fault]) -> dict[str, Reading]:
    if not isinstance(raw, dict) or not all(isinstance(name, str) for name in raw):
        faults.append(Fault(where, shown(raw), "expected metrics: a name and a number each"))
        return {}
    names = {one_line(name, 80): value for name, value in raw.items()}
    read = ((name, readings.read(name, value, f"{where}.{name}", faults)) for name, value in names.items())
    return {name: reading for name, reading in read if reading is not None}


def _config(raw: Any, where: str, faults: list[Fault]) -> Settings:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        faults.append(Fault(where, shown(raw), "expected settings, such as beta, learning_rate and max_steps"))
        return {}
    for name, value in raw.items():
        if not isinstance(value, str | int | float | None):
            faults.append(Fault(f"{where}.{one_line(str(name), 80)}", shown(value), "expected one value"))
        elif name in _JUDGED and not (is_number(value) and 0 < value < 1e300):
            faults.append(Fault(f"{where}.{name}", shown(value), "expected a number above 0"))
    return {one_line(str(name), 80): value for name, value in raw.items()}


def _parent(raw: Any, index: int, rows: Mapping[int, Row], faults: list[Fault]) -> int | None:
    """The parent as written; None for the baseline, and where the rules are to choose."""
    if raw is None:
        return None
    where, indices = f"iterations[{index}].parent", ", ".join(str(each) for each in rows if each < index)
    if index == 0:
        faults.append(Fault(where, shown(raw), "the baseline has no parent", "leave it out"))
    elif not isinstance(raw, int) or isinstance(raw, bool) or raw not in rows or raw >= index:
        faults.append(Fault(where, shown(raw), "no such iteration before this one", f"there are {indices}"))
    return raw if isinstance(raw, int) else None


def _grown(
    history: History, index: int, parent: int | None, config: Settings, metrics: Mapping[str, Metric], fault: str
) -> History:
    """The history with one iteration more; where the table is silent, parent and config are what the rules proposed."""
    settings: Mapping[str, Scalar] = config
    if index > 0:
        proposal = assess(history).proposal
        parent = proposal.parent if parent is None else parent
        usual = settings_of(history, parent)
        settings = {**(next_settings(usual, proposal) if parent == proposal.parent else usual), **config}
    status = "failed" if fault else "evaluated"
    iteration = Iteration(index, parent, status, settings, metrics, fault=one_line(fault))
    return replace(history, iterations=(*history.iterations, iteration))
