from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from engine.config import RunConfig, override, parse_config
from engine.data.build import build_task
from engine.data.collect import Sources, gather
from engine.data.task import Pair, Task
from engine.judges.base import ScoringJudge
from engine.models.generate import Arrived, Completion
from engine.models.resident import Resident
from engine.records import Content, DataStep, Label
from tests.fixtures.untrained import untrained_resident

SETTINGS = "data: {{source: {}, prompts: 6, completions: 4, max_new_tokens: 6, min_gap: 0.1, max_pairs: {}}}"


class Length(ScoringJudge):
    name = "length"

    def score(self, prompt: str, completion: str) -> float:
        return float(len(completion.split()))


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


@pytest.fixture
def task(resident: Resident) -> Task:
    demo = build_task(parse_config(""), resident)
    recorded = tuple(Pair(f"ask : {i}", "a", "b", source="file") for i in range(20))
    return replace(demo, judge=Length(), train_pairs=recorded)


def talker(
    prompts: Sequence[Content], *, seed: int, batch_size: int, arrived: Arrived | None = None, **_: object
) -> list[Completion]:
    """One to nine words in answer to whatever is asked."""
    rng = Random(seed)
    said = [Completion(" ".join(rng.choices("abcdef", k=rng.randint(1, 9))), (1, 2), True) for _ in prompts]
    for start in range(0, len(said), batch_size):
        if arrived:
            arrived(list(enumerate(said))[start : start + batch_size])
    return said


@pytest.fixture
def sources() -> Sources:
    return Sources(talker)


def settings(source: str, limit: int = 8) -> RunConfig:
    path = ", path: pairs.jsonl" if source != "on_policy" else ""
    return parse_config(SETTINGS.format(source, limit).replace("}", path + "}"))


@pytest.mark.parametrize(("source", "kinds"), [("file", {"file"}), ("on_policy", {"on policy"})])
def test_each_source_gives_its_own(sources: Sources, task: Task, source: str, kinds: set[str]) -> None:
    gathered = gather(task, settings(source), 1, sources)
    assert {pair.source for pair in gathered.pairs} == kinds
    assert len(gathered.pairs) <= 8
    assert gathered.sampled.completions == (24 if source == "on_policy" else 0)
    assert {pair.born for pair in gathered.pairs} == {1}
    for pair in gathered.pairs:  # the score of each side is of that very text
        assert pair.scores in (None, (len(pair.chosen.split()), len(pair.rejected.split())))


def test_both_fill_up_to_the_limit(sources: Sources, task: Task) -> None:
    gathered = gather(task, settings("both", 16), 1, sources)
    assert len(gathered.pairs) == 16
    assert gathered.count("file") == 16 - gathered.count("on policy") > 0


def test_an_iteration_decides_and_repeats(sources: Sources, task: Task) -> None:
    config = settings("both")
    assert gather(task, config, 1, sources) == gather(task, config, 1, sources)
    assert gather(task, config, 1, sources).pairs != gather(task, config, 2, sources).pairs


def test_data_that_are_held_fixed_are_drawn_as_the_parents_were(sources: Sources, task: Task) -> None:
    held = replace(sources, steps=(DataStep("hold"),))
    config = settings("on_policy", 100)
    before = gather(task, config, 3, sources)
    after = gather(task, config, 5, held, parent=3)
    assert [pair.prompt for pair in before.pairs] == [pair.prompt for pair in after.pairs]
    assert {pair.born for pair in after.pairs} == {5}


def test_a_weak_category_is_collected_and_marked(sources: Sources, task: Task) -> None:
    aimed = replace(sources, steps=(DataStep("collect", "office", 6),))
    plain, more = (gather(task, settings("on_policy", 100), 1, each) for each in (sources, aimed))
    targeted = [pair for pair in more.pairs if pair.source == "targeted"]
    assert targeted
    assert {pair.category for pair in targeted} == {"office"}
    assert (more.sampled.prompts, plain.sampled.prompts) == (12, 6)
    assert more.pairs[0].source == "targeted"  # the limit cuts what nobody asked for


def test_exercises_are_mixed_in_where_the_plan_asks_and_never_beyond_the_limit(sources: Sources, task: Task) -> None:
    aimed = replace(sources, steps=(DataStep("mix", "code", 3),))
    gathered = gather(task, settings("both"), 1, aimed)
    assert (gathered.count("mix"), len(gathered.pairs)) == (3, 8)
    asked = {pair.prompt for pair in gathered.pairs if pair.source == "mix"}
    assert not asked & set(task.measured_prompts)


def test_what_the_line_collected_stays_and_a_label_has_the_last_word(sources: Sources, task: Task) -> None:
    stays = Pair("ask : old", "good", "bad", source="targeted", born=1)
    judged = Pair("ask : judged", "good", "bad", source="targeted", born=1)
    label = Label(judged.id, "2", "chosen", "ana", 1.0, 1)
    given = replace(sources, before=[judged, stays], labels=[label], known={judged.id: judged})
    pairs = gather(task, settings("file", 20), 2, given).pairs
    assert pairs[0] == replace(judged, chosen="bad", rejected="good", source="operator", author="ana")
    assert [pair for pair in pairs if pair.id == judged.id] == [pairs[0]]
    assert stays in pairs


def test_sampling_is_shown_as_it_goes(sources: Sources, task: Task) -> None:
    told: list[tuple[int, int]] = []
    config = override(settings("on_policy"), ["data.batch_size=8"])
    gathered = gather(task, config, 1, sources, live=lambda so_far, made: told.append((so_far.completions, len(made))))
    assert [done for done, _ in told] == [8, 16, 24]
    assert sum(made for _, made in told) == sum(len(found) for found in gathered.sampled.pairs.values())
    assert gathered.sampled.accepted == 1 - gathered.sampled.unclear / 6
    assert gathered.sampled.tokens > 0


def test_a_limit_thins_the_usual_pairs_and_leaves_none_of_the_prompts_out(task: Task, sources: Sources) -> None:
    config = override(settings("on_policy", 12), ["data.pairing=all"])
    everything = gather(task, override(config, ["data.max_pairs=999"]), 1, sources).pairs
    kept = gather(task, config, 1, sources).pairs
    assert len(kept) == 12 < len(everything)
    assert [pair for pair in everything if pair in kept] == list(kept), "in the same order"
    assert {pair.prompt for pair in kept} > {pair.prompt for pair in everything[:12]}


def test_what_was_asked_for_stays_where_the_limit_bites(task: Task, sources: Sources) -> None:
    config = override(settings("on_policy", 12), ["data.pairing=all"])
    before = [Pair(f"ask : {i}", "a", "b", source="targeted", born=1) for i in range(9)]
    kept = gather(task, config, 2, replace(sources, before=before), parent=1).pairs
    assert set(before) <= set(kept)
    assert len(kept) == 12
