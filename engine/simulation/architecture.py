"""A model's config without its weights: from the YAML, a folder, the hub's cache, a GGUF header, or the demo."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from engine.config.schema import ModelConfig
from engine.data.build import DEMO
from engine.data.world import corpus
from engine.errors import PlanError
from engine.models.demo import SPECIAL, tiny_config


def model_config(config: ModelConfig) -> Any:
    """transformers' config of the model. Raises PlanError, with what would do."""
    if config.architecture is not None:
        numbers = config.architecture if isinstance(config.architecture, dict) else config.architecture.numbers()
        return _from_numbers(numbers, "model.architecture")
    if config.name == DEMO:
        return tiny_config(len(SPECIAL) + len(corpus.vocabulary()))
    return _checked(_read(config), config.name)


def _read(config: ModelConfig) -> Any:
    path = Path(config.name).expanduser()
    source = str(path) if path.is_dir() else config.name
    extra = {"gguf_file": config.gguf_file} if config.gguf_file else {}
    try:
        return AutoConfig.from_pretrained(source, revision=config.revision or "main", trust_remote_code=False, **extra)
    except Exception as error:  # a stranger's config can fail anywhere inside transformers, in any way
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if "trust_remote_code" in str(error) or "custom code" in str(error):
            raise PlanError(
                f"{config.name}: its architecture is code of its own, which is not run",
                remedy="take a model that transformers knows by itself",
            ) from None
        raise PlanError(f"{config.name}: its config cannot be read: {words}", remedy=_REMEDY) from None


def _from_numbers(numbers: dict[str, Any], where: str) -> Any:
    kind = str(numbers.get("model_type", ""))
    _check_kind(kind, where)
    try:
        found = AutoConfig.for_model(kind, **{name: value for name, value in numbers.items() if name != "model_type"})
    except Exception as error:  # the same
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PlanError(f"{where}: no model can be built from it: {words}", remedy="compare with config.json") from None
    return _checked(found, where)


def _checked(found: Any, where: str) -> Any:
    _check_kind(getattr(found, "model_type", ""), where)
    return found


def _check_kind(kind: str, where: str) -> None:
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return
    near = difflib.get_close_matches(kind, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, 3, 0.7)
    remedy = f"nearest: {', '.join(near)}" if near else "give one, such as llama, qwen2, mistral, gemma2 or phi3"
    raise PlanError(f"{where}: {kind or 'no model_type'} is no causal language model that is known", remedy=remedy)


_REMEDY = "give its numbers as model.architecture, a folder that holds config.json, or fetch it once with a network"
