from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.data.probes import load_probe
from engine.errors import DataError


def probe_file(tmp_path: Path, *records: object) -> Path:
    path = tmp_path / "trivia.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def test_both_kinds_in_one_file(tmp_path: Path) -> None:
    spoken = {"prompt": "2 + 2 =", "answer": "4", "category": "sums"}
    chosen = {"prompt": "Sky?", "choices": ["green", "blue"], "answer": 1}
    probe = load_probe(probe_file(tmp_path, spoken, chosen), chat=False)
    assert probe.name == "trivia"
    assert [(q.answer, q.choices, q.category) for q in probe.questions] == [
        ("4", (), "sums"),
        ("blue", ("green", "blue"), ""),
    ]
    assert probe.right(" Four. ", "four")
    assert not probe.right("four or five", "four")


def test_a_chat_model_is_asked_as_a_user(tmp_path: Path) -> None:
    probe = load_probe(probe_file(tmp_path, {"prompt": "hi", "answer": "yes"}), chat=True)
    assert probe.questions[0].prompt == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"prompt": "a"}, "no answer"),
        ({"prompt": "", "answer": "b"}, "prompt is empty"),
        ({"prompt": "a", "answer": 3}, "answer is empty or not text"),
        ({"prompt": "a", "answer": 2, "choices": ["x", "y"]}, "index from 0 to 1"),
        ({"prompt": "a", "answer": True, "choices": ["x", "y"]}, "index"),
        ({"prompt": "a", "answer": 0, "choices": ["x"]}, "two texts"),
        ([], "not an object"),
    ],
)
def test_a_bad_line_is_named_with_what_would_do(tmp_path: Path, record: object, problem: str) -> None:
    path = probe_file(tmp_path, {"prompt": "a", "answer": "b"}, record)
    with pytest.raises(DataError, match=f"line 2: .*{problem}") as caught:
        load_probe(path, chat=False)
    assert "choices" in caught.value.remedy
