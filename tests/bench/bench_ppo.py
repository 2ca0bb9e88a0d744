"""Our PPO against TRL's: the last PPOTrainer that TRL had (1.12) and RLOO, from one baseline, on one reward model.

The demo's baseline and annotator say how fast each is and how well it does by the true reward; a model of 58 million
random weights says what memory each takes. TRL 1.12 is installed into a folder of its own; where it cannot be had, the
table says so. Time is processor time on one thread, which what else the machine does hardly touches.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from engine.data.world import corpus
from engine.data.world.manners import DemoJudge, reply
from engine.models.resident import Resident
from tests.bench.ppo_contestants import Race
from tests.bench.table import Row, at_most
from tui.commands.output import say

NAME = "PPO"
PACKAGES = ("torch", "transformers", "trl", "peft")
CONFIG = Path(__file__).parents[2] / "configs" / "demo-rlhf-steady.yaml"
OLD = "1.12.0"
OLD_TRL = Path(tempfile.gettempdir()) / f"pilothouse-bench-trl-{OLD}"
NAMES = {"ours": "our PPO", "ppo": f"TRL {OLD}'s PPOTrainer", "rloo": "TRL's RLOO"}
UPDATES, EACH, PAIRS, STEPS = 12, 8, 1600, 100
WARM = 3  # updates that are not timed: caches, and ours trains the value model alone in two of them
GAP = 0.5  # of the annotator's scores, between the two sides of a pair


@dataclass(frozen=True)
class Finish:
    """Of an update, in the middle: processor and wall seconds; bytes over the start; the policy's adapter."""

    cpu: float
    wall: float
    memory: int
    adapter: Path


def measure() -> list[Row]:
    """All rows, in about four minutes."""
    import torch

    torch.set_num_threads(1)
    os.environ["TQDM_DISABLE"] = "1"
    with tempfile.TemporaryDirectory(prefix="pilothouse-bench-") as folder:
        os.environ["PILOTHOUSE_RUNS"] = folder
        place = Path(folder)
        base, resident = _baseline()
        race, accuracy = _demo_race(base, resident, place)
        refusal = _old_trl()
        who = [name for name in NAMES if not (name == "ppo" and refusal)]
        small = {name: _run(name, race, place / "demo") for name in who}
        large = {name: _run(name, _large_race(base, place), place / "large") for name in who}
        truths = {name: _truth(resident, finish.adapter) for name, finish in small.items()}
        before = _truth(resident, None)
    rows = [Row("the reward model that all of them train on: accuracy on 400 other pairs", f"{accuracy:.3f}")]
    rows += [Row(NAMES["ppo"], f"could not be had here: {refusal}")] if refusal else []
    return [*rows, *_times(small), *_memories(large), *_rewards(truths, before)]


# -- the rows ---------------------------------------------------------------------------------------------------------


def _times(found: dict[str, Finish]) -> list[Row]:
    what = "an update of 128 samples on the demo, three passes in minibatches of 64"
    rows = [
        Row(f"{what}: {NAMES[name]}", f"{finish.cpu:.2f} s of processor time ({finish.wall:.2f} s by the wall)")
        for name, finish in found.items()
    ]
    for name, limit in (("ppo", 0.85), ("rloo", None)):
        if name in found:
            ratio = found["ours"].cpu / found[name].cpu
            rows.append(_ratio(f"time: ours ÷ {NAMES[name]}", ratio, limit))
    return rows


def _memories(found: dict[str, Finish]) -> list[Row]:
    what = "peak over the start, 58 million weights in float32, LoRA on the policy"
    rows = [Row(f"{what}: {NAMES[name]}", f"{finish.memory / 1e6:.0f} MB") for name, finish in found.items()]
    for name, limit in (("ppo", 0.5), ("rloo", None)):
        if name in found:
            ratio = found["ours"].memory / found[name].memory
            rows.append(_ratio(f"memory: ours ÷ {NAMES[name]}", ratio, limit))
    return rows


def _ratio(what: str, ratio: float, limit: float | None) -> Row:
    return Row(what, f"{ratio:.2f}") if limit is None else at_most(what, ratio, limit, "")


