"""A model and its tokenizer from a folder, the hub or a GGUF file onto the device, with a fresh LoRA adapter.

No `trust_remote_code` and no pickled weights: a model folder from a stranger can be wrong, but it cannot run code.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from engine.config.schema import ModelConfig
from engine.errors import ModelError
from engine.models.nearest import nearest_files
from engine.models.resident import Resident
from engine.models.rng import isolated_rng
from engine.models.template import set_chat_template
from engine.models.thrift import embed_on_host, fence, offload_checkpoints
from engine.models.tokens import set_pad_token


def load_resident(config: ModelConfig, seed: int, base_dir: Path | None = None) -> Resident:
    """The model that `config` names (from `base_dir` instead, where given) with an untrained policy.

    `seed` is of the adapter's initial weights. Raises ModelError, always with what would do.
    """
    source = _source(config, base_dir)
    device, dtype = pick_device(config), pick_dtype(config)
    fence(device, config.memory_fraction)
    tokenizer, base, notes = _read(source, config, device, dtype)
    set_pad_token(tokenizer, base.get_input_embeddings().num_embeddings)
    tokenizer.padding_side = "left"
    if config.chat_template:
        set_chat_template(tokenizer, Path(config.chat_template).expanduser())
    base.config.pad_token_id = tokenizer.pad_token_id
    base.requires_grad_(False)
    if config.checkpoint_offload and device.type == "cuda":  # on the CPU everything is in the host's memory already
        offload_checkpoints(base)
    resident = Resident(_adapt(base, config, seed), tokenizer, device, config.name, notes=notes)
    resident.reset_policy(seed)
    return resident


def pick_device(config: ModelConfig) -> torch.device:
    """Raises ModelError for `cuda` where there is none."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ModelError("model.device is cuda, but torch sees no CUDA card", remedy="set model.device to cpu or auto")
    wanted = "cuda" if config.device == "auto" and torch.cuda.is_available() else config.device
    return torch.device("cpu" if wanted == "auto" else wanted)


def pick_dtype(config: ModelConfig) -> torch.dtype:
    if config.dtype != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.dtype]
    return torch.bfloat16 if pick_device(config).type == "cuda" else torch.float32


def _source(config: ModelConfig, base_dir: Path | None) -> str:
    """A folder that exists, or a hub name. What is written like a path must be a folder."""
    if base_dir is not None:
        return str(base_dir)
    path = Path(config.name).expanduser()
    if path.is_dir():
        return str(path)
    if path.is_file():
        raise ModelError(
            f"model.name = {config.name} is a file", remedy="give its folder; a GGUF file goes into model.gguf_file"
        )
    if config.name.startswith((".", "/", "~")) or config.name.count("/") > 1 or config.name.endswith("/"):
        raise ModelError(f"model.name = {config.name}: no such folder", remedy=nearest_files(path))
    return config.name


def _read(
    source: str, config: ModelConfig, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Any, tuple[str, ...]]:
    common: dict[str, Any] = {"trust_remote_code": False, "revision": config.revision or "main"}
    if config.gguf_file:
        _check_gguf(source, config)
        common["gguf_file"] = config.gguf_file
    placement: dict[str, Any] = {}
    if config.quantization != "none":
        placement = {"quantization_config": _quantization(config, dtype), "device_map": {"": device}}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **common)
        base = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, use_safetensors=True, **placement, **common)
    except SafetensorError as error:
        raise ModelError(f"{source}: weights are damaged or cut short: {error}", remedy="download them again") from None
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ModelError(f"{source}: cannot be loaded: {_first_line(error)}", remedy=_remedy(source)) from error
    if config.gguf_file:
        _forget_quantization(base)
    note = embed_on_host(base, device) if config.embeddings_on_cpu else ""
    return tokenizer, base if placement else base.to(device), (note,) if note else ()


def _forget_quantization(base: Any) -> None:
    """A GGUF file's weights were unpacked as they were read, but transformers still calls the model quantized:
    its trainer would refuse it, and TRL would put the adapter into bfloat16.
    """
    base.is_quantized = False
    for name in ("hf_quantizer", "quantization_method"):
        base.__dict__.pop(name, None)
    if hasattr(base.config, "quantization_config"):
        del base.config.quantization_config


def _check_gguf(source: str, config: ModelConfig) -> None:
    assert config.gguf_file is not None
    if config.quantization != "none":
        raise ModelError(
            "model.gguf_file and model.quantization exclude each other: a GGUF file is unpacked as it is read",
            remedy="set model.quantization to none",
        )
    if find_spec("gguf") is None:
        raise ModelError("model.gguf_file needs the package gguf", remedy="pip install gguf")
    path = Path(source) / config.gguf_file
    if Path(source).is_dir() and not path.is_file():
        raise ModelError(f"model.gguf_file: {path}: no such file", remedy=nearest_files(path, ".gguf"))


def _quantization(config: ModelConfig, dtype: torch.dtype) -> Any:
    if find_spec("bitsandbytes") is None:
        raise ModelError(
            f"model.quantization = {config.quantization} needs the package bitsandbytes",
            remedy="pip install bitsandbytes, or set model.quantization to none",
        )
    if config.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=config.double_quant,
        bnb_4bit_compute_dtype=dtype,
    )


def lora_config(config: ModelConfig) -> LoraConfig:
    names = [name.strip() for name in config.lora_targets.split(",") if name.strip()]
    return LoraConfig(
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear" if names == ["all-linear"] else names,
        task_type="CAUSAL_LM",
    )


def _adapt(base: Any, config: ModelConfig, seed: int) -> Any:
    try:
        with isolated_rng(seed):
            return get_peft_model(base, lora_config(config))
    except ValueError as error:
        linear = sorted({n.rpartition(".")[2] for n, m in base.named_modules() if isinstance(m, torch.nn.Linear)})
        raise ModelError(
            f"model.lora_targets = {config.lora_targets}: {_first_line(error)}",
            remedy=f"this model has {', '.join(linear)}; or all-linear",
        ) from None


def _remedy(source: str) -> str:
    if Path(source).is_dir():
        held = ", ".join(sorted(path.name for path in Path(source).iterdir())[:8]) or "nothing"
        return f"the folder holds {held}; it needs config.json, a tokenizer and .safetensors weights (or gguf_file)"
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        return "HF_HUB_OFFLINE is set: unset it to fetch from the hub, or set model.name to a local folder"
    return "check the name and the network, or set model.name to a local folder"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
