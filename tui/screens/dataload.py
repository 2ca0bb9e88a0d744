"""What the data screen reads, in a thread: the pairs, the manifest, and what operators said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import PilothouseError
from engine.store.paths import RunPaths
from tui.presenters.data import Facet, Hand, Item, items, pick, values
from tui.screens.datatable import Rows


@dataclass(frozen=True)
class Loaded:
    """One iteration's data. `faults` says what beside the pairs could not be read."""

    index: int
    items: tuple[Item, ...]
    manifest: Mapping[str, Any]
    hand: Hand
    rows: Rows
    faults: tuple[str, ...] = ()

    def values(self, facet: Facet) -> tuple[str, ...]:
        return values(self.items, facet)


def load(paths: RunPaths, iteration: int | None) -> Loaded:
    """Raises UsageError where no iteration has pairs, CorruptError and StoreError where they cannot be read."""
    from engine.store.collected import load_collected, load_imitated
    from engine.store.reader import Reader

    with Reader(paths.ledger) as reader:
        index = pick(reader.iterations(), iteration)
    found = items((*load_collected(paths, index), *load_imitated(paths, index)))
    manifest, first = _manifest(paths, index)
    hand, second = read_hand(paths)
    return Loaded(index, found, manifest, hand, Rows.of(found, hand), tuple(filter(None, (first, second))))


def _manifest(paths: RunPaths, index: int) -> tuple[Mapping[str, Any], str]:
    from engine.store.collected import load_manifest

    try:
        return load_manifest(paths, index), ""
    except PilothouseError as error:
        return {}, str(error)


def read_hand(paths: RunPaths) -> tuple[Hand, str]:
    """What operators said, and why it cannot be read."""
    from engine.store.opinions import labels, quarantined

    try:
        return Hand.of(labels(paths), quarantined(paths)), ""
    except PilothouseError as error:
        return Hand(), str(error)
