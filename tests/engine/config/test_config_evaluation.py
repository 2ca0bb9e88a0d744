from __future__ import annotations

from engine.config.schema import EvaluationConfig


def test_tasks_are_batched_to_suit_the_device_unless_told() -> None:
    unsaid = EvaluationConfig()
    assert (unsaid.tokens_at_once(cuda=True), unsaid.tokens_at_once(cuda=False)) == (8192, 2048)
    assert unsaid.tokens_written_at_once() == 8192, "answers are generated in large batches on a processor too"
    said = EvaluationConfig(batch_tokens=512)
    assert (said.tokens_at_once(cuda=False), said.tokens_written_at_once()) == (512, 512)
