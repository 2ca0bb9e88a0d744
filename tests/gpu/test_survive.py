"""What of the out-of-memory check and of the bench against TRL needs no card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from engine.config import load_config
from tests.gpu import survive, versus
from tests.gpu.check import NO_CARD
from tests.gpu.trained import Trained, rate

WHOLE = Trained("completed", 100.0, 4 * 2**30, 5 * 2**30, (0.69, 0.68))


def test_a_survivor_said_so_and_has_the_same_losses() -> None:
    good = replace(WHOLE, told=("step 1: 8 pairs did not fit",), losses=(0.6901, 0.6799))
    assert survive.judge(WHOLE, good) == []
    assert survive.judge(WHOLE, replace(good, told=())) == [
        "memory never ran out behind the fence, so nothing was shown"
    ]
    assert survive.judge(WHOLE, replace(good, losses=(0.69, 0.60))) == ["losses are up to 0.080 apart"]
    assert survive.judge(WHOLE, replace(good, state="failed", losses=(0.69,))) == [
        "the run behind the fence ended as failed",
        "1 steps instead of 2",
    ]


def test_speed_is_between_the_first_and_the_last_logged_step() -> None:
    assert rate([(10.0, 100), (11.0, 300), (14.0, 900)]) == 200
    assert rate([(10.0, 100)]) == rate([]) == 0


def test_a_line_of_the_bench() -> None:
    found = {"bare TRL": WHOLE, "engine, our best settings": replace(WHOLE, tokens_per_s=150.0, peak=2 * 2**30)}
    lines = versus.table(versus.CASES[1], found)
    assert lines[1] == "| 8B, S 1024 | engine, our best settings in 6 GiB | 150 | 1.50 | 2.00 | 0.50 | 0.6800 |\n"
    assert {line.count("|") for line in lines} == {versus.HEADER.splitlines()[0].count("|")}


def test_the_configs_are_ones_that_the_engine_takes(tmp_path: Path) -> None:
    same = versus.settings(versus.CASES[1], tmp_path, True)
    best = {**same, **{part: {**same[part], **keys} for part, keys in versus.BEST.items()}}
    for config in (survive.fenced(tmp_path, 0.4), same, best):
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        assert load_config(path, []).model.quantization == "nf4"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card here: it would run")
def test_without_a_card_both_refuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert survive.main() == versus.main([]) == NO_CARD
    assert capsys.readouterr().out.count("no CUDA device here: not run") == 2
