"""`pilothouse plan` from the command line, with a simulator that answers by a formula."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import RunConfig
from engine.memory.planning import room, run
from engine.records import GIB, Memory, Plan, StagePeak
from engine.store.paths import find_run
from engine.store.plans import read_plan, write_plan
from engine.store.reader import Reader
from tests.engine.memory.planning.formula import Formula
from tests.fixtures.recorded import write_run
from tui.cli import main

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def simulated(monkeypatch: pytest.MonkeyPatch) -> Formula:
    formula = Formula()

    def simulate(self: run.Simulator, config: RunConfig, *, quick: bool = False, progress: object = None) -> Plan:
        return formula(config)

    monkeypatch.setattr(run.Simulator, "simulate", simulate)
    monkeypatch.setattr(room, "read_now", lambda: (Memory("host", "host memory"),))
    return formula


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "model: {name: Qwen/Qwen2.5-7B-Instruct, quantization: nf4}\n"
        "training: {batch_size: 2, accumulation: 8, max_length: 512}\n"
        "data: {source: file, path: not-there-yet.jsonl}\n"
    )
    return str(path)


def test_the_answer_comes_without_pairs_a_card_or_a_run(config: str, runs: Path, capsys: Printed) -> None:
    assert main(["plan", config, "--card", "RTX 4090"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("mine.yaml: Qwen/Qwen2.5-7B-Instruct, nf4, LoRA 8\ndpo on 2 × 8 pairs of 512 tokens\n")
    assert "fits the RTX 4090" in out
    assert "training: {batch_size: 1, accumulation: 16}" in out
    assert err == ""
    assert list(runs.glob("*")) == []


def test_json_is_one_document_and_not_fitting_is_no_error(config: str, capsys: Printed) -> None:
    assert main(["plan", config, "--card", "8GiB", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["fits"], found["card_gib"], found["free_gib"], err) == (False, 8.0, None, "")
    wanted = {"peak_gib", "capacity_gib", "card_gib", "free_gib", "fits", "stages", "parts", "options"}
    assert wanted <= set(found)
    assert main(["plan", config, "--card", "24GiB", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fits"] is True


def test_a_setting_changes_the_answer(config: str, capsys: Printed) -> None:
    needs = []
    for length in (512, 1024):
        main(["plan", config, "--json", "--set", f"max_length={length}"])
        needs.append(json.loads(capsys.readouterr().out)["capacity_gib"])
    assert needs[0] < needs[1]


def test_the_config_may_name_the_card(config: str, capsys: Printed) -> None:
    assert main(["plan", config, "--json", "--set", "memory.card=4070"]) == 0
    assert json.loads(capsys.readouterr().out)["card"] == "RTX 4070"


def test_the_card_here_is_read_now(config: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Memory("gpu", "RTX 3060", total=12 * GIB, used=5 * GIB)
    monkeypatch.setattr(room, "read_now", lambda: (card,))
    assert main(["plan", config, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["card"], found["card_gib"], found["free_gib"], found["fits"]) == ("RTX 3060", 12.0, 7.0, False)


def test_ascii_needs_no_unicode(config: str, capsys: Printed) -> None:
    assert main(["--ascii", "plan", config, "--card", "8GiB"]) == 0
    assert capsys.readouterr().out.isascii()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--card", "RTX 4O70"], "no card is known as 'RTX 4O70'\n  nearest: RTX 4070"),
        (["--set", "memory.card=moon"], "no card is known as 'moon'"),
        (["--set", "model.architecture.num_layers=3"], "did you mean model.architecture.num_hidden_layers?"),
        (["--set", "model.name=./nowhere"], "no such folder"),
    ],
)
def test_a_bad_question_is_answered_with_what_would_do(
    config: str, arguments: list[str], words: str, capsys: Printed
) -> None:
    assert main(["plan", config, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


class TestFit:
    """`memory.auto: fit`, where a run is made."""

    @pytest.fixture
    def made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: Path) -> str:
        monkeypatch.setattr("tui.commands.launch.start_engine", lambda paths: 1)
        monkeypatch.setattr("tui.commands.launch._await_engine", lambda paths, before: None)
        (tmp_path / "pairs.jsonl").write_text("{}\n")
        path = tmp_path / "fit.yaml"
        path.write_text(
            "model: {name: a/b, quantization: nf4}\nmemory: {auto: fit, card: 8GiB}\n"
            "training: {batch_size: 2, accumulation: 8, max_length: 512}\ndata: {source: file, path: pairs.jsonl}\n"
        )
        return str(path)

    def test_it_is_applied_told_and_recorded(self, made: str, runs: Path, capsys: Printed) -> None:
        from engine.config import load_config

        assert main(["run", made, "--no-attach"]) == 0
        assert "auto: fit chose " in capsys.readouterr().out.splitlines()[0]
        kept = load_config(runs / "fit" / "config.yaml")
        assert kept.memory.chosen
        assert read_plan(find_run("fit")) == Formula()(kept)
        assert Formula()(kept).capacity < 0.95 * 0.975 * 8 * GIB
        assert kept.training.batch_size * kept.training.accumulation == 16

    def test_a_run_that_cannot_fit_is_not_made(self, made: str, runs: Path, capsys: Printed) -> None:
        assert main(["run", made, "--no-attach", "--set", "memory.card=2GiB"]) == 2
        err = capsys.readouterr().err
        assert "auto: fit cannot make this run fit 1.85 GiB" in err
        assert "or a card of 4 GiB" in err
        assert not (runs / "fit").exists()

    def test_without_the_key_nothing_is_chosen(
        self, made: str, runs: Path, simulated: Formula, capsys: Printed
    ) -> None:
        from engine.config import load_config

        assert main(["run", made, "--no-attach", "--set", "memory.auto=off"]) == 0
        kept = load_config(runs / "fit" / "config.yaml")
        assert not kept.memory.chosen
        assert all(asked == kept for asked in simulated.calls), "the run's plan, and no other"
        assert "auto: fit" not in capsys.readouterr().out

    def test_the_engine_says_once_what_was_chosen(self, made: str, runs: Path) -> None:
        from engine.__main__ import announce
        from engine.config import load_config
        from engine.store.ledger import Ledger

        assert main(["run", made, "--no-attach"]) == 0
        paths = find_run("fit")
        config = load_config(paths.config)
        with Ledger.open(paths) as ledger:
            announce(ledger, config, 1)
            announce(ledger, config, 2)
        with Reader(paths.ledger) as reader:
            told = [event.text for event in reader.events() if event.kind == "memory.fit"]
        assert told == [f"auto: fit chose {'; '.join(config.memory.chosen)}"]

    def test_check_says_what_will_be_done_and_what_was(self, made: str, runs: Path, capsys: Printed) -> None:
        assert main(["check", made]) == 0
        assert "# What would not fit 8GiB is mended by auto: fit" in capsys.readouterr().out
        main(["run", made, "--no-attach"])
        assert main(["check", str(runs / "fit" / "config.yaml")]) == 0
        assert "# Chosen by auto: fit for its card: " in capsys.readouterr().out


def test_what_earlier_runs_measured_on_this_card_is_told(
    config: str, capsys: Printed, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_run()
    with Reader(paths.ledger) as reader:
        pulse = reader.pulse()
    assert pulse is not None
    assert pulse.memory is not None
    assert pulse.memory.peak
    planned = round(1.02 * pulse.memory.peak)
    write_plan(paths, Plan("m", (StagePeak("dpo", planned, planned, planned),)))
    card = Memory("gpu", pulse.memory.name, total=24 * GIB, used=0)
    monkeypatch.setattr(room, "read_now", lambda: (card,))
    assert main(["plan", config]) == 0
    assert "measured        1 run on this card: plans were off by +2.0% to +2.0%" in capsys.readouterr().out
    assert main(["plan", config, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["residual"]["peak_gib"] == pytest.approx(found["peak_gib"] / 1.02, rel=1e-3)