def _rewards(truths: dict[str, list[float]], before: list[float]) -> list[Row]:
    """The annotator's mean score; two differ where their difference is more than twice its standard error."""
    rows = [Row("true reward: the baseline", _scored(before))]
    rows += [
        Row(f"true reward after {UPDATES * 128:,} samples: {NAMES[name]}", _scored(scores))
        for name, scores in truths.items()
    ]
    for name in ("ppo", "rloo"):
        if name in truths:
            by = statistics.fmean(truths["ours"]) - statistics.fmean(truths[name])
            noise = 2 * math.hypot(_error(truths["ours"]), _error(truths[name]))
            target, met = ("within noise, or better", by >= -noise) if name == "ppo" else ("", None)
            rows.append(Row(f"true reward: ours less {NAMES[name]}", f"{by:+.2f} ± {noise:.2f}", target, met))
    return rows


def _scored(scores: Sequence[float]) -> str:
    return f"{statistics.fmean(scores):.2f} (standard error {_error(scores):.2f})"


def _error(scores: Sequence[float]) -> float:
    return statistics.stdev(scores) / math.sqrt(len(scores))


# -- the contest ------------------------------------------------------------------------------------------------------


def _old_trl() -> str:
    """Install it where it is not yet; why it cannot be had, "" where it can."""
    if (OLD_TRL / "trl" / "experimental" / "ppo").exists():
        return ""
    shutil.rmtree(OLD_TRL, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(OLD_TRL), f"trl=={OLD}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["pip failed"])[-1]


def _run(who: str, race: Race, place: Path) -> Finish:
    """One contestant, in a process of its own."""
    (place / who).mkdir(parents=True, exist_ok=True)
    race.save(place / "race.json")
    paths = [str(OLD_TRL)] if who == "ppo" else []
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "PYTHONPATH": os.pathsep.join([*paths, str(CONFIG.parents[1])]),
    }
    command = [sys.executable, "-m", "tests.bench.ppo_contestants", who, str(place / "race.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{NAMES[who]} failed:\n{done.stderr[-3000:]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    timed = said["updates"][WARM:] or said["updates"]
    cpu, wall = (statistics.median(update[i] for update in timed) for i in (0, 1))
    say(f"{NAMES[who]}: {cpu:.2f} s an update, {said['memory'] / 1e6:.0f} MB over the start")
    return Finish(cpu, wall, said["memory"], place / who)


def _truth(resident: Resident, adapter: Path | None) -> list[float]:
    """The annotator's score of samples of held-out prompts, by the same sampler and seed for every policy."""
    from engine.models.generate import generate

    if adapter is None:
        resident.reset_policy(0)
    else:
        resident.load_policy(adapter)
    prompts = [text for text, _ in corpus.split().held_out for _ in range(EACH)]
    said = generate(resident, prompts, max_new_tokens=28, temperature=1.0, seed=5, batch_size=256)
    return DemoJudge().scores([(prompt, each.text) for prompt, each in zip(prompts, said, strict=True)])


# -- what they race with ----------------------------------------------------------------------------------------------


def _baseline() -> tuple[Path, Resident]:
    """The demo's trained model, as a run would make it: its folder, and the model with an untrained policy."""
    from engine.config import load_config
    from engine.helm import Helm
    from engine.memory.gauge import Gauge
    from engine.memory.nvml import Sampler
    from engine.stages.baseline import MODEL, muster
    from engine.store.control import Inbox
    from engine.store.ledger import Ledger
    from engine.store.lock import EngineLock
    from engine.store.paths import create_run

    paths = create_run("ppo", CONFIG.read_text(encoding="utf-8"))
    with EngineLock.acquire(paths), Ledger.open(paths) as ledger:
        sampler = Sampler().start()
        ledger.begin_attempt(paths.config_sha())
        ledger.open_iteration(0, None, {}, 0)
        crew = muster(paths, load_config(CONFIG, []), ledger, Helm(ledger, Inbox(paths), Gauge(sampler)), 0)
        sampler.stop()
    return paths.work(0) / MODEL, crew.resident


def _demo_race(base: Path, resident: Resident, place: Path) -> tuple[Race, float]:
    """The race on the demo, with a reward model taught by the annotator's pairs; and that model's accuracy."""
    from engine.models.slots import REWARD, Slots

    with Slots(resident, REWARD) as slots:
        accuracy = _teach(slots, _pairs(PAIRS + 400))
        _in_units_of_the_baseline(slots)
        slots.save(REWARD, place / "reward")
    _merge(base, place / "reward", place / "classifier")
    prompts = tuple(text for text, _ in corpus.split().train)
    race = Race(str(base), str(place / "reward"), str(place / "classifier"), prompts, UPDATES)
    return race, accuracy


def _pairs(count: int) -> list[tuple[str, str, str]]:
    """(question, the better answer, the worse): answers as the world gives them, ranked by its annotator."""
    rng, judge, asks, found = Random(11), DemoJudge(), corpus.split().train, []
    while len(found) < count:
        prompt, topic = rng.choice(asks)
        worse, better = sorted((reply(rng, topic) for _ in range(2)), key=lambda answer: judge.score(prompt, answer))
        if judge.score(prompt, better) - judge.score(prompt, worse) >= GAP:
            found.append((prompt, f" {better}", f" {worse}"))
    return found


def _teach(slots: Any, pairs: Sequence[tuple[str, str, str]], batch: int = 32) -> float:
    """Bradley and Terry's loss on all but the last 400 pairs; the accuracy on those."""
    import torch

    from engine.models.slots import REWARD
    from engine.models.tokens import pad, sequence_ids

    def margins(rows: Sequence[tuple[str, str, str]]) -> torch.Tensor:
        sides = [sequence_ids(slots.resident.tokenizer, row[0], row[side]) for side in (1, 2) for row in rows]
        ids = [(*side.prompt, *side.completion) for side in sides]
        better, worse = slots.scores(*pad(ids, 0, "right", slots.resident.device)).chunk(2)
        return better - worse

    rng, taught, rest = Random(12), pairs[:-400], pairs[-400:]
    with slots.trainable(REWARD) as parameters:
        optimizer = torch.optim.AdamW(parameters, lr=5e-3)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, STEPS)
        for _ in range(STEPS):
            with slots.use(REWARD):
                loss = -torch.nn.functional.logsigmoid(margins(rng.sample(taught, batch))).mean()
                loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    with torch.no_grad():
        return float((margins(rest) > 0).float().mean())


def _in_units_of_the_baseline(slots: Any) -> None:
    """Scores of mean 0 and deviation 1 on the baseline's own samples, by the head's weights: for all contestants."""
    import torch

    from engine.models.generate import generate
    from engine.models.scoring import score
    from engine.models.slots import REWARD
    from engine.models.tokens import TokenSequence, prompt_ids
    from engine.rl.experience import Scale

    prompts = [text for text, _ in corpus.split().train]
    slots.resident.reset_policy(0)
    said = generate(slots.resident, prompts, max_new_tokens=28, temperature=1.0, seed=3, batch_size=256)
    asked = [prompt_ids(slots.resident.tokenizer, prompt) for prompt in prompts]
    rows = [TokenSequence(ids, each.ids) for ids, each in zip(asked, said, strict=True)]
    scale = Scale.of(torch.tensor(score(slots, REWARD, rows, 256)))
    head = slots.heads[REWARD]
    with torch.no_grad():
        head.weight.div_(scale.deviation)
        head.bias.sub_(scale.mean).div_(scale.deviation)


def _merge(base: Path, adapter: Path, place: Path) -> None:
    """The reward model's trunk as a model of its own, which is what TRL's PPOTrainer takes."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).merge_and_unload().save_pretrained(
        place
    )


def _large_race(base: Path, place: Path) -> Race:
    """58 million random weights, a vocabulary of 8,192: two updates, the second with an optimizer's state."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from engine.config.schema import ModelConfig
    from engine.models.load import load_resident
    from engine.models.slots import REWARD, Slots

    folder, reward = place / "large-base", place / "large-reward"
    if not folder.exists():
        shape = LlamaConfig(
            vocab_size=8192,
            hidden_size=512,
            intermediate_size=1408,
            num_hidden_layers=17,
            num_attention_heads=8,
            num_key_value_heads=8,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
        LlamaForCausalLM(shape).save_pretrained(folder)
        AutoTokenizer.from_pretrained(base).save_pretrained(folder)
        with Slots(load_resident(ModelConfig(device="cpu"), 0, folder), REWARD) as slots:
            slots.save(REWARD, reward)
    prompts = tuple(text for text, _ in corpus.split().train)
    sizes = {"rollouts": 8, "minibatch": 4, "micro": 4, "epochs": 1, "new_tokens": 24, "learning_rate": 1e-5}
    return Race(str(folder), str(reward), str(folder), prompts, 2, **sizes)  # type: ignore[arg-type]
