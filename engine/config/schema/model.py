"""The `model` section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.schema.architecture import ArchitectureConfig
from engine.config.schema.fields import Real, Section, Text, Whole


class ModelConfig(Section):
    """Which model, in what precision, and the adapter that is trained on it."""

    name: Text = Field("demo", description="`demo` (embedded), a hub name, or a local folder")
    gguf_file: Text | None = Field(None, description="a GGUF file inside that folder or repository")
    revision: Text | None = Field(None, description="a hub revision")
    chat_template: Text | None = Field(
        None, description="a Jinja file that puts messages into text, for a tokenizer without one or instead of its own"
    )
    architecture: ArchitectureConfig | None = Field(
        None, description="the model's numbers as its config.json has them: pilothouse plan then needs no file of it"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes the first CUDA card, else the CPU")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of the base; auto is bfloat16 on CUDA and float32 on the CPU"
    )
    quantization: Literal["none", "nf4", "int8"] = Field("none", description="of the base, by bitsandbytes")
    double_quant: bool = Field(
        True, description="quantize nf4's own scales too: 0.37 bits a weight less (0.3 GiB of an 8B), slightly slower"
    )
    gradient_checkpointing: bool = Field(
        False, description="keep each layer's input alone and compute the rest again in the backward: about 30 % slower"
    )
    checkpoint_offload: bool = Field(
        False,
        description="keep those inputs in the host's memory: frees layers × tokens × width, steps up to 4 % slower",
    )
    embeddings_on_cpu: bool = Field(
        False,
        description="keep the input embedding in the host's memory: frees vocabulary × width (1 GiB of an 8B), costs a "
        "small copy a step; nothing is freed where the model ties it to its output layer",
    )
    expandable_segments: bool = Field(
        False,
        description="let torch's allocator grow its segments: less lost to fragments; CUDA on Linux, no other cost",
    )
    memory_fraction: Real = Field(
        1.0, gt=0, le=1, description="share of the card that the engine may take; 1 is no fence"
    )
    lora_r: Whole = Field(8, ge=1, le=512, description="LoRA rank")
    lora_alpha: Whole = Field(16, ge=1, le=4096, description="LoRA scale numerator")
    lora_dropout: Real = Field(0.0, ge=0, lt=1, description="LoRA dropout")
    lora_targets: Text = Field("all-linear", description="modules to adapt: all-linear, or comma-separated names")
