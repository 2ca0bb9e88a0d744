"""RRHF: its groups, and its loss against the paper's formula spelled out in float64."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from datasets import Dataset
from transformers import TrainerCallback

from engine.config import RunConfig, with_settings
from engine.data.task import Pair
from engine.evaluation.forward import completion_logprobs
from engine.models.resident import Resident
from engine.models.tokens import sequence_ids
from engine.stages.foresight import lengths_of
from engine.stages.objectives.groups import Group, groups
from engine.stages.objectives.ranking import GroupCollator, group_rows, ranking_loss
from engine.stages.trainer import build_trainer, release


def spelled_out(scored: list[tuple[list[float], list[tuple[int, int]], int]]) -> float:
    """The loss of groups of (token log-probabilities by answer, ordered pairs, best), one term at a time."""
    total = 0.0
    for answers, ordered, best in scored:
        for better, worse in ordered:
            total += max(0.0, answers[worse] - answers[better])
        total -= answers[best]
    return total / len(scored)


def test_the_loss_is_the_papers() -> None:
    rng = Random(5)
    scored, means, ordered, best = [], [], [], []
    for size in (2, 5, 3):
        answers = [-rng.random() * 3 for _ in range(size)]
        edges = [(i, j) for i in range(size) for j in range(size) if i < j]
        scored.append((answers, edges, 0))
        ordered += [[len(means) + i, len(means) + j] for i, j in edges]
        best.append(len(means))
        means += answers
    as_double = torch.tensor(means, dtype=torch.float64)
    rank, likelihood = ranking_loss(as_double, torch.tensor(ordered), torch.tensor(best))
    assert float(rank + likelihood) == pytest.approx(spelled_out(scored), abs=1e-12)


def test_a_pair_in_the_right_order_is_left_alone() -> None:
    means = torch.tensor([-1.0, -2.0], requires_grad=True)
    rank, _ = ranking_loss(means, torch.tensor([[0, 1]]), torch.tensor([0]))
    rank.backward()
    assert rank == 0
    assert means.grad is not None
    assert not means.grad.any()


class First(TrainerCallback):
    logs: dict[str, float]

    def on_log(self, args: object, state: object, control: object, logs: dict[str, float], **_: object) -> None:
        self.logs = self.__dict__.get("logs") or dict(logs)


def test_what_a_step_logs_is_what_the_model_thinks_of_the_answers(
    resident: Resident, moved: Path, pairs: list[Pair], config: RunConfig, tmp_path: Path
) -> None:
    """Padding, masks and places: the whole way from texts to the loss, against each answer scored by itself."""
    resident.load_policy(moved)
    said = (" hello .", " ugh , whatever . reset it .", " please reset it , hello hello .")
    trio = [Pair(pairs[0].prompt, said[i], said[j], scores=(-i, -j)) for i, j in ((0, 1), (1, 2))]
    mixed = [*trio, pairs[1]]
    scored = []
    for group in groups(mixed):
        sequences = [sequence_ids(resident.tokenizer, group.prompt, text) for text in group.answers]
        sums = completion_logprobs(resident, sequences, 1)
        means = [total / len(sequence.completion) for total, sequence in zip(sums, sequences, strict=True)]
        scored.append((means, list(group.ordered), group.best))
    first = First()
    settings = {"loss_type": "rrhf", "max_steps": 1, "batch_size": 2}
    trainer = build_trainer(resident, mixed, with_settings(config, settings), tmp_path / "out", 7, first)
    trainer.on_checkpoint = lambda *_: None
    trainer.train()
    release(resident)
    assert first.logs["loss"] == pytest.approx(spelled_out(scored), rel=1e-4)
    assert first.logs["rank_loss"] + first.logs["nll_loss"] == pytest.approx(first.logs["loss"], rel=1e-4)
    right = [means[better] > means[worse] for means, ordered, _ in scored for better, worse in ordered]
    assert first.logs["rewards/accuracies"] == pytest.approx(sum(right) / len(right), abs=1e-4)


class TestGroups:
    def test_two_sides_of_a_pair_are_a_group(self) -> None:
        (group,) = groups([Pair("q", "good", "bad", weight=2.0)])
        assert group == Group("q", ("good", "bad"), ((0, 1),), 0, 2.0)

    def test_scores_order_answers_that_no_pair_names_together(self) -> None:
        pairs = [Pair("q", "a", "c", scores=(3, 1)), Pair("q", "b", "c", scores=(2, 1), weight=3.0)]
        (group,) = groups(pairs)
        assert group.answers == ("a", "c", "b")
        assert set(group.ordered) == {(0, 1), (0, 2), (2, 1)}
        assert (group.best, group.weight) == (0, 2.0)

    def test_an_operators_word_counts_for_more_than_a_score(self) -> None:
        pairs = [Pair("q", "a", "c", scores=(3, 1)), Pair("q", "b", "c", scores=(2, 1)), Pair("q", "b", "a")]
        (group,) = groups(pairs)
        places = {text: i for i, text in enumerate(group.answers)}
        assert (places["b"], places["a"]) in group.ordered
        assert (places["a"], places["b"]) not in group.ordered
        assert group.answers[group.best] == "b"

    def test_answers_without_a_score_are_ordered_by_their_pairs_alone(self) -> None:
        (group,) = groups([Pair("q", "a", "b"), Pair("q", "b", "c")])
        assert set(group.ordered) == {(0, 1), (1, 2)}
        assert group.answers[group.best] == "a"

    def test_only_what_pairs_connect_is_ranked_together(self) -> None:
        apart = [Pair("q", "a", "b"), Pair("q", "c", "d"), Pair("p", "a", "b")]
        assert [group.answers for group in groups(apart)] == [("a", "b"), ("c", "d"), ("a", "b")]
        joined = groups([*apart, Pair("q", "d", "a")])
        assert sorted(len(group.answers) for group in joined) == [2, 4]

    def test_conversations_are_told_apart_by_what_they_say(self) -> None:
        talk = [[{"role": "user", "content": text}] for text in ("hi", "bye", "hi")]
        pairs = [replace(Pair("", "a", str(i)), prompt=each) for i, each in enumerate(talk)]
        assert [len(group.answers) for group in groups(pairs)] == [3, 2]


def test_a_batch_counts_places_through(resident: Resident) -> None:
    rows = group_rows(resident, groups([Pair("hello", " a", " b c"), Pair("please reset", " hello", " a")]), 64)
    batch = GroupCollator(0)(rows)
    assert batch["ordered"].tolist() == [[0, 1], [2, 3]]
    assert batch["best"].tolist() == [0, 2]
    lengths = [len(sequence_ids(resident.tokenizer, *text).completion) for text in
               (("hello", " a"), ("hello", " b c"), ("please reset", " hello"), ("please reset", " a"))]  # fmt: skip
    assert batch["completion_mask"].sum(1).tolist() == lengths


def test_a_prompt_that_leaves_no_room_is_left_out(resident: Resident) -> None:
    long = Pair("hello " * 20, " a", " b")
    rows = group_rows(resident, groups([long, Pair("hello", " a", " b")]), 8)
    assert [(row["length"] <= 8, row["weight"]) for row in rows] == [(True, 1.0)]
    assert lengths_of(Dataset.from_list(rows)) == [rows[0]["length"]]
