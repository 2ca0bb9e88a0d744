"""`pilothouse check`, and what is looked for on disk before a run may start."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from engine.config import load_config, parse_config
from tui.cli import main
from tui.commands.check import outline
from tui.commands.launch import CONFIGS


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of pairs in the folder that we stand in."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n')
    return path


def config(folder: Path, **data: object) -> str:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"recipe": "dpo", "data": {"source": "file", **data}}))
    return str(path)


def test_it_prints_a_config_that_gives_the_same_config(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", config(pairs.parent, path="pairs.jsonl"), "--set", "beta=0.3"]) == 0
    out = capsys.readouterr().out
    resolved = parse_config(out, "check")
    assert (resolved.training.beta, resolved.data.path) == (0.3, str(pairs))
    assert "# Nothing was started." in out
    assert {path.name for path in pairs.parent.iterdir()} == {"pairs.jsonl", "mine.yaml"}


@pytest.mark.parametrize(
    ("loss_type", "method", "reference"),
    [
        ("sigmoid", "by DPO with LoRA", "held to the baseline"),
        ("ipo", "by DPO (loss ipo) with LoRA", "held to the baseline"),
        ("kto", "by KTO with LoRA", "held to the baseline"),
        ("orpo", "by ORPO with LoRA", "held to no reference"),
        ("rrhf", "by RRHF with LoRA", "held to no reference"),
    ],
)
def test_the_objective_is_called_by_its_name(loss_type: str, method: str, reference: str) -> None:
    told = "\n".join(outline(parse_config(f"training: {{loss_type: {loss_type}}}")))
    assert method in told
    assert reference in told


def test_every_fault_is_named_at_once(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(pairs.parent, path="pair.jsonl")
    assert main(["check", path, "--set", "model.name=./nowhere", "--set", "evaluation.probes=[p.jsonl]"]) == 2
    err = capsys.readouterr().err
    assert "3 faults" in err
    here = pairs.parent
    assert f"data.path = {here}/pair.jsonl: no such file (nearest in {here}: pairs.jsonl)" in err
    assert f"model.name = {here}/nowhere: no such folder" in err
    assert f"evaluation.probes.0 = {here}/p.jsonl: no such file" in err


def test_a_file_beside_the_config_is_found_from_anywhere(
    pairs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(pairs.parent, path="pairs.jsonl")
    (pairs.parent / "elsewhere").mkdir()
    monkeypatch.chdir(pairs.parent / "elsewhere")
    assert main(["check", path]) == 0
    assert f"path: {pairs}" in capsys.readouterr().out


def test_a_misspelt_key_is_answered_with_the_nearest(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", config(pairs.parent, path="pairs.jsonl"), "--set", "learning_rat=1e-5"]) == 2
    assert "learning_rate" in capsys.readouterr().err


def test_a_folder_of_gguf_files_is_offered(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = pairs.parent / "weights"
    folder.mkdir()
    (folder / "smol.gguf").touch()
    path = config(pairs.parent, path="pairs.jsonl")
    assert main(["check", path, "--set", "model.name=weights"]) == 2
    assert "set model.gguf_file=smol.gguf" in capsys.readouterr().err
    assert main(["check", path, "--set", "model.name=weights", "--set", "model.gguf_file=smol.gguf"]) == 0
    assert f"name: {folder}" in capsys.readouterr().out


def test_a_hub_name_is_left_to_the_hub(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(pairs.parent, path="pairs.jsonl")
    assert main(["check", path, "--set", "model.name=HuggingFaceTB/SmolLM2-135M-Instruct"]) == 0
    assert "name: HuggingFaceTB/SmolLM2-135M-Instruct" in capsys.readouterr().out


def test_every_shipped_config_loads() -> None:
    shipped = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
    assert [path.name for path in shipped if path.name.startswith("demo-")] == [
        "demo-overshoot.yaml",
        "demo-rlhf-overshoot.yaml",
        "demo-rlhf-steady.yaml",
        "demo-steady.yaml",
    ]
    for path in shipped:
        pairs = [] if load_config(path, ["data.source=on_policy"]).model.name == "demo" else ["data.path=pairs.jsonl"]
        assert load_config(path, pairs).recipe == ("rlhf" if "rlhf" in path.name else "dpo")


@pytest.mark.parametrize("algorithm", ["rloo", "grpo"])
def test_rloo_and_grpo_are_called_by_their_names_and_what_they_do_not_read_is_told(
    algorithm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    steady = str(CONFIGS / "demo-rlhf-steady.yaml")
    assert main(["check", steady, "--set", f"ppo.algorithm={algorithm}"]) == 0
    said = " ".join(line.strip("# ") for line in capsys.readouterr().out.splitlines() if line.startswith("#"))
    name = algorithm.upper()
    assert f"by RLHF ({name}) with LoRA" in said
    assert f"11 {name} updates of 96 samples, 4 of each prompt, KL at a fixed price of " in said
    assert f"Says nothing to {name}: " in said
    assert "ppo.target_kl" in said.split("Says nothing")[1]
    assert "PPO" not in said


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("steady", "11 PPO updates of 96 samples, KL near 2 nats a sequence from SFT"),
        ("overshoot", "14 PPO updates of 64 samples, KL at a fixed price of 0.01 from SFT"),
    ],
)
def test_the_rlhf_recipe_is_put_into_words(scenario: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(CONFIGS / f"demo-rlhf-{scenario}.yaml")]) == 0
    assert words in capsys.readouterr().out
