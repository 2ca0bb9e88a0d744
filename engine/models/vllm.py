"""Completions by vLLM, behind the same protocol as `generate`: for a CUDA card with room for a second copy of the base.

Written against the documented API of `vllm.LLM` (vLLM 0.9 and later) and tested with a stand-in for it. It was never
run with vLLM itself, which needs a card. Random draws are vLLM's own, one seed a completion: only the same generator
repeats a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models.generate import Arrived, Completion, Progress, fit
from engine.models.resident import Resident
from engine.models.tokens import Content, prompt_ids
from engine.text import clean

WAVE = 8  # batches handed over at once: vLLM schedules within a wave, the operator is heard between two

Engine = tuple[Any, Any, Any]
"""`vllm.LLM` with a base loaded, `vllm.SamplingParams`, and `vllm.lora.request.LoRARequest`."""


def require_vllm(gguf_file: str | None) -> None:
    """Raises ModelError where vLLM cannot be used."""
    if find_spec("vllm") is None:
        raise ModelError(
            "data.generator = vllm, and vLLM is not installed",
            remedy="pip install 'pilothouse[vllm]' (it needs a CUDA card), or set data.generator to transformers",
        )
    if gguf_file:
        raise ModelError("data.generator = vllm takes no model.gguf_file", remedy="use the model's safetensors")


def load_engine(base: str, rank: int, memory: float) -> Engine:
    """vLLM with the base loaded beside the resident's, in `memory` of the whole card (a share)."""
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    llm = LLM(
        model=base, enable_lora=True, max_lora_rank=max(8, rank), gpu_memory_utilization=memory, trust_remote_code=False
    )
    return llm, SamplingParams, LoRARequest


class VllmGenerator:
    """Samples from the base with the adapter in `adapter`. The engine is loaded at the first call."""

    def __init__(self, resident: Resident, adapter: Path, load: Callable[[str, int], Engine]) -> None:
        self._resident, self._adapter, self._load = resident, adapter, load
        self._engine: Engine | None = None

    def __call__(
        self,
        prompts: Sequence[Content],
        *,
        max_new_tokens: int,
        temperature: float,
        seed: int,
        batch_size: int,
        progress: Progress | None = None,
        arrived: Arrived | None = None,
    ) -> list[Completion]:
        """As `engine.models.generate.generate`."""
        llm, sampling, lora = self._loaded()
        tokenizer = self._resident.tokenizer
        ids = [list(fit(self._resident, prompt_ids(tokenizer, prompt), max_new_tokens)) for prompt in prompts]
        fixed = {"max_tokens": max_new_tokens, "temperature": temperature, "top_p": 1.0, "top_k": -1}
        ends = sorted(self._resident.end_ids)
        completions: list[Completion] = []
        for start in range(0, len(ids), WAVE * batch_size):
            wave = ids[start : start + WAVE * batch_size]
            outputs = llm.generate(
                [{"prompt_token_ids": one} for one in wave],
                [sampling(**fixed, seed=seed + start + i, stop_token_ids=ends) for i in range(len(wave))],
                lora_request=lora("policy", 1, str(self._adapter)),
                use_tqdm=False,
            )
            done = [self._completion(output.outputs[0]) for output in outputs]
            completions += done
            if arrived:
                arrived(list(enumerate(done, start)))
            if progress:
                progress(len(completions), len(prompts))
        return completions

    def _loaded(self) -> Engine:
        if self._engine is None:
            policy = self._resident.model.peft_config["default"]
            self._engine = self._load(str(policy.base_model_name_or_path), int(policy.r))
        return self._engine

    def _completion(self, output: Any) -> Completion:
        ids = tuple(output.token_ids)
        text = self._resident.tokenizer.decode(ids, skip_special_tokens=True)
        return Completion(clean(text), ids, output.finish_reason == "stop")
