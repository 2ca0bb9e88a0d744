"""A finished iteration's data as it lies on file: what it trained on, what its filters dropped, and the manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from engine.errors import CorruptError
from engine.records import Example, Label, Pair
from engine.store.atomic import Manifest, read_manifest, verify_file
from engine.store.iterations import DROPPED, EXAMPLES, PAIRS, cleaned
from engine.store.paths import RunPaths
from engine.text import one_line

DATA = "data.json"
_ID = re.compile(r"[0-9a-f]{12}")
_NONSENSE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Collected:
    """A pair of an iteration. `dropped` names the filter that left it out, "" where the iteration trained on it.

    `id` is the file's own word where it has one: texts are cleaned on the way in, and their hash would be another.
    """

    id: str
    pair: Pair
    dropped: str = ""


def load_collected(paths: RunPaths, index: int, limit: int = 200_000) -> tuple[Collected, ...]:
    """What a finished iteration trained on, then what its filters dropped, up to `limit` of each.

    A file that the iteration never had is no pairs. Raises CorruptError naming the file, and the line where it can.
    """
    folder = paths.iteration(index)
    manifest = read_manifest(folder)
    found: list[Collected] = []
    for name in (PAIRS, DROPPED):
        if name in manifest.files:
            found += _read(verify_file(folder, name, manifest), limit)
    return tuple(found)


def load_imitated(paths: RunPaths, index: int, limit: int = 200_000) -> tuple[Collected, ...]:
    """The examples that a finished iteration imitated, as pairs without a rejected side; none in the dpo recipe.

    Raises CorruptError as `load_collected` does.
    """
    folder = paths.iteration(index)
    manifest = read_manifest(folder)
    if EXAMPLES not in manifest.files:
        return ()
    return tuple(_read(verify_file(folder, EXAMPLES, manifest), limit, lambda raw: _parse(_as_pair(raw))))


def labelled_pairs(paths: RunPaths, labels: Iterable[Label]) -> dict[str, Pair]:
    """The pair that each label was given on, by id, with its sides as they stood then.

    Only the label's own iteration knows that: in a later one the sides may stand as this very label has ordered them.
    A label of a pair that is nowhere has none. Raises CorruptError.
    """
    labels = tuple(labels)
    whole = {index for index in {label.iteration for label in labels} if paths.iteration(index).is_dir()}
    files = {index: _by_id(load_collected(paths, index)) for index in whole}
    found = ((label.pair, files.get(label.iteration, {}).get(label.pair)) for label in labels)
    return {name: pair for name, pair in found if pair is not None}


def _by_id(entries: Iterable[Collected]) -> dict[str, Pair]:
    """The one that was trained on, before a copy of it that a filter dropped."""
    found: dict[str, Pair] = {}
    for entry in entries:
        found.setdefault(entry.id, entry.pair)
    return found


def load_manifest(paths: RunPaths, index: int) -> dict[str, Any]:
    """`data.json`: sources, counts and hashes; empty where the iteration has none. Raises CorruptError."""
    folder = paths.iteration(index)
    manifest: Manifest = read_manifest(folder)
    if DATA not in manifest.files:
        return {}
    path = verify_file(folder, DATA, manifest)
    try:
        raw = cleaned(json.loads(path.read_text(encoding="utf-8")))
    except _NONSENSE as error:
        raise CorruptError(f"{path} does not hold what it should: {error}"[:300]) from error
    if not isinstance(raw, dict):
        raise CorruptError(f"{path} does not hold what it should: a list, not an object")
    return raw


def _read(path: Path, limit: int, parse: Callable[[dict[str, Any]], Collected] | None = None) -> list[Collected]:
    found = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(islice(file, limit), 1):
            try:
                found.append((parse or _parse)(cleaned(json.loads(line))))
            except _NONSENSE as error:
                raise CorruptError(f"{path}, line {number}, is not a pair: {error}"[:300]) from error
    return found


def _as_pair(raw: dict[str, Any]) -> dict[str, Any]:
    example = Example.parse(raw)
    return {**example.as_pair().as_json(), "id": raw.get("id", example.id)}


def _parse(raw: dict[str, Any]) -> Collected:
    pair = Pair.parse(raw)
    texts = (pair.chosen, pair.rejected, pair.category, pair.source, pair.author)
    if not (all(isinstance(text, str) for text in texts) and _is_content(pair.prompt)):
        raise TypeError("prompt, chosen, rejected, category, source and author have to be texts")
    numbers = (pair.weight, pair.quality, pair.gap or 0.0, *(pair.scores or (0.0, 0.0)))
    if len(numbers) != 5 or not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("weight, quality, gap and both scores have to be numbers")
    said = raw.get("id")
    known = said if isinstance(said, str) and _ID.fullmatch(said) else pair.id
    return Collected(known, pair, one_line(str(raw.get("filter") or ""), 80))


def _is_content(prompt: object) -> bool:
    if isinstance(prompt, list):
        return all(isinstance(turn, dict) and all(isinstance(said, str) for said in turn.values()) for turn in prompt)
    return isinstance(prompt, str)
