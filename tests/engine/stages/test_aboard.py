"""What operators said, as a judge reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.records import Pair
from engine.stages.aboard import opinions
from engine.stages.pairs import write_pairs
from engine.store.atomic import staged
from engine.store.control import Outbox
from engine.store.paths import RunPaths


@pytest.mark.parametrize(
    ("choice", "said"), [("1", [0.0]), ("2", [1.0]), ("tie", [0.5]), ("skip", []), ("bad", []), ("undo", [])]
)
def test_a_label_says_how_the_chosen_side_did(runs: Path, choice: str, said: list[float]) -> None:
    paths, pair = RunPaths(runs / "by-hand"), Pair([{"role": "user", "content": "hi"}], "hello", "go away")
    with staged(paths.iteration(1)) as folder:
        write_pairs(folder / "pairs.jsonl", [pair])
    assert list(opinions(paths)) == []
    label = {"pair": pair.id, "choice": choice, "first": "rejected", "iteration": 1}
    Outbox(paths).send("label", label, "ann")
    assert list(opinions(paths)) == [("hi", "hello", "go away", outcome) for outcome in said]
