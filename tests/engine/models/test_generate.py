from __future__ import annotations

from pathlib import Path

from engine.models.generate import Completion, generate
from tests.fixtures.untrained import untrained_resident


def test_each_batch_arrives_with_its_places_and_equal_prompts_together(tmp_path: Path) -> None:
    resident = untrained_resident(tmp_path)
    prompts = ["ask : my lamp is broken . reply :", "ask", "ask : my lamp is broken . reply :", "ask"]
    batches: list[tuple[tuple[int, Completion], ...]] = []
    completions = generate(
        resident,
        prompts,
        max_new_tokens=4,
        temperature=1.0,
        seed=0,
        batch_size=2,
        arrived=lambda batch: batches.append(tuple(batch)),
    )
    assert [[place for place, _ in batch] for batch in batches] == [[1, 3], [0, 2]]
    assert {place: completion for batch in batches for place, completion in batch} == dict(enumerate(completions))
