"""One way to train on one reward model, in a process of its own: `python -m tests.bench.ppo_contestants WHO RACE.json`.

All of them have the same base, LoRA, reward model, prompts, samples an update and passes over them. The last line that
a contestant writes is JSON: [processor seconds, wall seconds] of every update, and the bytes that its peak is above
where it was with all imports done. Its policy is left behind as an adapter.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HEAD = "head.safetensors"


@dataclass(frozen=True)
class Race:
    """`reward` is a slot as the engine saves one, `classifier` the same adapter merged into its trunk."""

    base: str
    reward: str
    classifier: str
    prompts: tuple[str, ...]
    updates: int
    rollouts: int = 128
    minibatch: int = 64
    micro: int = 64
    epochs: int = 3
    new_tokens: int = 28
    learning_rate: float = 1e-3
    beta: float = 0.1
    group: int = 4
    seed: int = 1

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


class Clock:
    """What the updates took, and the most memory since it was made."""

    def __init__(self) -> None:
        self._start, self._last = resident_bytes("VmRSS"), (time.process_time(), time.perf_counter())
        self.updates: list[tuple[float, float]] = []

    def begin(self) -> None:
        self._last = time.process_time(), time.perf_counter()

    def tick(self) -> None:
        now = time.process_time(), time.perf_counter()
        self.updates.append((now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now

    def said(self) -> str:
        return json.dumps({"updates": self.updates, "memory": resident_bytes("VmHWM") - self._start})


def resident_bytes(name: str) -> int:
    """VmRSS or VmHWM of this process; not getrusage's ru_maxrss, which begins with the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


# -- ours -------------------------------------------------------------------------------------------------------------


def ours(race: Race, place: Path) -> Clock:
    from engine.config import parse_config
    from engine.config.schema import ModelConfig
    from engine.data.task import Prompt
    from engine.data.world.manners import DemoJudge
    from engine.models.load import load_resident
    from engine.models.scoring import score
    from engine.models.slots import REWARD, SFT, VALUE, Slots
    from engine.models.tokens import TokenSequence, prompt_ids
    from engine.stages.lookout import Lookout
    from engine.stages.ppo_trainer import PpoTrainer

    clock = Clock()
    resident = load_resident(ModelConfig(device="cpu"), race.seed, Path(race.base))
    with Slots(resident, SFT, REWARD, VALUE) as slots:
        slots.load(REWARD, Path(race.reward))
        slots.copy(REWARD, VALUE)

        def proxy(prompts: Sequence[Prompt], completions: Sequence[Any]) -> list[float]:
            asked = [prompt_ids(resident.tokenizer, prompt.content) for prompt in prompts]
            rows = [TokenSequence(ids, each.ids) for ids, each in zip(asked, completions, strict=True)]
            return score(slots, REWARD, rows, race.micro)

        prompts = [Prompt(text) for text in race.prompts]
        lookout = Lookout(slots, DemoJudge(), prompts[:1], max_new_tokens=1, batch_size=1, seed=0)
        config = parse_config(json.dumps(_sections(race)))
        weights = [1.0] * len(prompts)
        target = config.ppo.target_kl
        trainer = PpoTrainer(
            slots, proxy, prompts, weights, lookout, config, target, place / "ours", race.seed, _Marks(clock)  # type: ignore[arg-type]
        )  # fmt: skip
        trainer.on_checkpoint = lambda *_: None
        trainer.train()
        resident.save_policy(place)
    return clock


def _sections(race: Race) -> dict[str, Any]:
    training = {
        "beta": race.beta,
        "learning_rate": race.learning_rate,
        "max_steps": race.updates,
        "batch_size": race.micro,
        "max_length": 64,
        "scheduler": "constant",
        "warmup_steps": 0,
        "checkpoint_steps": race.updates,
    }
    ppo = {
        "rollouts": race.rollouts,
        "minibatch": race.minibatch,
        "epochs": race.epochs,
        "max_new_tokens": race.new_tokens,
        "check_every": 0,
    }
    return {"recipe": "rlhf", "training": training, "ppo": ppo}


