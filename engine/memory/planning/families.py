"""Families of models by their numbers, so that a plan can ask for a larger or a smaller sibling without its files.

The numbers are those of each model's config.json on the hub; a test counts their parameters against what is published.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.config import RunConfig
from engine.config.schema import ArchitectureConfig


@dataclass(frozen=True, slots=True)
class Member:
    """One size. `shape`: vocabulary, hidden size, width of the MLP, layers, query heads, key and value heads, head."""

    name: str
    model_type: str
    shape: tuple[int, int, int, int, int, int, int]
    tied: bool

    def architecture(self) -> ArchitectureConfig:
        vocabulary, hidden, width, layers, heads, groups, head = self.shape
        return ArchitectureConfig(
            model_type=self.model_type,
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=groups,
            head_dim=head,
            tie_word_embeddings=self.tied,
        )

    def put_into(self, config: RunConfig) -> RunConfig:
        """`config` with this model in place of its own."""
        other = {"name": self.name, "revision": None, "gguf_file": None, "architecture": self.architecture()}
        return config.model_copy(update={"model": config.model.model_copy(update=other)})


def _qwen25(size: str, *shape: int, tied: bool = False) -> Member:
    hidden, width, layers, heads, groups, vocabulary = shape
    dimensions = (vocabulary, hidden, width, layers, heads, groups, hidden // heads)
    return Member(f"Qwen/Qwen2.5-{size}-Instruct", "qwen2", dimensions, tied)


def _qwen3(size: str, *shape: int, tied: bool = False) -> Member:
    hidden, width, layers, heads = shape
    return Member(f"Qwen/Qwen3-{size}", "qwen3", (151936, hidden, width, layers, heads, 8, 128), tied)


def _llama3(size: str, *shape: int, tied: bool = False) -> Member:
    hidden, width, layers, heads = shape
    dimensions = (128256, hidden, width, layers, heads, 8, hidden // heads)
    return Member(f"meta-llama/Llama-{size}-Instruct", "llama", dimensions, tied)


def _smollm2(size: str, *shape: int) -> Member:
    hidden, width, layers, heads, groups = shape
    dimensions = (49152, hidden, width, layers, heads, groups, hidden // heads)
    return Member(f"HuggingFaceTB/SmolLM2-{size}-Instruct", "llama", dimensions, True)


FAMILIES: dict[str, tuple[Member, ...]] = {
    "Qwen2.5": (
        _qwen25("0.5B", 896, 4864, 24, 14, 2, 151936, tied=True),
        _qwen25("1.5B", 1536, 8960, 28, 12, 2, 151936, tied=True),
        _qwen25("3B", 2048, 11008, 36, 16, 2, 151936, tied=True),
        _qwen25("7B", 3584, 18944, 28, 28, 4, 152064),
        _qwen25("14B", 5120, 13824, 48, 40, 8, 152064),
        _qwen25("32B", 5120, 27648, 64, 40, 8, 152064),
        _qwen25("72B", 8192, 29568, 80, 64, 8, 152064),
    ),
    "Qwen3": (
        _qwen3("0.6B", 1024, 3072, 28, 16, tied=True),
        _qwen3("1.7B", 2048, 6144, 28, 16, tied=True),
        _qwen3("4B", 2560, 9728, 36, 32, tied=True),
        _qwen3("8B", 4096, 12288, 36, 32),
        _qwen3("14B", 5120, 17408, 40, 40),
        _qwen3("32B", 5120, 25600, 64, 64),
    ),
    "Llama 3": (
        _llama3("3.2-1B", 2048, 8192, 16, 32, tied=True),
        _llama3("3.2-3B", 3072, 8192, 28, 24, tied=True),
        _llama3("3.1-8B", 4096, 14336, 32, 32),
        _llama3("3.1-70B", 8192, 28672, 80, 64),
    ),
    "SmolLM2": (
        _smollm2("135M", 576, 1536, 30, 9, 3),
        _smollm2("360M", 960, 2560, 32, 15, 5),
        _smollm2("1.7B", 2048, 8192, 24, 32, 32),
    ),
}
"""Each from the smallest to the largest."""

_MARKS = {"qwen2.5": "Qwen2.5", "qwen3": "Qwen3", "llama-3": "Llama 3", "smollm2": "SmolLM2"}


def family_of(config: RunConfig) -> tuple[str, tuple[Member, ...]]:
    """The family that a model belongs to by its name, or else by its architecture's type; ("", ()) for none."""
    name, architecture = config.model.name.lower(), config.model.architecture
    for mark, family in _MARKS.items():
        if mark in name:
            return family, FAMILIES[family]
    kind = architecture.model_type if architecture else ""
    known = {members[0].model_type: family for family, members in reversed(FAMILIES.items()) if family != "SmolLM2"}
    return (known[kind], FAMILIES[known[kind]]) if kind in known else ("", ())
