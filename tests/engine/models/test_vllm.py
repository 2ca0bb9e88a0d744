"""The adapter against a stand-in with the documented names: what is asked of vLLM, and what becomes of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.errors import ModelError
from engine.models.generate import Completion
from engine.models.resident import Resident
from engine.models.tokens import prompt_ids
from engine.models.vllm import WAVE, VllmGenerator, require_vllm
from tests.fixtures.untrained import untrained_resident


@dataclass(frozen=True)
class Params:
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int
    stop_token_ids: list[int]


class Echo:
    """Answers a prompt with its own first token and an end, or with one that is cut off where the seed is odd."""

    def __init__(self, end: int) -> None:
        self.end, self.calls = end, []  # type: ignore[var-annotated]

    def generate(self, prompts: list[dict[str, Any]], params: list[Params], **options: Any) -> list[Any]:
        self.calls.append((prompts, params, options))
        return [
            self._answer(prompt["prompt_token_ids"][0], one.seed) for prompt, one in zip(prompts, params, strict=True)
        ]

    def _answer(self, token: int, seed: int) -> Any:
        cut = seed % 2
        ids = [token] if cut else [token, self.end]
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=ids, finish_reason="length" if cut else "stop")])


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


def test_prompts_go_over_as_the_very_tokens_and_completions_come_back_in_order(resident: Resident) -> None:
    echo, loaded = Echo(resident.tokenizer.eos_token_id), []
    generator = VllmGenerator(resident, Path("adapter"), lambda *base: loaded.append(base) or (echo, Params, tuple_of))  # type: ignore[func-returns-value]
    prompts = ["ask : my lamp is broken . reply :", "fact : reply :"] * WAVE
    arrived: list[tuple[int, Completion]] = []
    done: list[tuple[int, int]] = []
    completions = generator(
        prompts,
        max_new_tokens=5,
        temperature=0.7,
        seed=10,
        batch_size=1,
        progress=lambda *at: done.append(at),
        arrived=lambda batch: arrived.extend(batch),
    )
    asked, params, options = echo.calls[0]
    assert asked[0] == {"prompt_token_ids": list(prompt_ids(resident.tokenizer, prompts[0]))}
    assert [one.seed for one in params] == list(range(10, 10 + WAVE))
    assert params[0].stop_token_ids == sorted(resident.end_ids)
    assert options["lora_request"] == ("policy", 1, "adapter")
    assert [completion.text for completion in completions] == ["ask", "fact"] * WAVE
    assert [completion.finished for completion in completions[:2]] == [True, False]
    assert arrived == list(enumerate(completions))
    assert done == [(WAVE, 2 * WAVE), (2 * WAVE, 2 * WAVE)]
    generator(prompts[:1], max_new_tokens=5, temperature=0.7, seed=10, batch_size=1)
    assert len(loaded) == 1  # the engine stays for the next call


def tuple_of(*given: object) -> tuple[object, ...]:
    return given


def test_where_it_is_not_installed_the_word_is_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.models.vllm.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="vLLM is not installed") as caught:
        require_vllm(None)
    assert "pilothouse[vllm]" in caught.value.remedy
    monkeypatch.setattr("engine.models.vllm.find_spec", lambda name: object())
    with pytest.raises(ModelError, match="takes no model"):
        require_vllm("model.gguf")
