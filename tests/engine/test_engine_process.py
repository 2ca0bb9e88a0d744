"""The engine as a real process on a tiny random model: it obeys, survives kill -9 anywhere, and never decides twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.data.world import corpus
from engine.store.control import Outbox
from engine.store.ledger import Ledger
from engine.store.paths import create_run
from engine.store.reader import Reader
from tests.fixtures.engines import Run

pytestmark = pytest.mark.slow

CONFIG = """
model: {{name: {model}, device: cpu}}
data: {{source: file, path: {pairs}, min_pairs: 4, held_out: 0.2}}
training: {{beta: 0.1, learning_rate: 1e-3, max_steps: {steps}, batch_size: 4, max_length: 64, checkpoint_steps: 4}}
evaluation: {{prompts: 6, completions: 2, max_new_tokens: 8, kl_probe_prompts: 2}}
thresholds: {{kl: 100, critical_kl: 200}}
budget: {{iterations: {iterations}}}
decide: {decide}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of the demo's size, and pairs about its world."""
    from engine.data.demo import demo_base

    folder = tmp_path_factory.mktemp("model")
    base, tokenizer = demo_base(0)
    base.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    rows = [
        {"prompt": text, "chosen": f" hello , please reset the {topic} .", "rejected": " ugh , whatever ."}
        for text, topic in corpus.split().train
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def new_run(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Run]]:
    monkeypatch.setenv("PILOTHOUSE_RUNS", str(tmp_path))
    runs: list[Run] = []

    def make(name: str = "run", *, steps: int = 12, iterations: int = 2, decide: str = "auto") -> Run:
        text = CONFIG.format(
            model=model, pairs=model / "pairs.jsonl", steps=steps, iterations=iterations, decide=decide
        )
        runs.append(Run(create_run(name, text)))
        return runs[-1]

    yield make
    for run in runs:
        run.end()


def test_a_run_goes_from_nothing_to_a_model_that_loads(new_run: Callable[..., Run], model: Path) -> None:
    run = new_run()
    assert run.start().wait(180) == 0, run.paths.engine_log.read_text()
    done = run.status()
    assert done["state"] == "completed"
    assert [row["index"] for row in done["iterations"]] == [0, 1, 2]
    assert done["iterations"][0]["decision"] is None
    assert len(run.losses()) == 24
    assert "selected" in run.paths.log.read_text().lower()
    assert not list(run.paths.iterations.glob(".work-*"))

    from peft import AutoPeftModelForCausalLM

    AutoPeftModelForCausalLM.from_pretrained(run.paths.final / "adapter")


def test_kill_9_anywhere_loses_nothing_and_changes_nothing(new_run: Callable[..., Run]) -> None:
    """The same run, once in peace and once killed in evaluation, three times in training, and at the gate."""
    peace = new_run("peace", steps=60, decide="ask")
    peace.start()
    peace.reach("awaiting_decision")
    calm = peace.losses()
    peace.order("stop")

    war = new_run("war", steps=60, decide="ask")
    moments: list[Callable[[], bool]] = [
        lambda: war.status()["stage"] != "",
        war.training(2),
        war.training(15),
        war.training(30),
        lambda: war.status()["state"] == "awaiting_decision",
    ]
    killed_at: list[int] = []
    for moment in moments:
        engine = war.start()
        war.until(moment)
        before = war.losses()
        engine.kill()
        engine.wait()
        killed_at.append(max(war.losses(), default=0))
        assert war.status()["state"] == "lost"
        assert before.items() <= war.losses().items()
    war.start()
    war.reach("awaiting_decision")
    assert any(0 < step < 60 for step in killed_at), f"no kill came during the training: {killed_at}"
    assert war.losses() == calm
    ours, theirs = war.iterations()[1].metrics, peace.iterations()[1].metrics
    assert {name: metric.value for name, metric in ours.items()} == {n: m.value for n, m in theirs.items()}


def test_a_second_engine_is_refused_at_once(new_run: Callable[..., Run]) -> None:
    run = new_run(decide="ask")
    run.start()
    run.until(lambda: run.status()["state"] != "lost" and run.status()["heartbeat_age_s"] is not None)
    assert run.start().wait(60) == 75
    assert "already has an engine" in run.paths.engine_log.read_text()


