from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from engine.config.schema import RewardModelConfig
from engine.errors import JudgeError
from engine.judges.reward import RewardJudge, require_classifier
from tests.fixtures.reward_model import write_reward_model
from tests.fixtures.untrained import write_untrained

TEMPLATE = "{% for m in messages %}{{ ['ugh', 'good'][m.role == 'assistant'] }} {{ m.content }} {% endfor %}"


def judge(folder: Path, batch_size: int = 2) -> RewardJudge:
    return RewardJudge(RewardModelConfig(path=str(folder), batch_size=batch_size), "cpu")


@pytest.mark.parametrize(
    ("template", "text"),
    [(None, "the lamp please reset the lamp ."), (TEMPLATE, "ugh the lamp good please reset the lamp .")],
)
def test_the_score_is_the_models_logit_for_both_texts(tmp_path: Path, template: str | None, text: str) -> None:
    model = write_reward_model(tmp_path, template=template)
    ids = AutoTokenizer.from_pretrained(tmp_path)(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        wanted = float(model(input_ids=ids).logits[0, 0])
    assert judge(tmp_path).score("the lamp", "please reset the lamp .") == pytest.approx(wanted, abs=1e-5)


def test_the_size_of_a_batch_changes_nothing(tmp_path: Path) -> None:
    write_reward_model(tmp_path)
    items = [("the lamp", "good " * count) for count in (9, 1, 5, 2, 7)]
    alone = judge(tmp_path, 1).scores(items)
    assert judge(tmp_path, 4).scores(items) == pytest.approx(alone, abs=1e-5)
    assert len(set(alone)) == 5


def test_of_a_text_beyond_the_window_the_end_is_read(tmp_path: Path) -> None:
    write_reward_model(tmp_path, template=TEMPLATE)
    one, other = judge(tmp_path).scores([("the " * 50, "please reset"), ("the " * 50, "maybe lamp")])
    assert one != other


def test_a_language_model_is_refused_for_its_missing_head(tmp_path: Path) -> None:
    write_untrained(tmp_path)
    with pytest.raises(JudgeError, match=r"is no reward model: it has no weights for score\.weight"):
        judge(tmp_path)


def test_a_classifier_of_several_classes_is_refused(tmp_path: Path) -> None:
    write_reward_model(tmp_path, labels=3)
    with pytest.raises(JudgeError, match="has 3 outputs, and a reward is one"):
        judge(tmp_path)


def test_a_folder_that_holds_no_model_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=r"cannot be loaded: [\s\S]*config\.json, model\.safetensors"):
        judge(tmp_path)


def test_what_cannot_be_a_reward_model_is_known_without_its_weights(tmp_path: Path) -> None:
    write_reward_model(tmp_path / "good")
    write_reward_model(tmp_path / "classes", labels=3)
    write_untrained(tmp_path / "language")
    for name in ("good", "classes"):
        (tmp_path / name / "model.safetensors").unlink()
    require_classifier(str(tmp_path / "good"), "reward.model")
    for name, problem in (
        ("classes", "has 3 outputs"),
        ("language", "is a .*ForCausalLM"),
        ("none", "cannot be loaded"),
    ):
        with pytest.raises(JudgeError, match=rf"reward\.model = .*{name}.*{problem}"):
            require_classifier(str(tmp_path / name), "reward.model")