class _Marks:
    """A boundary between two updates where nothing happens but the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_train_begin(self, *_: Any) -> None:
        self._clock.begin()

    def on_step_begin(self, *_: Any) -> None: ...

    def on_step_end(self, *_: Any) -> None: ...

    def on_substep_end(self, *_: Any) -> None: ...

    def on_log(self, *_: Any) -> None:
        self._clock.tick()


# -- TRL's ------------------------------------------------------------------------------------------------------------


def trl_ppo(race: Race, place: Path) -> Clock:
    """TRL 1.12's, with LoRA on the policy and, as in its own script, a whole model each for value and reward."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    clock = Clock()
    tokenizer = AutoTokenizer.from_pretrained(race.base, padding_side="left")
    texts = [race.prompts[i % len(race.prompts)] for i in range(race.rollouts * race.updates)]
    model = AutoModelForCausalLM.from_pretrained(race.base)
    trainer = PPOTrainer(
        args=PPOConfig(
            **_arguments(race, place),
            per_device_train_batch_size=race.micro,
            gradient_accumulation_steps=race.rollouts // race.micro,
            num_mini_batches=race.rollouts // race.minibatch,
            total_episodes=race.rollouts * race.updates,
            local_rollout_forward_batch_size=race.micro,
            num_sample_generations=0,
            response_length=race.new_tokens,
            stop_token="eos",
            temperature=1.0,
            missing_eos_penalty=1.0,
            num_ppo_epochs=race.epochs,
            kl_coef=race.beta,
        ),
        processing_class=tokenizer,
        model=model,
        ref_model=None,
        reward_model=_classifier(race),
        value_model=_classifier(race).requires_grad_(True),
        train_dataset=Dataset.from_list([{"input_ids": tokenizer(text)["input_ids"]} for text in texts]),
        eval_dataset=Dataset.from_list([{"input_ids": tokenizer(text)["input_ids"]} for text in texts[:1]]),
        peft_config=_lora(race),
        callbacks=[_ticking(clock, every=1)],
    )
    trainer.train()
    trainer.policy_model.save_pretrained(place, save_embedding_layers=False)
    return clock


def trl_rloo(race: Race, place: Path) -> Clock:
    """TRL's RLOO, which has no value model: `group` samples of a prompt are each other's baseline."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import RLOOConfig, RLOOTrainer

    clock = Clock()
    tokenizer = AutoTokenizer.from_pretrained(race.base, padding_side="left")
    judge = _classifier(race)

    @torch.no_grad()
    def reward(prompts: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
        rows = [[*tokenizer(prompt)["input_ids"], *ids] for prompt, ids in zip(prompts, completion_ids, strict=True)]
        batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
        states = judge.model(**{name: batch[name] for name in ("input_ids", "attention_mask")}).last_hidden_state
        scores = judge.score(states[:, -1])[:, 0].tolist()
        ended = [tokenizer.eos_token_id in ids for ids in completion_ids]
        return [score - (not end) for score, end in zip(scores, ended, strict=True)]

    steps = race.rollouts // race.minibatch
    trainer = RLOOTrainer(
        model=AutoModelForCausalLM.from_pretrained(race.base),
        reward_funcs=reward,
        args=RLOOConfig(
            **_arguments(race, place),
            per_device_train_batch_size=race.minibatch,
            max_steps=race.updates * race.epochs * steps,
            steps_per_generation=steps,
            num_iterations=race.epochs,
            num_generations=race.group,
            max_completion_length=race.new_tokens,
            beta=race.beta,
        ),
        train_dataset=Dataset.from_list([{"prompt": text} for text in race.prompts]),
        processing_class=tokenizer,
        peft_config=_lora(race),
        callbacks=[_ticking(clock, every=race.epochs * steps)],
    )
    trainer.train()
    trainer.model.save_pretrained(place, save_embedding_layers=False)
    return clock


def _arguments(race: Race, place: Path) -> dict[str, Any]:
    return {
        "output_dir": str(place / "trainer"),
        "learning_rate": race.learning_rate,
        "lr_scheduler_type": "constant",
        "seed": race.seed,
        "bf16": False,
        "use_cpu": True,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "disable_tqdm": True,
        "report_to": [],
    }


def _lora(race: Race) -> Any:
    from engine.config.schema import ModelConfig
    from engine.models.load import lora_config

    return lora_config(ModelConfig())


def _classifier(race: Race) -> Any:
    """The reward model as transformers has one; its head keeps the bias that the slot's has."""
    from safetensors.torch import load_file
    from torch import nn
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(race.classifier, num_labels=1)
    model.score = nn.Linear(model.config.hidden_size, 1)
    model.score.load_state_dict(load_file(Path(race.reward) / HEAD))
    return model.eval().requires_grad_(False)


def _ticking(clock: Clock, every: int) -> Any:
    from transformers import TrainerCallback

    class Ticking(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock.begin()

        def on_step_end(self, _args: Any, state: Any, _control: Any, **__: Any) -> None:
            if state.global_step % every == 0:
                clock.tick()

    return Ticking()


CONTESTANTS: dict[str, Callable[[Race, Path], Clock]] = {"ours": ours, "ppo": trl_ppo, "rloo": trl_rloo}


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    given = Path(sys.argv[2])
    clock = CONTESTANTS[sys.argv[1]](Race(**json.loads(given.read_text(encoding="utf-8"))), given.parent / sys.argv[1])
    sys.stdout.write(f"\n{clock.said()}\n")
