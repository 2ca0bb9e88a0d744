"""Sampled and greedy completions in left-padded batches, seeded on their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from transformers import GenerationConfig

from engine.models.resident import Resident
from engine.models.rng import isolated_rng
from engine.models.tokens import Content, Ids, pad, prompt_ids
from engine.text import clean

Progress = Callable[[int, int], None]
"""Called between batches with (done, total); may raise to abort."""


@dataclass(frozen=True, slots=True)
class Completion:
    """`ids` exactly as generated, the end token included where one came (`finished`); `text` is safe for a terminal."""

    text: str
    ids: Ids
    finished: bool


Arrived = Callable[[Sequence[tuple[int, Completion]]], None]
"""Given each batch as it is done: (place among the prompts, completion)."""


def generate(
    resident: Resident,
    prompts: Sequence[Content],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    batch_size: int,
    progress: Progress | None = None,
    arrived: Arrived | None = None,
) -> list[Completion]:
    """One completion a prompt, in the order of `prompts`; repeat a prompt for more. Equal prompts are done together.

    `temperature` 0 is greedy. The model's own sampling defaults (top-k, repetition penalty, …) are overridden: what is
    sampled is the policy itself. The same arguments give the same completions, whatever else drew random numbers, and
    as long as the same batches fit in memory: a batch that had to be halved draws other samples of the same policy.
    """
    encoded = [fit(resident, prompt_ids(resident.tokenizer, prompt), max_new_tokens) for prompt in prompts]
    return complete(
        resident,
        encoded,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        seed=seed,
        batch_size=batch_size,
        progress=progress,
        arrived=arrived,
    )


def complete(
    resident: Resident,
    encoded: Sequence[Ids],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    batch_size: int,
    progress: Progress | None = None,
    arrived: Arrived | None = None,
) -> list[Completion]:
    """`generate` for prompts that are token ids already, and fit."""
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
    completions: dict[int, Completion] = {}
    settings = _settings(resident, max_new_tokens, temperature)
    with resident.measuring(), isolated_rng(seed):
        for batch, rows in _batches(resident, encoded, order, batch_size, settings):
            done = {i: as_completion(resident, row) for i, row in zip(batch, rows, strict=True)}
            completions.update(done)
            if arrived:
                arrived(tuple(done.items()))
            if progress:
                progress(len(completions), len(encoded))
    return [completions[i] for i in range(len(encoded))]


def _batches(
    resident: Resident, encoded: Sequence[Ids], order: Sequence[int], size: int, settings: GenerationConfig
) -> Iterator[tuple[Sequence[int], list[list[int]]]]:
    """(places among the prompts, what was sampled for them), `size` at a time, or as many as fit in memory."""

    def run(batch: Sequence[int]) -> list[list[int]]:
        return _sample(resident, [encoded[i] for i in batch], settings)

    def tokens(batch: Sequence[int]) -> int:
        return len(batch) * (max(len(encoded[i]) for i in batch) + grown)

    grown = int(settings.max_new_tokens)
    for start in range(0, len(order), size):
        yield from resident.room.in_parts("generation", order[start : start + size], run, tokens)


def _settings(resident: Resident, max_new_tokens: int, temperature: float) -> GenerationConfig:
    greedy = temperature == 0
    sampling = {} if greedy else {"temperature": temperature, "top_k": 0, "top_p": 1.0, "typical_p": 1.0}
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=not greedy,
        num_beams=1,
        repetition_penalty=1.0,
        use_cache=True,
        pad_token_id=resident.tokenizer.pad_token_id,
        eos_token_id=sorted(resident.end_ids),
        **sampling,
    )


def fit(resident: Resident, ids: Ids, max_new_tokens: int) -> Ids:
    """A prompt's newest tokens, so that the completion still fits the model's window."""
    return ids if resident.window is None else ids[-max(1, resident.window - max_new_tokens) :]


def _sample(resident: Resident, prompts: Sequence[Ids], settings: GenerationConfig) -> list[list[int]]:
    ids, mask = pad(prompts, resident.tokenizer.pad_token_id, "left", resident.device)
    grown = resident.model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
    rows: list[list[int]] = grown[:, ids.shape[1] :].tolist()
    return rows


def as_completion(resident: Resident, row: Sequence[int]) -> Completion:
    """What was generated, up to its first end token."""
    ends = resident.end_ids
    end = next((i for i, token in enumerate(row) if token in ends), None)
    ids = tuple(row if end is None else row[: end + 1])
    text = resident.tokenizer.decode(ids, skip_special_tokens=True)
    return Completion(clean(text), ids, end is not None)
