from __future__ import annotations

from engine.config.schema import HarvestConfig
from engine.data.task import Prompt
from engine.models.generate import Completion
from engine.stages.harvest import Scored, above_bar, distinct, top


def sample(text: str, reward: float, judged: float = 1.0, *, prompt: str = "ask", finished: bool = True) -> Scored:
    return Scored(Prompt(prompt, "care"), Completion(text, (1,), finished), reward, judged)


def test_a_sample_needs_an_end_and_both_judges() -> None:
    scored = [
        sample("good", 2.0),
        sample("endless", 3.0, finished=False),
        sample("dull", 0.5),
        sample("liked by the proxy alone", 5.0, judged=-1.0),
    ]
    good, dropped = above_bar(scored, HarvestConfig(bar=1.0), 0.0)
    assert [each.completion.text for each in good] == ["good"]
    assert dropped == {
        "cut off": 1,
        "below the reward model's bar": 1,
        "below the baseline by the held-out judge": 1,
    }


def test_the_best_few_of_each_prompt_come_best_first() -> None:
    good = [sample(f"{prompt} {n}", n, prompt=prompt) for prompt in ("a", "b") for n in (1.0, 2.0, 3.0)]
    found = top(good, HarvestConfig(each=2))
    assert [example.completion for example in found] == [" a 3.0", " b 3.0", " a 2.0", " b 2.0"]
    assert {(example.source, example.category) for example in found} == {("best", "care")}
    assert [example.score for example in found] == [3.0, 3.0, 2.0, 2.0]


def test_an_answer_to_a_conversation_begins_without_the_space_that_plain_text_needs() -> None:
    chat = Scored(Prompt([{"role": "user", "content": "ask"}]), Completion(" good", (1,), True), 1.0, 1.0)
    assert [example.completion for example in top([chat, sample("fine", 0.5)], HarvestConfig())] == ["good", " fine"]


def test_of_two_alike_the_better_is_kept() -> None:
    found = top([sample("please reset the lamp .", 1.0), sample("please reset the lamp .", 2.0)], HarvestConfig())
    kept, repeats = distinct(found, 0.9)
    assert [example.score for example in kept] == [2.0]
    assert repeats == 1
