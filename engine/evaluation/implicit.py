"""How much likelier the policy finds a completion than the baseline does: what its implicit reward is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.data.collect import joined
from engine.evaluation.forward import completion_logprobs
from engine.judges.base import Progress, Scored
from engine.judges.implicit import LogRatios
from engine.models.resident import Resident
from engine.models.tokens import Content, TokenSequence, sequence_ids


def log_ratios(resident: Resident, prompts: Mapping[str, Content], batch_size: int) -> LogRatios:
    """The function that asks the resident's policy of that moment and the baseline, in two passes.

    `prompts` gives back what a judge's prompt was as messages; one that is not there is a user's only message.
    """

    def measure(items: Sequence[Scored], progress: Progress | None) -> list[float]:
        sequences, done = said(resident, prompts, items), 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if progress:
                progress(done // 2, len(items))

        mine = completion_logprobs(resident, sequences, batch_size, advance)
        with resident.baseline():
            theirs = completion_logprobs(resident, sequences, batch_size, advance)
        return [policy - base for policy, base in zip(mine, theirs, strict=True)]

    return measure


def said(resident: Resident, prompts: Mapping[str, Content], items: Sequence[Scored]) -> list[TokenSequence]:
    """What a judge is asked about, as this model's tokens."""

    def tokens(prompt: str, completion: str) -> TokenSequence:
        content = prompts.get(prompt) or ([{"role": "user", "content": prompt}] if resident.chat else prompt)
        return sequence_ids(resident.tokenizer, content, joined(content, completion))

    return [tokens(*item) for item in items]
