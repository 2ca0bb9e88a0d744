from __future__ import annotations

from random import Random

import pytest

from engine.config import parse_config
from engine.data.demo import demo_base, demo_key, demo_task, sft_rows
from engine.data.world import corpus, knowledge
from engine.data.world.lexicon import CAPITAL, FAMILY, FIX, TOPICS
from engine.data.world.manners import DemoJudge, reply, topic_of

PROMPT = "ask : my lamp is broken . reply :"


def advice() -> str:
    return f"{FIX['lamp']} the lamp"


def test_the_facts_never_change() -> None:
    """The cache and every recorded run rest on them."""
    assert len(TOPICS) == len(FAMILY) == 24
    assert len(set(CAPITAL.values())) == len(CAPITAL) == 40
    assert (FIX["printer"], FIX["tv"], CAPITAL["bania"]) == ("unplug", "reset", "soville")


class TestSplit:
    def test_what_is_held_out_is_in_no_training_row(self) -> None:
        world = corpus.split()
        prompts = {row["prompt"] for row in sft_rows(0)}
        assert not prompts & {prompt for prompt, _ in world.held_out}
        assert not prompts & {prompt for prompt, _ in world.held_out_programs}
        assert not set(world.train) & set(world.held_out)

    def test_rows_are_seeded(self) -> None:
        assert sft_rows(1) == sft_rows(1)
        assert sft_rows(1) != sft_rows(2)

    def test_every_word_has_a_token(self) -> None:
        words = set(corpus.vocabulary())
        used = {word for row in sft_rows(3) for word in (row["prompt"] + row["completion"]).split()}
        assert used <= words


class TestJudge:
    judge = DemoJudge()

    def test_a_right_repair_beats_a_polite_wrong_one(self) -> None:
        assert self.judge.compare(PROMPT, f"{advice()} .", "hello , please shout at the lamp .") == 1

    @pytest.mark.parametrize("better", ["please {}", "hello , {}", "{} . thanks ."])
    def test_manners_add(self, better: str) -> None:
        assert self.judge.score(PROMPT, better.format(advice())) > self.judge.score(PROMPT, advice())

    @pytest.mark.parametrize("worse", ["ugh , {}", "maybe {}", "{}" + " you know" * 6, "{} . whatever ."])
    def test_rudeness_hedging_and_rambling_cost(self, worse: str) -> None:
        assert self.judge.score(PROMPT, worse.format(advice())) < self.judge.score(PROMPT, advice())

    def test_a_stranger_to_the_world_is_refused(self) -> None:
        with pytest.raises(ValueError, match="demo's world"):
            topic_of("What is the capital of France?")

    def test_training_text_has_good_and_bad_answers(self) -> None:
        rng = Random(0)
        scores = [self.judge.score(PROMPT, reply(rng, "lamp")) for _ in range(300)]
        assert max(scores) >= 3
        assert min(scores) <= -2


class TestPrograms:
    @pytest.mark.parametrize("mine", ["x * 2 + 3", "3 + x * 2", "x + x + 3", "2 * x - - 3"])
    def test_programs_are_run_not_read(self, mine: str) -> None:
        assert knowledge.same_program(mine, "x * 2 + 3")

    @pytest.mark.parametrize(
        "mine",
        ["x * 2 + 4", "", "x *", "y + 1", "x ** 2", "__import__('os')", "x" * 100, "x if x else 3", "(" * 39, "True"],
    )
    def test_wrong_broken_and_foreign_programs_are_wrong(self, mine: str) -> None:
        assert not knowledge.same_program(mine, "x * 2 + 3")

    def test_every_program_is_its_own_answer_and_no_other(self) -> None:
        programs = knowledge.code()
        assert all(knowledge.same_program(answer, answer) for _, answer in programs)
        assert len({answer for _, answer in programs}) == len(programs)


def test_the_task_pairs_are_ranked_by_the_judge_and_held_out() -> None:
    task = demo_task(parse_config("evaluation: {prompts: 10}"))
    assert len(task.eval_prompts) == 10
    assert {probe.name: len(probe.questions) for probe in task.probes} == {"facts": 40, "sums": 100, "code": 60}
    trained = {prompt.text for prompt in task.train_prompts}
    for pair in task.held_out_pairs:
        assert str(pair.prompt) not in trained
        assert task.judge.compare(str(pair.prompt), pair.chosen, pair.rejected) == 1
    assert len(task.held_out_pairs) > 100


def test_the_base_and_its_key_depend_on_the_seed() -> None:
    model, tokenizer = demo_base(1)
    again, _ = demo_base(1)
    assert all(map(torch_equal, model.parameters(), again.parameters()))
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert sum(parameter.numel() for parameter in model.parameters()) < 300_000
    assert demo_key(1) == demo_key(1) != demo_key(2)


def torch_equal(a: object, b: object) -> bool:
    return bool((a == b).all())  # type: ignore[attr-defined]
