"""The KL probe of the training loop: a few short on-policy samples on fixed prompts, cheap enough to take often."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine.evaluation.kl import Divergence, exact_kl
from engine.models.generate import generate
from engine.models.resident import Resident
from engine.models.tokens import Content, TokenSequence, prompt_ids


class KlProbe:
    """Measures KL to the baseline between two optimizer steps, and leaves no trace: the random state and the model's
    training mode come back as they were.

    `cost_s` is what the last measurement took, for whoever budgets it; `last` is its whole result.
    """

    def __init__(
        self,
        resident: Resident,
        prompts: Sequence[Content],
        *,
        seed: int,
        max_new_tokens: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._resident = resident
        self._prompts = list(prompts)
        self._seed = seed
        self._max_new_tokens = max_new_tokens
        self._clock = clock
        self.cost_s = 0.0
        self.last: Divergence | None = None

    def measure(self) -> float:
        """Exact KL of the current policy to the baseline, in nats per token; NaN where nothing came out."""
        start = self._clock()
        completions = generate(
            self._resident,
            self._prompts,
            max_new_tokens=self._max_new_tokens,
            temperature=1.0,
            seed=self._seed,
            batch_size=len(self._prompts),
        )
        sequences = [
            TokenSequence(prompt_ids(self._resident.tokenizer, prompt), completion.ids)
            for prompt, completion in zip(self._prompts, completions, strict=True)
        ]
        self.last = exact_kl(self._resident, sequences, self._resident.baseline, len(sequences))
        self.cost_s = self._clock() - start
        return self.last.per_token
