"""What of `make gpu-calibrate` needs no card: which shapes, the table, the verdict, and saying that there is none."""

from __future__ import annotations

import pytest
import torch

from engine.records import GIB
from tests.bench.table import RESULTS
from tests.gpu.calibrate import CASES, HEADER, NO_CARD, SHAPES, line, main, summary


def test_the_cases_span_what_is_promised() -> None:
    assert len({(case.shape, case.how, case.batch, case.length, case.checkpointing) for case in CASES}) >= 12
    assert {case.how for case in CASES} == {"nf4", "bf16", "full"}
    assert {case.checkpointing for case in CASES} == {True, False}
    assert (min(case.length for case in CASES), max(case.length for case in CASES)) == (512, 4096)
    assert (min(case.batch for case in CASES), max(case.batch for case in CASES)) == (1, 4)
    assert {case.shape for case in CASES} >= {"Qwen2.5-0.5B", "Llama-3.1-8B"}
    for case in CASES:
        assert case.config.model.architecture is not None
        assert case.config.model.architecture.hidden_size == SHAPES[case.shape]["hidden_size"]


def test_a_line_of_the_table() -> None:
    found = {"allocated": 4 * GIB, "reserved": 5 * GIB}
    text = line(CASES[0], int(4.1 * GIB), found)
    assert text == "| Qwen2.5-0.5B | full | 1 | 512 | yes | 4.100 | 4.000 | 5.000 | +2.5% |\n"
    assert text.count("|") == HEADER.splitlines()[0].count("|")
    assert "does not fit" in line(CASES[0], GIB, None)


@pytest.mark.parametrize(("planned", "said"), [((104, 99), "met"), ((107, 99), "missed"), ((104, 97), "missed")])
def test_the_worst_case_decides(planned: tuple[int, int], said: str) -> None:
    outcomes = [(plan, {"allocated": 100, "reserved": 120}) for plan in planned]
    assert f"is {said}." in summary([*outcomes, (50, None)], "a card")


def test_nothing_measured_is_said() -> None:
    assert summary([(50, None)], "a card") == "Nothing could be measured.\n"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA card here")
def test_without_a_card_it_says_so_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = RESULTS.read_bytes()
    assert main([]) == NO_CARD
    assert "no CUDA device" in capsys.readouterr().out
    assert RESULTS.read_bytes() == before


@pytest.mark.slow
def test_the_path_runs_with_a_toy_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tiny"]) == 0
    assert "planned on a card" in capsys.readouterr().out
