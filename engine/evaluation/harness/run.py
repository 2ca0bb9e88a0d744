"""One loaded task, measured: a Metric with its items, and what was said to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from numbers import Real
from typing import Any

from lm_eval import evaluator
from lm_eval.utils import env

from engine.config.schema import EvaluationConfig
from engine.errors import DataError
from engine.evaluation import measures
from engine.evaluation.forward import Advance
from engine.evaluation.harness import coding
from engine.evaluation.harness.model import ResidentLM
from engine.evaluation.harness.tasks import Loaded
from engine.evaluation.harness.transcript import Transcript
from engine.models.resident import Resident
from engine.models.rng import isolated_rng
from engine.records import Answer, Metric
from engine.text import clean

Sample = Mapping[str, Any]


def run(
    loaded: Loaded, resident: Resident, config: EvaluationConfig, transcript: Transcript, advance: Advance
) -> tuple[Metric, list[Answer]]:
    """Items in the order of the tasks and their files. `advance` sums to `cost(loaded)`, and may raise to abort.

    Raises DataError where the task has no metric that rises with what the model can do, or its code cannot be run;
    whatever else the harness raises comes through.
    """
    asked = Steps(loaded.items, advance)
    exams = Steps(loaded.items, advance)
    code: AbstractContextManager[list[str]] = nullcontext([])
    if loaded.runs_code:
        code = coding.permitted(transcript, exams.one)
    with resident.measuring(), isolated_rng(config.seed), code as reasons:
        for task in loaded.tasks.values():
            task.set_fewshot_seed(config.seed)
        model = ResidentLM(
            resident,
            transcript,
            batch_tokens=config.tokens_at_once(resident.device.type == "cuda"),
            written_tokens=config.tokens_written_at_once(),
            seed=config.seed,
            advance=asked.reach,
        )
        found = evaluator.evaluate(model, **request(loaded))
    samples = {name: _of_one_filter(loaded, found["samples"][name]) for name in loaded.shares}
    metric, scores = _metric(loaded, samples)
    return metric, list(_answers(loaded, samples, scores, reasons))


def request(loaded: Loaded) -> dict[str, Any]:
    """The harness's own arguments. Its groups are left out: they would only average what is averaged here."""
    tasks = {name: loaded.tasks[name] for name in loaded.shares}
    alone = len(loaded.tasks) == 1
    return {
        "task_dict": {"tasks": tasks},
        "limit": loaded.items if alone else None,  # quicker than naming the items: it does not read the rest
        "samples": None if alone else {name: list(range(count)) for name, count in loaded.shares.items()},
        "bootstrap_iters": 0,
        "log_samples": True,
        "apply_chat_template": loaded.found.config.chat,
        "confirm_run_unsafe_code": loaded.runs_code,  # by `tasks.find`, only in the sandbox
    }


def cost(loaded: Loaded) -> int:
    return loaded.items * (2 if loaded.runs_code else 1)


class Steps:
    """Progress in requests told in items, whole ones, so that `total` items are told in the end."""

    def __init__(self, total: int, advance: Advance) -> None:
        self._total, self._advance, self._told = total, advance, 0

    def reach(self, done: int, of: int) -> None:
        self._tell(self._total * done // of)

    def one(self) -> None:
        self._tell(self._told + 1)

    def _tell(self, items: int) -> None:
        more = min(items, self._total) - self._told
        self._told += max(0, more)
        self._advance(max(0, more))


def _of_one_filter(loaded: Loaded, samples: Sequence[Sample]) -> list[Sample]:
    """The samples of the filter that the config names, else of the task's first one."""
    _, _, wanted = (loaded.found.config.metric or "").partition(",")
    wanted = wanted or samples[0]["filter"]
    chosen = [sample for sample in samples if sample["filter"] == wanted]
    if not chosen:
        known = ", ".join(sorted({sample["filter"] for sample in samples}))
        raise DataError(f"{loaded.found.name}: no filter {wanted!r}", remedy=f"its filters are {known}")
    return chosen


def _metric(loaded: Loaded, samples: Mapping[str, Sequence[Sample]]) -> tuple[Metric, list[float]]:
    scores, categories = [], []
    for name, found in samples.items():
        metric = _measure_of(loaded, loaded.tasks[name], found[0])
        scores += [float(sample[metric]) for sample in found]
        categories += [loaded.categories.get(name) or _category(sample["doc"]) for sample in found]
    make = measures.rate if all(0 <= score <= 1 for score in scores) else measures.mean
    return make(loaded.found.name, "capability", scores, categories=categories), scores


def _measure_of(loaded: Loaded, task: Any, sample: Sample) -> str:
    """The task's metric that the config names, else its first one that rises with ability and has a number an item."""
    rising = [name for name, better in task.higher_is_better().items() if better]
    usable = [name for name in rising if isinstance(sample.get(name), Real)]
    wanted = (loaded.found.config.metric or "").partition(",")[0]
    if wanted in usable or (usable and not wanted):
        return wanted or usable[0]
    remedy = f"it has {', '.join(usable)}" if usable else "choose a task that is scored item by item, more being better"
    raise DataError(f"{loaded.found.name}: no metric {wanted}".rstrip(), remedy=remedy)


def _answers(
    loaded: Loaded, samples: Mapping[str, Sequence[Sample]], scores: Sequence[float], reasons: Sequence[str]
) -> Iterator[Answer]:
    every = [(loaded.tasks[name], name, sample) for name, found in samples.items() for sample in found]
    for i, (task, name, sample) in enumerate(every):
        said, wanted = _said(sample)
        if i < len(reasons) and reasons[i]:
            said = f"{said}\n\n# {reasons[i]}"
        category = clean(loaded.categories.get(name) or _category(sample["doc"]))
        yield Answer(loaded.found.name, i, clean(_asked(task, sample)), clean(said), clean(wanted), scores[i], category)


def _asked(task: Any, sample: Sample) -> str:
    """The item's own question, without the examples before it."""
    text = task.config.doc_to_text
    plain = isinstance(text, str) and text not in task.features and task.prompt is None
    question = _template(text).render(**sample["doc"]) if plain else task.doc_to_text(sample["doc"])
    return question if isinstance(question, str) else str(sample["arguments"][0][0])


@lru_cache(maxsize=128)
def _template(text: str) -> Any:
    """As the harness renders it, but compiled once: compiling it for each item was a sixth of a small task's time."""
    return env.from_string(text)


def _said(sample: Sample) -> tuple[str, str]:
    """(what the model said, what was wanted): of choices, the likeliest and the right one."""
    target, responses, arguments = sample["target"], sample["filtered_resps"], sample["arguments"]
    if len(responses) == 1:
        return str(sample["resps"][0][0]), _listed(target)
    totals = [response[0] for response in responses]
    choices = [str(argument[1]).strip() for argument in arguments]
    right = choices[target] if isinstance(target, int) and 0 <= target < len(choices) else _listed(target)
    return choices[totals.index(max(totals))], right


def _listed(target: Any) -> str:
    return ", ".join(map(str, target)) if isinstance(target, list | tuple) else str(target)


def _category(doc: Any) -> str:
    found = doc.get("category") or doc.get("subject") if isinstance(doc, Mapping) else None
    return found if isinstance(found, str) else ""
