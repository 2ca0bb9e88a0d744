"""An iteration's data as it lies on file: what trained, what was dropped, and which line makes no sense."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from engine.errors import CorruptError
from engine.records import Example, Label, Pair
from engine.store.atomic import staged, write_text
from engine.store.collected import Collected, labelled_pairs, load_collected, load_imitated, load_manifest
from engine.store.paths import RunPaths

PAIR = Pair("2 + 2 = ?", "4", "5", "math", 0.4, "on policy", scores=(0.9, 0.5))
ROW: dict[str, Any] = PAIR.as_json()


def keep(paths: RunPaths, index: int = 1, **files: str) -> None:
    """An iteration with these files, named by their first word."""
    names = {"pairs": "pairs.jsonl", "dropped": "dropped.jsonl", "data": "data.json", "sft": "sft.jsonl"}
    with staged(paths.iteration(index)) as folder:
        for name, text in files.items():
            write_text(folder / names[name], text)


def lines(*rows: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_pairs_come_as_they_were_written_the_dropped_ones_last(paths: RunPaths) -> None:
    turns = [{"role": "user", "content": "hi"}]
    other = Pair(turns, "a", "b", gap=0.01)
    keep(paths, pairs=lines(ROW), dropped=lines({**other.as_json(), "filter": "small gap"}))
    assert load_collected(paths, 1) == (Collected(PAIR.id, PAIR), Collected(other.id, other, "small gap"))


def test_a_pair_is_called_what_the_file_calls_it_though_its_text_is_cleaned(paths: RunPaths) -> None:
    raw = Pair("bell\x07", "4", "5")
    unnamed = {key: value for key, value in raw.as_json().items() if key != "id"}
    keep(paths, pairs=lines(raw.as_json(), unnamed, {**unnamed, "id": "../../etc"}))
    first, second, third = load_collected(paths, 1)
    assert (first.id, first.pair.prompt) == (raw.id, "bell")
    assert second.id == third.id == first.pair.id != raw.id


def test_files_that_the_iteration_never_had_are_empty(paths: RunPaths) -> None:
    keep(paths)
    assert (load_collected(paths, 1), load_manifest(paths, 1)) == ((), {})


def test_the_manifest_comes_with_its_words_cleaned(paths: RunPaths) -> None:
    keep(paths, data=json.dumps({"pairs": 2, "dropped": {"gap\x1b[2J": 1}}))
    assert load_manifest(paths, 1) == {"pairs": 2, "dropped": {"gap␛[2J": 1}}


@pytest.mark.parametrize(
    "broken",
    [
        {"chosen": 7},
        {"prompt": None},
        {"prompt": [{"role": "user", "content": None}]},
        {"prompt": ["hi"]},
        {"gap": "wide"},
        {"weight": None},
        {"scores": [0.1]},
        {"category": None},
    ],
)
def test_a_line_that_is_no_pair_is_named(paths: RunPaths, broken: dict[str, Any]) -> None:
    keep(paths, pairs=lines(ROW, {**ROW, **broken}))
    with pytest.raises(CorruptError, match=r"pairs\.jsonl, line 2, is not a pair"):
        load_collected(paths, 1)


@pytest.mark.parametrize("text", ["{", "[]\n", '{"prompt": "x"}\n', "7\n"])
def test_a_line_that_is_no_json_or_lacks_a_side_is_named(paths: RunPaths, text: str) -> None:
    keep(paths, pairs=text)
    with pytest.raises(CorruptError, match="line 1"):
        load_collected(paths, 1)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_manifest_that_is_no_object_is_said(paths: RunPaths, text: str) -> None:
    keep(paths, data=text)
    with pytest.raises(CorruptError, match=r"data\.json does not hold"):
        load_manifest(paths, 1)


def test_an_altered_file_and_a_missing_iteration_are_said(paths: RunPaths) -> None:
    keep(paths, pairs=lines(ROW))
    (paths.iteration(1) / "pairs.jsonl").write_text(lines({**ROW, "chosen": "6"}))
    with pytest.raises(CorruptError, match=r"pairs\.jsonl .*checksum"):
        load_collected(paths, 1)
    with pytest.raises(CorruptError, match="MANIFEST"):
        load_collected(paths, 2)


def label(pair: Pair, iteration: int, who: str = "ana@lab") -> Label:
    return Label(pair.id, "2", "chosen", who, 1.0, iteration)


def test_a_labelled_pair_is_as_it_stood_when_it_was_labelled(paths: RunPaths) -> None:
    """The label turned its sides around for iteration 2, where another pair was labelled afterwards."""
    turned = replace(PAIR, chosen=PAIR.rejected, rejected=PAIR.chosen, author="ana@lab", source="operator")
    other, close = Pair("3 + 3 = ?", "6", "7"), Pair("4 + 4 = ?", "8", "9", gap=0.0)
    keep(paths, 1, pairs=lines(ROW), dropped=lines({**close.as_json(), "filter": "small gap"}))
    keep(paths, 2, pairs=lines(turned.as_json(), other.as_json()), dropped=lines({**ROW, "filter": "exact duplicate"}))
    nowhere = replace(label(PAIR, 7), pair="000000000000")
    found = labelled_pairs(paths, [label(PAIR, 1), label(close, 1), label(other, 2), nowhere])
    assert found == {PAIR.id: PAIR, close.id: close, other.id: other}
    assert labelled_pairs(paths, [label(PAIR, 2)]) == {PAIR.id: turned}


def test_what_was_imitated_is_shown_as_a_pair_without_a_rejected_side(paths: RunPaths) -> None:
    example = Example("2 + 2 = ?", " 4", "math", "best", score=1.5, weight=2.0, born=1)
    keep(paths, sft=lines(example.as_json()))
    assert load_imitated(paths, 1) == (Collected(example.id, example.as_pair()),)
    assert (example.as_pair().rejected, example.as_pair().weight) == ("", 2.0)
    assert load_collected(paths, 1) == ()  # nothing to label there


def test_an_iteration_that_imitated_nothing_has_no_examples(paths: RunPaths) -> None:
    keep(paths, pairs=lines(ROW))
    assert load_imitated(paths, 1) == ()


def test_an_example_that_makes_no_sense_is_named_by_its_line(paths: RunPaths) -> None:
    keep(paths, sft=lines({"prompt": "2 + 2 = ?"}))
    with pytest.raises(CorruptError, match="line 1"):
        load_imitated(paths, 1)
