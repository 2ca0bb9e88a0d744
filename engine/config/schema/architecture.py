"""The `model.architecture` section: the numbers that say how large a model is, for a plan without its files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from engine.config.schema.fields import Section, Text, Whole


class ArchitectureConfig(Section):
    """What transformers' `config.json` calls them. They size the model in a plan; a run reads the model's own.

    Only numbers that weigh: a misspelt one would leave transformers' default in its place, which is another model's.
    """

    model_type: Annotated[Text, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")] = Field(
        description="transformers' name of the architecture, such as llama or qwen2"
    )
    vocab_size: Whole = Field(ge=1, le=10_000_000, description="rows of the embeddings")
    hidden_size: Whole = Field(ge=1, le=1_000_000, description="width of the residual stream")
    intermediate_size: Whole = Field(ge=1, le=10_000_000, description="width inside the MLP")
    num_hidden_layers: Whole = Field(ge=1, le=10_000, description="layers")
    num_attention_heads: Whole = Field(ge=1, le=10_000, description="query heads")
    num_key_value_heads: Whole | None = Field(
        None, ge=1, le=10_000, description="key and value heads, by default as many as query heads"
    )
    head_dim: Whole | None = Field(
        None, ge=1, le=100_000, description="width of a head, by default hidden_size / heads"
    )
    tie_word_embeddings: bool | None = Field(None, description="whether the output layer is the embeddings")
    max_position_embeddings: Whole | None = Field(None, ge=1, description="the longest sequence that the model knows")
    sliding_window: Whole | None = Field(None, ge=1, description="tokens that a layer looks back")
    num_local_experts: Whole | None = Field(None, ge=1, le=100_000, description="experts a layer (Mixtral's name)")
    num_experts: Whole | None = Field(None, ge=1, le=100_000, description="experts a layer (Qwen's name)")
    num_experts_per_tok: Whole | None = Field(None, ge=1, le=100_000, description="experts that a token passes")
    moe_intermediate_size: Whole | None = Field(None, ge=1, le=10_000_000, description="width inside one expert")

    @model_validator(mode="after")
    def _check_heads(self) -> ArchitectureConfig:
        heads, groups = self.num_attention_heads, self.num_key_value_heads
        if groups and heads % groups:
            raise ValueError(f"{heads} query heads cannot share {groups} key and value heads evenly")
        if self.head_dim is None and self.hidden_size % heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of {heads} heads: give head_dim")
        return self

    def numbers(self) -> dict[str, Any]:
        """The arguments of `AutoConfig.for_model`. Key and value heads are said: each class has another default."""
        given = self.model_dump(exclude_none=True)
        return {**given, "num_key_value_heads": self.num_key_value_heads or self.num_attention_heads}
