"""A fake model's linear layers as bitsandbytes would have loaded them.

`Params4bit` cannot wrap a fake tensor. A plain parameter with the same attributes can be, and `Linear4bit.forward`
runs unchanged on it.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import bitsandbytes
import torch

from engine.config.schema import ModelConfig
from engine.errors import PlanError

BLOCK = 64


def quantise(model: Any, config: ModelConfig, dtype: torch.dtype) -> None:
    """Put nf4 layers in the place of all linear ones but the output layer."""
    if config.quantization != "nf4":
        raise PlanError(
            f"model.quantization = {config.quantization} cannot be planned yet", remedy="plan nf4, or none, instead"
        )
    double = getattr(config, "double_quant", True)
    head = model.get_output_embeddings()
    known: dict[torch.Size, tuple[torch.Tensor, Any]] = {}
    for name, module in list(model.named_modules()):
        if type(module) is torch.nn.Linear and module is not head:
            shape = module.weight.shape
            if shape not in known:
                known[shape] = bitsandbytes.functional.quantize_4bit(
                    module.weight.data, blocksize=BLOCK, quant_type="nf4", compress_statistics=double
                )
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, _linear(module, *_another(*known[shape]), double, dtype))
    model.is_loaded_in_4bit = True


def _another(data: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
    """Tensors of their own and of the same sizes: quantising each layer anew would tell nothing more."""
    twin = copy(state)
    twin.absmax = torch.empty_like(state.absmax)
    if state.nested:
        twin.offset, twin.state2 = torch.empty_like(state.offset), copy(state.state2)
        twin.state2.absmax = torch.empty_like(state.state2.absmax)
    return torch.empty_like(data), twin


def _linear(old: torch.nn.Linear, data: torch.Tensor, state: Any, double: bool, dtype: torch.dtype) -> Any:
    new = bitsandbytes.nn.Linear4bit.__new__(bitsandbytes.nn.Linear4bit)
    torch.nn.Module.__init__(new)
    new.__dict__.update(
        in_features=old.in_features,
        out_features=old.out_features,
        compute_dtype=dtype,
        compute_type_is_set=True,
        quant_state=state,
        quant_storage=torch.uint8,
        support_avx512bf16_for_cpu=False,
    )
    new.weight = torch.nn.Parameter(data, requires_grad=False)
    new.weight.__dict__.update(
        quant_state=state,
        compress_statistics=double,
        quant_type="nf4",
        bnb_quantized=True,
        blocksize=BLOCK,
        quant_storage=torch.uint8,
        module=new,
    )
    new.bias = None if old.bias is None else torch.nn.Parameter(old.bias.data, requires_grad=False)
    return new
