"""A run made of a config, once every file that the config names is there and has its full path.

The engine runs detached and may be resumed from another folder, so a relative path must not survive into its config. It
is looked for from where the operator stands, then beside the config, then in the folder above (`configs/` sits in one).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from engine.config import RunConfig, load_config
from engine.config.schema import TaskConfig
from engine.config.schema.evaluation import is_task_file
from engine.errors import ConfigError, Fault
from engine.records import Plan
from engine.store.paths import RunPaths, check_name, create_run
from engine.store.plans import write_plan

Tell = Callable[[str], object]
_HUB = "a hub name looks like organisation/model"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


def new_run(source: Path, name: str, assignments: Sequence[str] = (), tell: Tell | None = None) -> RunPaths:
    """A run directory for the config in `source`, or nothing at all and ConfigError, UsageError, PlanError, StoreError.

    `tell` hears what `memory.auto: fit` is doing, and last of all what it chose; without that key it hears nothing.
    """
    check_name(name)
    config = settle(load_config(source, assignments), str(source))
    if config.memory.auto != "fit":
        return create_run(name, as_yaml(config))
    config, plan = _fitted(config, tell or (lambda _words: None))
    paths = create_run(name, as_yaml(config))
    if plan:
        write_plan(paths, plan)
    return paths


def _fitted(config: RunConfig, tell: Tell) -> tuple[RunConfig, Plan | None]:
    from engine.memory.planning.fit import fit_run
    from engine.memory.planning.pool import Simulators
    from engine.memory.planning.room import find_rooms

    rooms = find_rooms(config.memory.card)
    with Simulators() as simulators:
        quick = partial(simulators.simulate, quick=True)
        config, plan, words = fit_run(config, rooms, quick, tell, simulators.count)
    tell(words)
    return config, plan


def as_yaml(config: RunConfig) -> str:
    """The whole config, defaults included, as a file that gives the same config again."""
    import yaml

    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def settle(config: RunConfig, source: str) -> RunConfig:
    """`config` with its local files absolute. Raises ConfigError naming every one that is missing."""
    found = _anchored(config, Path(source))
    faults = [*_data_faults(found), *_model_faults(found)]
    if faults:
        raise ConfigError(source, faults)
    return found


def settle_model(config: RunConfig, source: str) -> RunConfig:
    """`config` with its local files absolute and its model there, unless its numbers are given. Raises ConfigError.

    A plan asks for nothing else: pairs and probes take no memory of a card.
    """
    found = _anchored(config, Path(source))
    faults = [] if found.model.architecture else list(_model_faults(found))
    if faults:
        raise ConfigError(source, faults)
    return found


def _anchored(config: RunConfig, source: Path) -> RunConfig:
    """Every local name absolute, also of what is not there."""
    folders = [Path.cwd(), *source.absolute().parents[:2]]

    def anchor(name: str) -> str:
        places = [(folder / Path(name).expanduser()).resolve() for folder in folders]
        return str(next((place for place in places if place.exists()), places[0]))

    model, data, evaluation = config.model, config.data, config.evaluation
    judge = config.judges.reward_model

    def settled(name: str | None) -> str | None:
        return anchor(name) if name and _is_local(name) else name

    return config.model_copy(
        update={
            "model": model.model_copy(update={"name": settled(model.name)}),
            "data": data.model_copy(update={"path": anchor(data.path) if data.path else None}),
            "sft": config.sft.model_copy(update={"path": anchor(config.sft.path) if config.sft.path else None}),
            "reward": config.reward.model_copy(update={"model": settled(config.reward.model)}),
            "judges": config.judges.model_copy(
                update={"reward_model": judge.model_copy(update={"path": settled(judge.path)})}
            ),
            "evaluation": evaluation.model_copy(
                update={
                    "probes": tuple(map(anchor, evaluation.probes)),
                    "tasks": tuple(_anchored_task(task, anchor) for task in evaluation.tasks),
                }
            ),
        }
    )


def _anchored_task(task: TaskConfig, anchor: Callable[[str], str]) -> TaskConfig:
    """A task file and a data file are local; any other name is the harness's."""
    file = anchor(task.task) if is_task_file(task.task) else task.task
    return task.model_copy(update={"task": file, "path": anchor(task.path) if task.path else None})


def _data_faults(config: RunConfig) -> Iterator[Fault]:
    if config.data.path and config.data.source != "on_policy":
        yield from _missing("data.path", Path(config.data.path), Path.is_file)
    if config.sft.path and config.recipe == "rlhf":
        yield from _missing("sft.path", Path(config.sft.path), Path.is_file)
    if config.reward.model and config.recipe == "rlhf" and _is_local(config.reward.model):
        yield from _missing("reward.model", Path(config.reward.model), Path.is_dir, _HUB)
    for index, probe in enumerate(config.evaluation.probes):
        yield from _missing(f"evaluation.probes.{index}", Path(probe), Path.is_file)
    for index, task in enumerate(config.evaluation.tasks):
        if is_task_file(task.task):
            yield from _missing(f"evaluation.tasks.{index}.task", Path(task.task), Path.is_file)
        if task.path:
            yield from _missing(f"evaluation.tasks.{index}.path", Path(task.path), Path.is_file)


def _model_faults(config: RunConfig) -> Iterator[Fault]:
    name, gguf = config.model.name, config.model.gguf_file
    if not _is_local(name):
        return
    folder = Path(name)
    yield from _missing("model.name", folder, Path.is_dir, _HUB)
    if not folder.is_dir():
        return
    if gguf:
        yield from _missing("model.gguf_file", folder / gguf, Path.is_file)
    elif not (folder / "config.json").is_file():
        yield Fault("model.name", name, "no config.json in this folder", _offer_gguf(folder))


def _offer_gguf(folder: Path) -> str:
    found = sorted(path.name for path in folder.glob("*.gguf"))
    return f"set model.gguf_file={found[0]} to read that file" if found else "name a folder that transformers can load"


def _is_local(name: str) -> bool:
    """A folder on this machine, by its look or because it is there; otherwise a hub name, which only the hub knows."""
    return name != "demo" and (not _HUB_NAME.fullmatch(name) or Path(name).is_dir())


def _missing(key: str, path: Path, there: Callable[[Path], bool], hint: str = "") -> Iterator[Fault]:
    if there(path):
        return
    if not path.parent.is_dir():
        yield Fault(key, str(path), f"no such folder: {path.parent}", hint)
        return
    near = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], 3, 0.5)
    kind = "folder" if there is Path.is_dir else "file"
    offer = f"nearest in {path.parent}: {', '.join(near)}" if near else ""
    yield Fault(key, str(path), f"no such {kind}", offer or hint)
