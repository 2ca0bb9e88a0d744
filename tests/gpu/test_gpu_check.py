"""What of `make gpu-check` needs no card: reading nvidia-smi, comparing, the table, and saying that there is none."""

from pathlib import Path

import pytest
import torch
import yaml

from engine.config import load_config
from engine.records import Memory
from tests.bench.table import RESULTS
from tests.gpu.check import HEADER, NO_CARD, Outcome, config, main
from tests.gpu.smi import MIB, parse
from tests.gpu.watch import Sample, Watched, panel_errors

SMI = "GPU-aa-1, NVIDIA H100 80GB HBM3, 81559, 80000\nGPU-bb-2, NVIDIA T4, 15360, 15000\n"


def panel(t: float, used_mib: float | None, peak_mib: int = 0) -> Memory:
    used = None if used_mib is None else int(used_mib * MIB)
    return Memory("gpu", "card", total=100 * MIB, used=used, peak=peak_mib * MIB, t=t)


def sample(t: float, used_mib: int) -> Sample:
    return Sample(t - 0.1, t + 0.1, used_mib * MIB)


def test_nvidia_smi_is_read_in_bytes() -> None:
    cards = parse(SMI)
    assert [card.name for card in cards] == ["NVIDIA H100 80GB HBM3", "NVIDIA T4"]
    assert (cards[0].total, cards[0].used) == (81559 * MIB, 1559 * MIB)


@pytest.mark.parametrize(("used", "error"), [(60, 0), (50, 0), (70, 0), (72.5, 2.5), (45, 5)])
def test_a_reading_between_its_neighbours_is_no_error(used: float, error: float) -> None:
    errors = list(panel_errors([panel(2.0, used)], [sample(1, 50), sample(3, 70)]))
    assert errors == [int(error * MIB)]


def test_what_cannot_be_compared_is_left_out() -> None:
    samples = [sample(1, 50), sample(3, 50)]
    assert not list(panel_errors([panel(0.5, 1), panel(3.5, 1), panel(2, None)], samples))
    assert not list(panel_errors([panel(2, 1)], []))
    assert not list(panel_errors([panel(1.05, 1)], [sample(1, 50)]))  # read while nvidia-smi was running


def test_a_line_of_the_table() -> None:
    watched = Watched(
        [panel(2.0, 53, peak_mib=40), panel(2.5, 50, peak_mib=30)], [sample(1, 50), sample(3, 50)], 12.345
    )
    line = Outcome("demo", watched, 41 * MIB).line
    assert line == "| demo | 12.35 | 41.0 | 40.0 | 50.0 | 1.5 / 3.0 (n 2) |\n"
    assert line.count("|") == HEADER.splitlines()[0].count("|")


def test_a_line_without_a_card() -> None:
    assert Outcome("demo", Watched(), None).line == "| demo | 0.00 | — | — | — | not compared |\n"


@pytest.mark.parametrize("on_card", [True, False])
def test_the_config_is_one_that_the_engine_takes(tmp_path: Path, on_card: bool) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config(tmp_path / "model", tmp_path / "pairs.jsonl", on_card)))
    loaded = load_config(path, [])
    assert (loaded.model.quantization, loaded.model.device) == ("nf4", "cuda" if on_card else "cpu")
    assert loaded.decide == "auto"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card here: make gpu-check would run")
def test_without_a_card_it_says_so_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = RESULTS.read_bytes() if RESULTS.exists() else None
    assert main([]) == NO_CARD
    assert "no CUDA device here: not run" in capsys.readouterr().out
    assert (RESULTS.read_bytes() if RESULTS.exists() else None) == before
