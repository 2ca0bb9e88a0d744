"""Plans that were made before, by what they depend on: a file each in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.places import cache_root
from engine.records import Plan, as_json

if TYPE_CHECKING:
    from engine.config import RunConfig

LIBRARIES = ("torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate", "pilothouse")
SECTIONS = ("model", "data", "training", "evaluation", "judges", "sft", "reward", "ppo")
IRRELEVANT = {
    "model": {"lora_alpha", "chat_template"},
    "data": {"path", "dataset", "split", "held_out", "bad_share", "temperature", "min_gap", "mix_path", "kinds"},
    "training": {
        "beta",
        "learning_rate",
        "max_steps",
        "scheduler",
        "warmup_steps",
        "weight_decay",
        "max_grad_norm",
        "logging_steps",
        "checkpoint_steps",
        "seed",
    },
    "evaluation": {"seed", "probes"},
}
"""Keys that no byte on a card depends on. A key that is not named here makes a plan of its own: slower, never wrong."""


def versions() -> dict[str, str]:
    """The installed libraries whose code is simulated."""
    return {name: found for name in LIBRARIES if (found := _version(name))}


def key_of(config: RunConfig, *, quick: bool) -> str:
    """Of all that a plan depends on: settings, the model's own description where it is a local one, and versions."""
    asked = {name: _relevant(config, name) for name in SECTIONS if hasattr(config, name)}
    parts = (config.recipe, asked, _local_model(config), _simulator(), versions(), quick)
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def read(key: str) -> Plan | None:
    """The plan of that key; None where there is none or it cannot be read."""
    try:
        return Plan.parse(json.loads(_place(key).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(plan: Plan) -> None:
    """Keep a plan. Never an error: a cache that cannot be written is only slower."""
    place = _place(plan.key)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = place.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(as_json(plan)), "utf-8")
        draft.replace(place)


def _place(key: str) -> Path:
    return cache_root() / "plans" / f"{key}.json"


def _relevant(config: RunConfig, section: str) -> dict[str, Any]:
    values: dict[str, Any] = getattr(config, section).model_dump(mode="json")
    return {name: value for name, value in values.items() if name not in IRRELEVANT.get(section, ())}


def _local_model(config: RunConfig) -> tuple[Any, ...]:
    """A folder's config.json by content, a GGUF file by size and time: either can change under the same name."""
    folder = Path(config.model.name).expanduser()
    found: list[Any] = []
    with suppress(OSError):
        found.append((folder / "config.json").read_text("utf-8"))
    with suppress(OSError):
        if config.model.gguf_file:
            stat = (folder / config.model.gguf_file).stat()
            found.append((stat.st_size, stat.st_mtime_ns))
    return tuple(found)


@cache
def _simulator() -> str:
    """The simulator's own source and the stages that it replays: a working copy changes without a new version."""
    engine = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for package in ("simulation", "models", "stages", "evaluation"):
        for source in sorted((engine / package).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
