"""What a reward stage's scalar head says of texts, on the resident base: the judge's scores without a second model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.evaluation.implicit import said
from engine.judges.base import Progress, Scored
from engine.judges.reward import Scores
from engine.models.resident import Resident
from engine.models.scoring import score
from engine.models.slots import JUDGE, Slots
from engine.models.tokens import Content, fitted


def head_scores(resident: Resident, prompts: Mapping[str, Content], folder: Path, batch_size: int) -> Scores:
    """The function that scores items, with the adapter and head in `folder` in a slot of their own for as long as the
    model is loaded. `prompts` is as in `log_ratios`. Raises ModelError where they were made for another model.
    """
    slots = Slots(resident, JUDGE)
    slots.load(JUDGE, folder)

    def scores(items: Sequence[Scored], progress: Progress | None) -> list[float]:
        sequences, done = said(resident, prompts, items), 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if progress:
                progress(done, len(items))

        limit = resident.window or max([1, *map(len, sequences)])
        return score(slots, JUDGE, [fitted(sequence, limit) for sequence in sequences], batch_size, advance)

    return scores
