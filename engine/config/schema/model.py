"""The `model` section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.schema.fields import Real, Section, Text, Whole


class ModelConfig(Section):
    """Which model, in what precision, and the adapter that is trained on it."""

    name: Text = Field("demo", description="`demo` (embedded), a hub name, or a local folder")
    gguf_file: Text | None = Field(None, description="a GGUF file inside that folder or repository")
    revision: Text | None = Field(None, description="a hub revision")
    chat_template: Text | None = Field(
        None, description="a Jinja file that puts messages into text, for a tokenizer without one or instead of its own"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes the first CUDA card, else the CPU")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of the base; auto is bfloat16 on CUDA and float32 on the CPU"
    )
    quantization: Literal["none", "nf4", "int8"] = Field("none", description="of the base, by bitsandbytes")
    gradient_checkpointing: bool = Field(False, description="trade time for activation memory")
    lora_r: Whole = Field(8, ge=1, le=512, description="LoRA rank")
    lora_alpha: Whole = Field(16, ge=1, le=4096, description="LoRA scale numerator")
    lora_dropout: Real = Field(0.0, ge=0, lt=1, description="LoRA dropout")
    lora_targets: Text = Field("all-linear", description="modules to adapt: all-linear, or comma-separated names")