def test_an_operator_steers_a_training(new_run: Callable[..., Run]) -> None:
    run = new_run(steps=4000, decide="ask")
    run.start()
    run.until(run.training(2))

    assert run.order("pause").ok
    at = run.reach("paused")["step"]
    assert run.order("resume").ok
    run.until(run.training(at + 1))

    turned = run.order("set", learning_rate=2e-4)
    assert (turned.ok, turned.result) == (True, "learning_rate 0.001 → 0.0002")
    run.until(lambda: run.status()["in_force"].get("learning_rate") == 2e-4)
    assert not run.order("set", max_steps=5).ok

    saved = run.order("checkpoint")
    assert saved.ok
    run.until(lambda: (run.paths.checkpoints(1) / f"checkpoint-{saved.result.split()[-1]}").exists())

    ended = run.order("gate")
    assert ended.ok
    gate = run.reach("awaiting_decision")
    assert gate["gate"]["iteration"] == 1
    assert run.iterations()[1].steps < 4000
    assert run.iterations()[1].config["learning_rate"] == 2e-4
    assert run.order("stop").ok
    assert run.reach("stopped")["gate"]["iteration"] == 1


def test_sigterm_saves_and_the_run_goes_on(new_run: Callable[..., Run]) -> None:
    run = new_run(steps=400, decide="ask")
    engine = run.start()
    run.until(run.training(3))
    engine.terminate()
    assert engine.wait(60) == 0
    assert run.status()["state"] == "stopped"
    before = run.losses()
    run.start()
    run.until(lambda: len(run.losses()) > len(before) + 2)
    with Reader(run.paths.ledger) as reader:
        assert any(event.text == f"dpo goes on from step {max(before)}" for event in reader.events())


def test_one_of_two_operators_decides_and_the_other_is_told(new_run: Callable[..., Run]) -> None:
    run = new_run(iterations=5, decide="ask")
    run.start()
    run.reach("awaiting_decision")
    out = Outbox(run.paths)
    first = out.send(
        "decide", {"iteration": 1, "action": "retry", "changes": {"beta": 0.3}}, who="ana@test", why="again"
    )
    second = out.send("decide", {"iteration": 1, "action": "accept"}, who="bo@test")
    with Reader(run.paths.ledger) as reader:
        taken = run.until(lambda: reader.applied(first.uuid))
        refused = run.until(lambda: reader.applied(second.uuid))
    assert taken.ok
    assert not refused.ok
    assert "retry by ana@test" in refused.result or "no gate is open" in refused.result
    run.until(lambda: len(run.iterations()) == 3)
    retried = run.iterations()[2]
    assert (retried.parent, retried.config["beta"]) == (0, 0.3)
    decision = run.iterations()[1].decision
    assert decision is not None
    assert (decision.who, decision.why) == ("ana@test", "again")


def test_a_rollback_makes_a_branch_and_deletes_nothing(new_run: Callable[..., Run]) -> None:
    run = new_run(iterations=5, decide="ask")
    run.start()
    run.reach("awaiting_decision")
    assert run.order("decide", iteration=1, action="rollback", to=0, changes={}).ok
    run.until(lambda: len(run.iterations()) == 3 and run.iterations()[2].status == "evaluated")
    assert run.iterations()[2].parent == 0
    assert all((run.paths.iteration(index) / "MANIFEST.json").exists() for index in range(3))


def test_a_truncated_adapter_is_named_and_nothing_is_lost(new_run: Callable[..., Run]) -> None:
    run = new_run(iterations=5, decide="ask")
    run.start()
    run.reach("awaiting_decision")
    run.order("stop")
    run.reach("stopped")
    weights = run.paths.iteration(1) / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    Outbox(run.paths).send("decide", {"iteration": 1, "action": "accept"}, who="ana@test")
    assert run.start().wait(120) == 1
    failed = run.status()
    assert failed["state"] == "failed"
    assert "adapter_model.safetensors" in failed["fault"]
    assert [row["index"] for row in failed["iterations"]][:2] == [0, 1]


def test_a_config_that_was_broken_after_the_start_is_explained(new_run: Callable[..., Run]) -> None:
    run = new_run()
    run.paths.config.write_text("trainin: {}\n")
    assert run.start().wait(60) == 2
    assert "did you mean training?" in run.status()["fault"]


def test_the_ledger_is_written_by_one_process_only(new_run: Callable[..., Run]) -> None:
    run = new_run(decide="ask")
    run.start()
    run.reach("awaiting_decision")
    with Reader(run.paths.ledger) as reader:
        assert len(reader.attempts()) == 1
    with Ledger.open(run.paths) as ledger:
        assert ledger.last_recorded_step(1) == 12
