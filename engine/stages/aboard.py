"""What this run has aboard that a judge can be made of: the resident model, and what its operators said."""

from __future__ import annotations

from collections.abc import Iterator

from engine.config import RunConfig
from engine.data.judging import Aboard
from engine.data.task import shown
from engine.evaluation.head import head_scores
from engine.evaluation.implicit import log_ratios
from engine.judges.operator import Opinion
from engine.models.resident import Resident
from engine.records import Label, Pair
from engine.store.collected import labelled_pairs
from engine.store.opinions import labels
from engine.store.paths import RunPaths


def aboard(paths: RunPaths, config: RunConfig, resident: Resident) -> Aboard:
    return Aboard(
        device=str(resident.device),
        log_ratios=lambda prompts: log_ratios(resident, prompts, config.evaluation.batch_size),
        head=lambda prompts, folder: head_scores(resident, prompts, folder, config.judges.reward_model.batch_size),
        beta=config.training.beta,
        opinions=lambda: opinions(paths),
    )


def opinions(paths: RunPaths) -> Iterator[Opinion]:
    """Every label that says how two answers compare, in the order in which they were given."""
    given = labels(paths)
    known = labelled_pairs(paths, given)
    for label in given:
        outcome = _outcome(label)
        if outcome is not None and label.pair in known:
            pair: Pair = known[label.pair]
            yield shown(pair.prompt), pair.chosen, pair.rejected, outcome


def _outcome(label: Label) -> float | None:
    """How the chosen side did; nothing is known of a skipped pair, nor of a bad one."""
    if label.choice == "tie":
        return 0.5
    return None if label.agrees is None else float(label.agrees)
