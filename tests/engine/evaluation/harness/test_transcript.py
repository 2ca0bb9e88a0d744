from __future__ import annotations

from pathlib import Path

from engine.evaluation.harness.transcript import Transcript


def test_answers_come_back_whole_batches_only(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    with Transcript(path, "salt") as transcript:
        transcript.add({"a": 1, "b": [2.5, True]})
        transcript.add({"c": "three"})
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with Transcript(path, "salt") as transcript:
            known = {key for key in "abc" if key in transcript}
            assert known in ({*()}, {*"ab"}, {*"abc"})
            transcript.add({"d": 4})
        with Transcript(path, "salt") as transcript:
            assert {key for key in "abcd" if key in transcript} == known | {"d"}


def test_another_policys_answers_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    with Transcript(path, "one") as transcript:
        transcript.add({"a": 1})
    with Transcript(path, "two") as transcript:
        assert "a" not in transcript
        transcript.add({"a": 2})
    with Transcript(path, "two") as transcript:
        assert transcript["a"] == 2


def test_garbage_is_no_transcript(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_bytes(b"\xff\xfe not JSON\n")
    with Transcript(path, "salt") as transcript:
        transcript.add({"a": 1})
    with Transcript(path, "salt") as transcript:
        assert transcript["a"] == 1
