"""From a name, or a task file, to the harness's own task objects with a run's overrides."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engine.config.schema import TaskConfig
from engine.config.schema.evaluation import is_task_file
from engine.errors import ConfigError, Fault
from engine.judgement.evidence import TOO_FEW

OURS = Path(__file__).parents[3] / "configs" / "tasks"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a task's definition is: a file of its own, or a name in the harness's index."""

    config: TaskConfig
    file: Path | None
    index: Any = None

    @property
    def name(self) -> str:
        return self.config.metric_name


@dataclass(frozen=True, slots=True)
class Loaded:
    """Tasks with their data. `categories` names each task's share of a group; `shares` how many items of each count."""

    found: Found
    tasks: Mapping[str, Any]
    categories: Mapping[str, str]
    shares: Mapping[str, int]

    @property
    def items(self) -> int:
        return sum(self.shares.values())

    @property
    def runs_code(self) -> bool:
        return any(getattr(task, "UNSAFE_CODE", False) for task in self.tasks.values())


def find(configs: Sequence[TaskConfig], allow_code: bool) -> tuple[Found, ...]:
    """Every task's definition; no data is read. Raises ConfigError for what is not there or must not run."""
    if configs and find_spec("lm_eval") is None:
        problem = "lm-evaluation-harness is not installed"
        raise ConfigError("config", [Fault("evaluation.tasks", "", problem, "pip install 'pilothouse[eval]'")])
    faults: list[Fault] = []
    found = [_find(config, f"evaluation.tasks.{i}", allow_code, faults) for i, config in enumerate(configs)]
    if faults:
        raise ConfigError("config", faults)
    return tuple(task for task in found if task)


def load(found: Found, seed: int) -> Loaded:
    """The task with its data and the config's overrides. Whatever the harness or the hub raises comes through."""
    from lm_eval.tasks import TaskManager

    config = found.config
    manager = found.index or TaskManager(include_defaults=False)
    loaded = manager.load(_built(found, manager) if found.file else config.task)
    tasks = dict(loaded["tasks"])
    for task in tasks.values():
        _override(task, config, seed)
    sizes = {name: len(task.eval_docs) for name, task in tasks.items()}
    taken = shares(sizes, config.limit)
    return Loaded(found, tasks, _categories(loaded, taken), taken)


def _built(found: Found, manager: Any) -> Any:
    """The task or group of a file, its data read from where the config says."""
    from lm_eval.tasks._index import Entry, TaskIndex

    raw, overrides = _raw(found.file or Path()), {}
    if found.config.path:
        overrides["dataset_kwargs"] = {**raw.get("dataset_kwargs", {}), "data_files": str(_expanded(found.config.path))}
    entry = Entry(raw.get("group") or raw["task"], TaskIndex._kind_of(raw), found.file)
    return manager._factory.build(entry, overrides=overrides, registry=manager.task_index)


def shares(sizes: Mapping[str, int], limit: int | None) -> dict[str, int]:
    """How many first items of each of a group's tasks make `limit`: as equal as sizes allow, earlier tasks first."""
    if limit is None:
        return dict(sizes)
    taken = dict.fromkeys(sizes, 0)
    left = min(limit, sum(sizes.values()))
    while left:
        for name in [name for name in sizes if taken[name] < sizes[name]][:left]:
            taken[name] += 1
            left -= 1
    return {name: count for name, count in taken.items() if count}


def _find(config: TaskConfig, key: str, allow_code: bool, faults: list[Fault]) -> Found | None:
    if config.path and not _expanded(config.path).is_file():
        faults.append(Fault(f"{key}.path", config.path, "no such file"))
        return None
    if is_task_file(config.task):
        file = _expanded(config.task)
        if not file.is_file():
            faults.append(Fault(f"{key}.task", config.task, "no such task file"))
            return None
        return _allowed(Found(config, file), _raw(file), key, allow_code, faults)
    own = OURS / f"{config.task}.yaml"
    if own.is_file() and (config.path or config.task == "humaneval"):
        return _allowed(Found(config, own), _raw(own), key, allow_code, faults)
    if config.path:
        remedy = "write a task file that names the data, and give its path as the task"
        faults.append(Fault(f"{key}.path", config.path, "only mmlu, gsm8k, humaneval and task files take one", remedy))
        return None
    return _named(config, key, allow_code, faults)


def _named(config: TaskConfig, key: str, allow_code: bool, faults: list[Fault]) -> Found | None:
    """A task of the harness by its name. Its whole index takes seconds to build, its own folder's does not."""
    import lm_eval.tasks
    from lm_eval.tasks import TaskManager

    folder = Path(lm_eval.tasks.__file__).parent / config.task.split("_")[0]
    index = TaskManager(include_path=str(folder), include_defaults=False) if folder.is_dir() else None
    if index is None or config.task not in index.task_index:
        index = TaskManager()
    entry = index.task_index.get(config.task)
    if entry is None:
        close = difflib.get_close_matches(config.task, [*index.all_tasks, *(file.stem for file in OURS.iterdir())], 3)
        remedy = f"did you mean {' or '.join(close)}?" if close else "see `lm_eval ls tasks`, or give a .yaml file"
        faults.append(Fault(f"{key}.task", config.task, "no such task", remedy))
        return None
    return _allowed(Found(config, None, index), entry.cfg or {}, key, allow_code, faults)


def _allowed(found: Found, raw: Mapping[str, Any], key: str, allow_code: bool, faults: list[Fault]) -> Found | None:
    """Code runs in our sandbox or not at all: the harness's own coding tasks would run it in this process."""
    if not raw.get("unsafe_code"):
        return found
    ours = str(raw.get("process_results", "")).endswith("engine.evaluation.harness.coding.results")
    if not ours:
        problem = "runs code that the model wrote, and not in the sandbox"
        faults.append(Fault(f"{key}.task", found.config.task, problem, "of the coding tasks, only humaneval is safe"))
    elif not allow_code:
        problem, remedy = "runs code that the model wrote", "set evaluation.allow_code_execution: true to allow it"
        faults.append(Fault(f"{key}.task", found.config.task, problem, remedy))
    else:
        return found
    return None


def _raw(file: Path) -> dict[str, Any]:
    """A task file's keys, with nothing imported that it names."""
    from lm_eval.tasks._yaml_loader import load_yaml

    raw: dict[str, Any] = load_yaml(file, resolve_func=False)
    return raw


def _override(task: Any, config: TaskConfig, seed: int) -> None:
    if config.fewshot is not None:
        task.set_config("num_fewshot", config.fewshot)
    if config.max_new_tokens is not None and task.config.generation_kwargs is not None:
        task.config.generation_kwargs["max_gen_toks"] = config.max_new_tokens
    task.set_fewshot_seed(seed)


def _categories(loaded: Mapping[str, Any], taken: Mapping[str, int]) -> dict[str, str]:
    """A task's own name, such as a subject; with too few items of one to tell anything by, its innermost group within
    the one that was asked for, such as a field. Nothing for a task alone.
    """
    groups = loaded.get("groups", {})
    if len(loaded["tasks"]) < 2:
        return {}
    found = {name: _plain(name) for name in loaded["tasks"]}
    if min(taken.values()) >= TOO_FEW:
        return found
    for group in list(groups.values())[1:]:
        found |= {task.task_name: _plain(group.alias or group.name) for task in group.get_all_tasks()}
    return found


def _plain(name: str) -> str:
    return name.rpartition("::")[2].replace("_", " ")


def _expanded(path: str) -> Path:
    return Path(path).expanduser()
