from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import numpy as np
import pytest

from engine.config.schema import DataConfig
from engine.data.noise import FEWEST, suspicions
from engine.data.sources import load_pairs
from engine.data.task import Pair
from tests.fixtures.ranking import auc

FOLDER = os.environ.get("PILOTHOUSE_DATA", "")


def written(count: int, seed: int = 0) -> tuple[list[Pair], list[bool]]:
    """Pairs whose better side is a list that ends as it should; one in five labels is wrong."""
    rng, pairs, wrong = Random(seed), [], []
    for i in range(count):
        good = "\n".join(f"- {rng.choice('abcdef')} thing {j}." for j in range(rng.randint(2, 5)))
        bad = " ".join(rng.choices("abcdef", k=rng.randint(5, 20)))
        wrong.append(rng.random() < 0.2)
        sides = (bad, good) if wrong[-1] else (good, bad)
        pairs.append(Pair(f"question {i}", *sides))
    return pairs, wrong


def test_wrong_labels_are_found_in_spite_of_themselves() -> None:
    pairs, wrong = written(200)
    found = suspicions(pairs)
    assert auc(found, wrong) > 0.95
    assert ((found >= 0) & (found <= 1)).all()


def test_what_cannot_be_told_is_not_claimed() -> None:
    rng = Random(1)
    sides = [(" ".join(rng.choices("abcdef", k=8)), " ".join(rng.choices("abcdef", k=8))) for _ in range(400)]
    found = suspicions([Pair(f"question {i}", *each) for i, each in enumerate(sides)])
    assert found.min() > 0.3
    assert found.max() < 0.7
    few = written(FEWEST - 1)[0]
    assert set(suspicions(few)) == {0.5}


def test_a_models_log_probabilities_count() -> None:
    """Sides that look alike, and a model that knows which it would say."""
    rng = Random(2)
    pairs = [Pair(f"question {i}", "same words here", "same words here") for i in range(200)]
    wrong = [rng.random() < 0.2 for _ in pairs]
    logprobs = [(-20.0 + rng.gauss(0, 1), -10.0) if bad else (-10.0 + rng.gauss(0, 1), -20.0) for bad in wrong]
    assert len(set(np.round(suspicions(pairs), 6))) == 1
    assert auc(suspicions(pairs, logprobs), wrong) > 0.99


def test_the_same_pairs_give_the_same_suspicions() -> None:
    pairs, _ = written(80)
    assert (suspicions(pairs) == suspicions(pairs)).all()


@pytest.mark.data
@pytest.mark.skipif(not FOLDER, reason="PILOTHOUSE_DATA is not set: it names the folder of real inputs")
def test_flipped_labels_of_real_pairs_rank_above_the_rest() -> None:
    """200 of 1,000 real labels were flipped; which, is known from the file before. Chance is .5 with a s.e. of .023."""
    pref = Path(FOLDER) / "pref"
    clean = {row["source_index"]: row for row in map(json.loads, (pref / "ultrafeedback_train_clean.jsonl").open())}
    noisy = pref / "ultrafeedback_label_flip_20.jsonl"
    pairs, _ = load_pairs(DataConfig(source="file", path=str(noisy)))
    rows = [json.loads(line) for line in noisy.open()]
    flipped = [row["chosen"] != clean[row["source_index"]]["chosen"] for row in rows]
    assert sum(flipped) == 200
    assert auc(suspicions(pairs), flipped) > 0.5 + 4 * 0.023
