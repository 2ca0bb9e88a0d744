from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from engine.errors import DataError
from engine.evaluation.harness import files
from tests.fixtures.benchmarks import GSM8K, HUMANEVAL, write_gsm8k, write_humaneval, write_mmlu


def test_each_format_is_read_as_it_is_published(tmp_path: Path) -> None:
    assert files.gsm8k(str(write_gsm8k(tmp_path)))["test"].to_list() == GSM8K
    assert files.humaneval(str(write_humaneval(tmp_path)))["test"].to_list() == HUMANEVAL
    found = files.mmlu(str(write_mmlu(tmp_path)), "virology")
    assert (len(found["dev"]), len(found["test"])) == (5, 3)
    row = found["test"][1]
    assert row == {
        "question": "What, in virology, is 1?",
        "choices": ["one", "two, or so", "three", "four"],
        "answer": 1,
    }


def test_a_fault_is_told_with_its_place(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "a", "answer": "b"}\n{"question": "a"}\n')
    with pytest.raises(DataError, match="line 2: expected answer, question"):
        files.gsm8k(str(bad))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(DataError, match=r"cut\.jsonl\.gz"):
        files.humaneval(str(cut))
    with pytest.raises(DataError, match="no questions about alchemy"):
        files.mmlu(str(write_mmlu(tmp_path)), "alchemy")
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("data/val/law_val.csv", "question,a,b,c,d,A\nquestion,a,b,c,A\n")
    with pytest.raises(DataError, match=r"law_val\.csv: line 2"):
        files.mmlu(str(broken), "law")
    (tmp_path / "not.zip").write_text("no archive")
    with pytest.raises(DataError, match=r"not\.zip"):
        files.mmlu(str(tmp_path / "not.zip"), "law")
