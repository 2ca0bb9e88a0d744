"""What a fresh process loads. Heavy imports are what make a terminal feel slow, and some doors must stay shut."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

TRAINING = {"torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes"}
TERMINAL = {"textual", "rich", "tui"}
SLOW_TO_ATTACH = {"pydantic", "yaml", "scipy"}


def loaded_by(*modules: str) -> set[str]:
    """Top-level names of every module that a fresh interpreter holds after importing `modules`."""
    script = f"import sys, json\nimport {', '.join(modules)}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("tui.cli", TRAINING | SLOW_TO_ATTACH | {"textual", "numpy"}),
        ("tui.app", TRAINING | SLOW_TO_ATTACH),
        ("tui.commands.attach", TRAINING | SLOW_TO_ATTACH | {"textual"}),
        ("tui.commands.launch", TRAINING),
        ("tui.commands.steer", TRAINING),
        ("engine.store", TRAINING | TERMINAL | {"pydantic", "yaml"}),
        ("engine.judgement", TRAINING | TERMINAL | {"pydantic", "yaml", "sqlite3"}),
        ("engine.memory", TRAINING | TERMINAL),
        ("engine.__main__", TERMINAL),
    ],
)
def test_a_fresh_import_leaves_these_alone(module: str, forbidden: set[str]) -> None:
    assert loaded_by(module) & forbidden == set()


def test_the_check_itself_sees_what_is_loaded() -> None:
    assert loaded_by("yaml") >= {"yaml", "sys"}
