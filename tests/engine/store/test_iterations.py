"""What an iteration left behind is read back checked, cleaned, or refused by the name of the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import CorruptError
from engine.records import Answer, Metric, Pair, Sample
from engine.store.atomic import staged
from engine.store.iterations import (
    ANSWERS,
    PAIRS,
    checked_adapter,
    load_answers,
    load_metrics,
    load_pairs,
    load_samples,
    save_evaluation,
    write_lines,
)
from engine.store.paths import RunPaths

METRICS = {"mmlu": Metric("mmlu", 0.5, "capability", 2, 0.1, 0.9, (0.0, 1.0), ("a", "b"))}
SAMPLES = (
    Sample("2 + 2?", "4", None, "four", (0.5, None, 1.0), "math"),
    Sample("Name a colour.", "red", "blue", "green"),
)


@pytest.fixture
def saved(paths: RunPaths) -> RunPaths:
    with staged(paths.iteration(1)) as folder:
        save_evaluation(folder, METRICS, SAMPLES)
        write_lines(folder / PAIRS, [{"prompt": "hi\x1b[2J", "chosen": "a", "rejected": "b", "gap": float("nan")}])
        write_lines(folder / ANSWERS, [Answer("gsm8k", 4, "2+2?\x1b[2J", "5", "4", 0.0), Answer("mmlu", 0, "?", "A")])
        (folder / "adapter").mkdir()
        (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"w" * 1000)
    return paths


def test_what_was_saved_comes_back(saved: RunPaths) -> None:
    assert load_metrics(saved, 1) == METRICS
    assert load_samples(saved, 1) == SAMPLES
    assert load_samples(saved, 1, limit=1) == SAMPLES[:1]
    assert load_pairs(saved, 1) == (Pair("hi␛[2J", "a", "b"),)
    assert checked_adapter(saved, 1) == saved.iteration(1) / "adapter"


def test_a_truncated_adapter_is_refused_by_name_and_the_samples_still_show(saved: RunPaths) -> None:
    os.truncate(saved.iteration(1) / "adapter" / "adapter_model.safetensors", 999)
    with pytest.raises(CorruptError, match=r"adapter_model\.safetensors has 999 bytes where 1,000"):
        checked_adapter(saved, 1)
    assert load_samples(saved, 1) == SAMPLES


@pytest.mark.parametrize("load", [load_metrics, load_samples, load_pairs])
def test_an_iteration_that_is_not_there_says_so(paths: RunPaths, load: object) -> None:
    assert callable(load)
    with pytest.raises(CorruptError, match=r"MANIFEST\.json is missing"):
        load(paths, 7)


def _sealed(paths: RunPaths, name: str, text: str) -> Path:
    with staged(paths.iteration(2)) as folder:
        (folder / name).write_text(text)
    return paths.iteration(2) / name


def test_a_stranger_s_text_is_cleaned(paths: RunPaths) -> None:
    _sealed(
        paths,
        "samples.jsonl",
        '{"prompt": "\\u001b]52;c;x\\u0007", "baseline": "[/nope]", "parent": null, "current": "\\u202e"}',
    )
    (sample,) = load_samples(paths, 2)
    assert (sample.prompt, sample.baseline, sample.current) == ("␛]52;c;x", "[/nope]", "\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize(
    ("name", "text", "load"),
    [
        ("samples.jsonl", "{", load_samples),
        ("samples.jsonl", '{"prompt": "only"}', load_samples),
        ("samples.jsonl", "[]", load_samples),
        ("evaluation.json", "{}", load_metrics),
        ("evaluation.json", '{"metrics": []}', load_metrics),
        ("pairs.jsonl", "\x00", load_pairs),
    ],
)
def test_lines_that_make_no_sense_are_refused_by_name(paths: RunPaths, name: str, text: str, load: object) -> None:
    assert callable(load)
    _sealed(paths, name, text)
    with pytest.raises(CorruptError, match=name):
        load(paths, 2)


def test_answers_are_found_by_metric_and_item(saved: RunPaths) -> None:
    assert load_answers(saved, 1, "gsm8k") == {4: Answer("gsm8k", 4, "2+2?␛[2J", "5", "4", 0.0)}
    assert load_answers(saved, 1, "humaneval") == {}
