"""Sampling completions as collection does it, against transformers' own batched `generate` on the very same batches."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from transformers import GenerationConfig

from engine.config.schema import ModelConfig
from engine.models.generate import generate
from engine.models.load import load_resident
from engine.models.resident import Resident
from tests.bench.table import Row, at_least

NAME = "Collection"
PACKAGES = ("torch", "transformers")
PROMPTS, EACH, BATCH, TOKENS, REPEATS = 64, 4, 64, 96, 5
BEGINNING = "Once upon a time there was a little girl named Lily who liked to play in the park with her red ball"
LEAST = 0.9  # of transformers' throughput


def measure() -> list[Row]:
    """All rows, in about a minute. Raises SystemExit without PILOTHOUSE_DATA."""
    if not (data := os.environ.get("PILOTHOUSE_DATA")):
        raise SystemExit("PILOTHOUSE_DATA is not set: it names the folder with models/stories260K")
    torch.set_num_threads(1)
    resident = load_resident(ModelConfig(name=str(Path(data) / "models/stories260K"), device="cpu"), 0)
    prompts = _prompts()
    ours, theirs = [], []
    for _ in range(REPEATS):  # in turns, so that a change of the machine's clock falls on both
        ours.append(_speed(lambda: _ours(resident, prompts)))
        theirs.append(_speed(lambda: _theirs(resident, prompts)))
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    shape = f"{PROMPTS * EACH} completions of up to {TOKENS} tokens in batches of {BATCH}, stories260K"
    return [
        Row(f"{shape}: ours", f"{statistics.median(ours):,.0f} tokens/s of processor time"),
        Row(
            f"{shape}: transformers' `generate`, batches as given",
            f"{statistics.median(theirs):,.0f} tokens/s of processor time",
        ),
        at_least("ours over transformers', median of the turns", ratio, LEAST),
    ]


def _prompts() -> list[str]:
    """Beginnings of stories, of many lengths, in no order."""
    rng = Random(0)
    words = BEGINNING.split()
    return [" ".join(words[: rng.randint(3, len(words))]) for _ in range(PROMPTS) for _ in range(EACH)]


def _speed(sample: Callable[[], int]) -> float:
    """Tokens a second of processor time: on one thread, and whatever else the machine does."""
    began = time.process_time()
    tokens = sample()
    return tokens / (time.process_time() - began)


def _ours(resident: Resident, prompts: list[str]) -> int:
    done = generate(resident, prompts, max_new_tokens=TOKENS, temperature=1.0, seed=0, batch_size=BATCH)
    return sum(len(completion.ids) for completion in done)


@torch.no_grad()
def _theirs(resident: Resident, prompts: list[str]) -> int:
    """What a script would do: tokenize a batch with padding on the left, generate, decode."""
    tokenizer, model = resident.tokenizer, resident.model.eval()
    settings = GenerationConfig(
        max_new_tokens=TOKENS,
        do_sample=True,
        top_k=0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(0)
    tokens = 0
    for start in range(0, len(prompts), BATCH):
        batch = tokenizer(prompts[start : start + BATCH], return_tensors="pt", padding=True)
        grown = model.generate(**batch, generation_config=settings)[:, batch["input_ids"].shape[1] :]
        tokenizer.batch_decode(grown, skip_special_tokens=True)
        ended = (grown == tokenizer.eos_token_id).int()
        lengths = torch.where(ended.any(1), ended.argmax(1) + 1, grown.shape[1])
        tokens += int(lengths.sum())
    return tokens
