from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
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
    path = lines(tmp_path, good, "", "{broken", good, json.dumps({**GOOD, "rejected": 3}), good)
    pairs, report = load_pairs(config(path))
    assert len(pairs) == report.kept == 3
    assert [line for line, _ in report.bad] == [3, 5]
    assert "not text" in report.bad[1][1]


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


class TestContainers:
    RECORDS = ({**GOOD, "score_chosen": 2.0, "score_rejected": 0.5}, {**GOOD, "prompt": "bye, \n you"})

    def check(self, path: Path) -> None:
        pairs, report = load_pairs(config(path))
        assert [(pair.prompt, pair.chosen, pair.rejected) for pair in pairs] == [
            ("hi", "yes", "no"),
            ("bye, \n you", "yes", "no"),
        ]
        assert [pair.gap for pair in pairs] == [1.5, None]
        assert report.bad == ()

    @pytest.mark.parametrize("name", ["pairs.jsonl.gz", "pairs.json.gz", "wrongly_named.jsonl"])
    def test_gzip(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        array = json.dumps(self.RECORDS, indent=1)
        text = array if ".json." in name else "\n".join(json.dumps(record) for record in self.RECORDS)
        path.write_bytes(gzip.compress(text.encode()))
        self.check(path)

    @pytest.mark.parametrize("zipped", [False, True])
    def test_csv(self, tmp_path: Path, zipped: bool) -> None:
        rows = 'prompt,chosen,rejected,score_chosen,score_rejected\nhi,yes,no,2,0.5\n"bye, \n you",yes,no,,\n'
        path = tmp_path / ("pairs.csv.gz" if zipped else "pairs.csv")
        path.write_bytes(gzip.compress(rows.encode()) if zipped else rows.encode())
        self.check(path)

    def test_parquet(self, tmp_path: Path) -> None:
        path = tmp_path / "pairs.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(self.RECORDS)), path)
        self.check(path)

    def test_messages_in_a_cell(self, tmp_path: Path) -> None:
        path = tmp_path / "pairs.csv"
        talk = json.dumps([{"role": "user", "content": "hi"}]).replace('"', '""')
        path.write_text(f'prompt,chosen,rejected\n"{talk}",yes,no\n')
        assert load_pairs(config(path))[0][0].prompt == [{"role": "user", "content": "hi"}]

    def test_what_is_cut_short_is_said(self, tmp_path: Path) -> None:
        path = tmp_path / "pairs.jsonl.gz"
        path.write_bytes(gzip.compress(json.dumps(GOOD).encode() * 50)[:-9])
        with pytest.raises(DataError, match="cut short"):
            load_pairs(config(path))
        parquet = tmp_path / "pairs.parquet"
        parquet.write_bytes(b"PAR1 and then nothing")
        with pytest.raises(DataError, match="not a Parquet file"):
            load_pairs(config(parquet))

    def test_a_row_with_too_few_cells_is_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "pairs.csv"
        path.write_text("prompt,chosen,rejected\nhi,yes,no\nhi,yes\n")
        pairs, report = load_pairs(config(path))
        assert (len(pairs), [line for line, _ in report.bad]) == (1, [3])


def test_labelled_answers_pair_up_and_those_left_over_are_reported(tmp_path: Path) -> None:
    answers = [{"prompt": "hi", "completion": text, "label": text == "yes"} for text in ("yes", "no", "never")]
    pairs, report = load_pairs(config(lines(tmp_path, *map(json.dumps, answers))))
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [("yes", "no")]
    assert (report.kept, report.left_over) == (1, 1)
    with pytest.raises(DataError, match="1 labelled answers"):
        load_pairs(config(lines(tmp_path, json.dumps(answers[0]))))


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    ("name", "kept", "left_over"),
    [
        ("rasbt_instruction_preference.json", 1100, 0),
        ("ultrafeedback_train_clean.jsonl", 1000, 0),
        ("llamafactory_dpo_en_demo.json", 300, 0),
        ("llamafactory_kto_en_demo.json", 1, 298),
    ],
)
def test_real_files_are_read_whole(name: str, kept: int, left_over: int) -> None:
    pairs, report = load_pairs(config(Path(DATA) / "pref" / name))
    assert (len(pairs), report.kept, report.left_over, report.bad) == (kept, kept, left_over, ())
