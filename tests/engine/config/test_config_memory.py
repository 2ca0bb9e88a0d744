"""The numbers of an architecture, and what a run may do to fit its card: sections that a plan reads."""

from __future__ import annotations

import pytest

from engine.config import parse_config
from engine.config.faults import known_keys
from engine.config.schema import ArchitectureConfig
from engine.errors import ConfigError

NUMBERS = "model_type: llama, vocab_size: 100, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 2"


def architecture(text: str, *assignments: str) -> ArchitectureConfig:
    found = parse_config(f"model: {{architecture: {{{text}}}}}", "run.yaml", assignments).model.architecture
    assert found is not None
    return found


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "run.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_heads_that_are_not_said_are_as_many_as_query_heads() -> None:
    assert architecture(f"{NUMBERS}, num_attention_heads: 8").numbers() == {
        "model_type": "llama",
        "vocab_size": 100,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
    }
    assert (
        architecture(f"{NUMBERS}, num_attention_heads: 8, num_key_value_heads: 2").numbers()["num_key_value_heads"] == 2
    )


def test_an_assignment_reaches_its_numbers() -> None:
    found = architecture(f"{NUMBERS}, num_attention_heads: 8", "model.architecture.num_hidden_layers=5")
    assert found.num_hidden_layers == 5
    assert "model.architecture.head_dim" in known_keys()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"{NUMBERS}", "model.architecture.num_attention_heads: expected a value here"),
        (f"{NUMBERS}, num_attention_heads: 0", "model.architecture.num_attention_heads = 0: expected at least 1"),
        (
            f"{NUMBERS}, num_attention_heads: 8, num_kv_heads: 2",
            "model.architecture.num_kv_heads: unknown key (did you mean model.architecture.num_key_value_heads?)",
        ),
        (
            f"{NUMBERS}, num_attention_heads: 8, num_key_value_heads: 3",
            "8 query heads cannot share 3 key and value heads evenly",
        ),
        (f"{NUMBERS}, num_attention_heads: 7", "hidden_size 64 is not a multiple of 7 heads: give head_dim"),
    ],
)
def test_numbers_that_make_no_model_are_named(text: str, fault: str) -> None:
    (found,) = faults(f"model: {{architecture: {{{text}}}}}")
    assert fault in found


def test_a_run_fits_itself_only_where_it_was_asked_to() -> None:
    assert parse_config("").memory.auto == "off"
    assert parse_config("memory: {auto: off}").memory.auto == "off"  # YAML's word for false
    assert parse_config("memory: {auto: fit, card: 12GiB}").memory.card == "12GiB"
    assert parse_config("memory: {card: 4070}").memory.card == "4070"  # a number to YAML
    assert faults("memory: {auto: yes}")[0].startswith("memory.auto = True: expected 'off' or 'fit'")
