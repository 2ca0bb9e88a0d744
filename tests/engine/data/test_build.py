from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import parse_config
from engine.data.build import build_task, split_by_prompt
from engine.data.task import Pair, shown
from engine.errors import DataError, ModelError
from engine.models.resident import Resident
from tests.fixtures.untrained import untrained_resident

PAIRS = [Pair(f"question {i // 2} ?", f"good {i}", f"bad {i}") for i in range(100)]


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


class TestSplit:
    def test_whole_prompts_are_held_out_and_twins_stay_together(self) -> None:
        twins = [Pair(f"Question {i // 2}", f"good {i}", f"bad {i}") for i in range(100)]
        train, held_out = split_by_prompt([*PAIRS, *twins], 0.2, 1)

        def numbers(pairs: list[Pair]) -> set[str]:
            return {str(pair.prompt).split()[1] for pair in pairs}

        assert not numbers(train) & numbers(held_out)
        assert len(numbers(held_out)) == 10
        assert len(train) + len(held_out) == 200

    def test_the_seed_decides_and_the_order_of_the_file_does_not(self) -> None:
        _, held_out = split_by_prompt(PAIRS, 0.2, 1)
        _, turned = split_by_prompt(PAIRS[::-1], 0.2, 1)
        _, other = split_by_prompt(PAIRS, 0.2, 2)
        prompts = [pair.prompt for pair in held_out]
        assert prompts == [pair.prompt for pair in turned]
        assert prompts != [pair.prompt for pair in other]

    def test_one_prompt_cannot_be_split(self) -> None:
        with pytest.raises(DataError, match="too few"):
            split_by_prompt(PAIRS[:2], 0.2, 1)


def test_a_file_becomes_a_task_without_leaks(resident: Resident, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(pair.row()) for pair in PAIRS))
    config = parse_config(
        f"data: {{source: file, path: {path}, held_out: 0.3}}\nevaluation: {{prompts: 5, completions: 2}}"
    )
    task = build_task(config, resident)
    assert task.report is not None
    assert task.report.kept == 100
    assert (len(task.eval_prompts), len(task.held_out_pairs), len(task.train_pairs)) == (5, 10, 70)
    assert not {p.text for p in task.train_prompts} & {p.text for p in task.eval_prompts}
    prompt = task.eval_prompts[0].text
    assert task.judge.score(prompt, task.held_out_pairs[0].chosen) > 0


def test_rlhf_has_examples_to_imitate_and_pairs_that_nobody_trains_on(resident: Resident, tmp_path: Path) -> None:
    path, shown = tmp_path / "pairs.jsonl", tmp_path / "shown.jsonl"
    path.write_text("\n".join(json.dumps(pair.row()) for pair in PAIRS))
    shown.write_text(json.dumps({"prompt": "ask : why ?", "completion": " because"}))
    text = f"data: {{source: file, path: {path}, held_out: 0.3}}\nsft: {{path: {shown}}}\nreward: {{held_out: 20}}"
    task = build_task(parse_config(f"recipe: rlhf\n{text}"), resident)
    assert [example.completion for example in task.demonstrations] == [" because"]
    assert len(task.reward_pairs) == 20
    assert not {pair.id for pair in task.reward_pairs} & {pair.id for pair in task.train_pairs}
    assert {str(pair.prompt) for pair in task.reward_pairs} <= set(task.measured_prompts)
    plain = build_task(parse_config(text), resident)
    assert (plain.demonstrations, plain.reward_pairs) == ((), ())


def test_the_split_outlives_a_change_of_the_training_seed(resident: Resident, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(pair.row()) for pair in PAIRS))
    source = f"data: {{source: file, path: {path}}}\n"
    one, two = (build_task(parse_config(f"{source}training: {{seed: {seed}}}"), resident) for seed in (1, 2))
    assert one.eval_prompts == two.eval_prompts


def test_the_config_names_the_judge(resident: Resident, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(pair.row()) for pair in PAIRS))
    source = f"data: {{source: file, path: {path}}}\n"
    assert build_task(parse_config(source), resident).judge.name == "overlap"
    assert build_task(parse_config(source + "judges: {training: demo}"), resident).judge.name == "demo"
    assert build_task(parse_config(""), resident).judge.name == "demo"
    with pytest.raises(DataError, match="overlap needs recorded pairs"):
        build_task(parse_config("judges: {training: overlap}"), resident)


def test_on_policy_without_prompts_is_refused(resident: Resident) -> None:
    with pytest.raises(DataError, match="needs prompts"):
        build_task(parse_config("model: {name: some/model}"), resident)


def test_messages_for_a_model_without_a_chat_template_are_refused_at_once(resident: Resident, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    asked = [{"role": "user", "content": "hi"}]
    path.write_text("\n".join(json.dumps({"prompt": asked, "chosen": f"a{i}", "rejected": "b"}) for i in range(9)))
    with pytest.raises(ModelError, match="no chat template") as caught:
        build_task(parse_config(f"data: {{source: file, path: {path}}}"), resident)
    assert "model.chat_template" in caught.value.remedy


def test_what_has_no_winner_is_not_held_out(resident: Resident, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"prompt": f"question {i // 2} ?", "chosen": "good", "rejected": "bad good"[4 * (i % 2) :]} for i in range(40)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    task = build_task(parse_config(f"data: {{source: file, path: {path}, held_out: 0.5}}"), resident)
    assert len(task.held_out_pairs) == 10
    assert len([pair for pair in task.train_pairs if pair.rejected.strip() == "good"]) == 10  # for the filters to count


def test_a_judge_sees_the_whole_conversation() -> None:
    turns = [("system", "Be brief."), ("user", "hi"), ("assistant", "hello"), ("user", "make it longer")]
    talk = [{"role": role, "content": text} for role, text in turns]
    assert shown(talk) == "system: Be brief.\n\nuser: hi\n\nassistant: hello\n\nuser: make it longer"
    assert shown(talk[1:2]) == shown("hi") == "hi"
