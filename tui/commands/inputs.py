"""Before a run is created: every file that its config names is there, and is named from the root of the file system.

The engine runs detached and may be resumed from another folder, so a relative path must not survive into its config.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.config import RunConfig
from engine.errors import ConfigError, Fault

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


def settle(config: RunConfig, source: str) -> RunConfig:
    """`config` with its local files absolute. Raises ConfigError naming every one that is missing."""
    faults = [*_data_faults(config), *_model_faults(config)]
    if faults:
        raise ConfigError(source, faults)
    model, data, evaluation = config.model, config.data, config.evaluation
    return config.model_copy(
        update={
            "model": model.model_copy(update={"name": _absolute(model.name) if _is_local(model.name) else model.name}),
            "data": data.model_copy(update={"path": _absolute(data.path) if data.path else None}),
            "evaluation": evaluation.model_copy(update={"probes": tuple(map(_absolute, evaluation.probes))}),
        }
    )


def _data_faults(config: RunConfig) -> Iterator[Fault]:
    if config.data.path and config.data.source != "on_policy":
        yield from _missing("data.path", config.data.path, Path.is_file)
    for index, probe in enumerate(config.evaluation.probes):
        yield from _missing(f"evaluation.probes.{index}", probe, Path.is_file)


def _model_faults(config: RunConfig) -> Iterator[Fault]:
    name, gguf = config.model.name, config.model.gguf_file
    if not _is_local(name):
        return
    folder = Path(name).expanduser()
    yield from _missing("model.name", name, Path.is_dir, "a hub name looks like organisation/model")
    if not folder.is_dir():
        return
    if gguf:
        yield from _missing("model.gguf_file", str(folder / gguf), Path.is_file)
    elif not (folder / "config.json").is_file():
        yield Fault("model.name", name, "no config.json in this folder", _offer_gguf(folder))


def _offer_gguf(folder: Path) -> str:
    found = sorted(path.name for path in folder.glob("*.gguf"))
    return f"set model.gguf_file={found[0]} to read that file" if found else "name a folder that transformers can load"


def _is_local(name: str) -> bool:
    """A folder on this machine, by its look or because it is there; otherwise a hub name, which only the hub knows."""
    return name != "demo" and (not _HUB_NAME.fullmatch(name) or Path(name).is_dir())


def _missing(key: str, name: str, there: Callable[[Path], bool], hint: str = "") -> Iterator[Fault]:
    path = Path(name).expanduser()
    if there(path):
        return
    if not path.parent.is_dir():
        yield Fault(key, name, f"no such folder: {path.parent}", hint)
        return
    near = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], 3, 0.5)
    kind = "folder" if there is Path.is_dir else "file"
    offer = f"nearest in {path.parent}: {', '.join(near)}" if near else ""
    yield Fault(key, name, f"no such {kind}", offer or hint)


def _absolute(name: str) -> str:
    return str(Path(name).expanduser().resolve())
