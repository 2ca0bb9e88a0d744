from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.config.schema import DataConfig
from engine.data.sources import load_pairs, read_records
from engine.errors import DataError

DATA = os.environ.get("PILOTHOUSE_DATA", "")
GOOD = {"prompt": "hi", "chosen": "yes", "rejected": "no"}
needs_data = pytest.mark.skipif(not DATA, reason="PILOTHOUSE_DATA is not set: it names the folder of real inputs")


def config(path: Path, bad_share: float = 0.5) -> DataConfig:
    return DataConfig(source="file", path=str(path), bad_share=bad_share)


def lines(tmp_path: Path, *texts: str) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(texts))
    return path


def test_bad_records_are_counted_with_their_lines(tmp_path: Path) -> None:
    good = json.dumps(GOOD)
    path = lines(tmp_path, good, "", "{broken", good, json.dumps({**GOOD, "rejected": "yes"}), good)
    pairs, report = load_pairs(config(path))
    assert len(pairs) == report.kept == 3
    assert [line for line, _ in report.bad] == [3, 5]
    assert report.bad[1][1] == "chosen and rejected are equal"


def test_too_many_bad_records_are_refused_and_the_first_are_listed(tmp_path: Path) -> None:
    path = lines(tmp_path, *[json.dumps(GOOD)] * 3, *["[]"] * 9)
    with pytest.raises(DataError) as caught:
        load_pairs(config(path, bad_share=0.1))
    assert "9 of 12 records are bad" in caught.value.message
    assert "line 4: not an object" in caught.value.message
    assert "and 4 more" in caught.value.message
    assert "data.bad_share" in caught.value.remedy


def test_a_line_separator_inside_a_string_is_no_new_line(tmp_path: Path) -> None:
    record = {**GOOD, "chosen": "one\u2028two"}
    assert load_pairs(config(lines(tmp_path, json.dumps(record, ensure_ascii=False))))[0][0].chosen == "one\u2028two"


def test_records_of_an_array_keep_the_lines_that_they_begin_on(tmp_path: Path) -> None:
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps([GOOD, GOOD, {"prompt": "hi"}], indent=2))
    assert [line for line, _ in read_records(path)] == [2, 7, 12]
    assert load_pairs(config(path))[1].bad == ((12, "no chosen"),)


@pytest.mark.parametrize("text", ['[{"prompt": 1},\n{"prompt"', "[", '[{"a": 1}'])
def test_an_array_that_is_cut_short_names_the_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pairs.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"line \d: not JSON"):
        load_pairs(config(path))


@pytest.mark.parametrize("text", ["", "[]", "\n\n"])
def test_a_file_without_records_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pairs.json"
    path.write_text(text)
    with pytest.raises(DataError, match="no records"):
        load_pairs(config(path))


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    lines(tmp_path)
    with pytest.raises(DataError, match="no such file") as caught:
        load_pairs(config(tmp_path / "pair.jsonl"))
    assert "pairs.jsonl" in caught.value.remedy


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        load_pairs(config(path))


def test_a_hub_dataset_without_a_network_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="nobody/nothing") as caught:
        load_pairs(DataConfig(source="file", dataset="nobody/nothing"))
    assert "data.path" in caught.value.remedy


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    ("name", "kept", "equal", "empty"),
    [
        ("rasbt_instruction_preference.json", 1094, 6, 0),
        ("ultrafeedback_train_clean.jsonl", 994, 4, 2),
        ("llamafactory_dpo_en_demo.json", 300, 0, 0),
    ],
)
def test_real_files_are_read_whole(name: str, kept: int, equal: int, empty: int) -> None:
    pairs, report = load_pairs(config(Path(DATA) / "pref" / name, bad_share=0.05))
    problems = [problem for _, problem in report.bad]
    assert len(pairs) == report.kept == kept
    assert problems.count("chosen and rejected are equal") == equal
    assert problems.count("chosen or rejected is empty") == empty == len(problems) - equal
