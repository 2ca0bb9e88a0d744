"""The resident model as the harness sees it: its own HFLM, with our batches and with answers that survive a kill."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from inspect import signature
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from engine.evaluation.harness.batching import Budget, Row, batched
from engine.evaluation.harness.transcript import Transcript
from engine.models.resident import Resident

_WHOLE = 2**31  # HFLM's own batch size: whatever it is given is one batch


class ResidentLM(HFLM):  # type: ignore[misc]
    """To be used inside `resident.measuring()`: HFLM puts the model in evaluation mode.

    `advance` is called with how many of how many requests are done, between batches; it may raise to abort.
    """

    def __init__(
        self,
        resident: Resident,
        transcript: Transcript,
        *,
        batch_tokens: int,
        written_tokens: int,
        seed: int,
        advance: Callable[[int, int], None],
    ) -> None:
        super().__init__(pretrained=resident.model, tokenizer=resident.tokenizer, batch_size=_WHOLE)
        self._transcript, self._seed, self._advance, self._room = transcript, seed, advance, resident.room
        vocabulary = resident.model.get_input_embeddings().num_embeddings
        self._budget, self._writing = Budget(batch_tokens, vocabulary), Budget(written_tokens, vocabulary)
        self._trims = "logits_to_keep" in signature(type(resident.model.get_base_model()).forward).parameters
        self._kept = 0  # how many last positions of the batch have logits that matter

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return found

    def _loglikelihood_tokens(
        self, requests: Sequence[Any], disable_tqdm: bool = True, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        """Requests that differ in the last token only are one row, as in HFLM."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for i, (_, context, continuation) in enumerate(requests):
            groups.setdefault((*context, *continuation[:-1]), []).append(i)
        rows = [self._row(where, len(ids), max(len(requests[i][2]) for i in where)) for ids, where in groups.items()]

        def run(batch: Sequence[Row], where: list[int]) -> list[Any]:
            self._kept = batch[0].length - min(row.start for row in batch)
            return list(super(ResidentLM, self)._loglikelihood_tokens([requests[i] for i in where], disable_tqdm=True))

        keys = _keys(
            b"loglikelihood" + array("q", [*context, -1, *continuation]).tobytes()
            for _, context, continuation in requests
        )
        found = self._answered(keys, rows, run, self._budget)
        return [(float(total), bool(greedy)) for total, greedy in found]

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = True) -> list[str]:
        alike: dict[str, list[int]] = {}
        for i, request in enumerate(requests):
            alike.setdefault(json.dumps(request.args[1], sort_keys=True), []).append(i)
        keys = _keys(json.dumps(["generate", *request.args], sort_keys=True).encode() for request in requests)

        def run(_: Sequence[Row], where: list[int]) -> list[Any]:
            return list(super(ResidentLM, self).generate_until([requests[i] for i in where], disable_tqdm=True))

        found: list[str] = [""] * len(requests)
        for where in alike.values():
            grown = int(requests[where[0]].args[1].get("max_gen_toks", self.max_gen_toks))
            sizes = [min(self.max_length, len(self.tok_encode(requests[i].args[0])) + grown) for i in where]
            rows = [Row((i,), size, size) for i, size in zip(where, sizes, strict=True)]
            for i, answer in zip(where, self._answered(keys, rows, run, self._writing, where), strict=True):
                found[i] = answer
        return found

    def _row(self, where: list[int], length: int, scored: int) -> Row:
        length = min(length, self.max_length)
        return Row(tuple(where), length, max(0, length - scored))

    def _answered(
        self,
        keys: Sequence[str],
        rows: Sequence[Row],
        run: Callable[[Sequence[Row], list[int]], list[Any]],
        budget: Budget,
        wanted: Sequence[int] | None = None,
    ) -> list[Any]:
        """The answers to the requests `wanted`, run batch by batch unless the transcript has them."""
        done = 0
        for number, batch in enumerate(batched(rows, budget)):
            where = _asked(batch)
            if not all(keys[i] in self._transcript for i in where):
                torch.manual_seed(self._seed + number)  # a batch that samples gives the same on resume
                for part, answers in self._room.in_parts(
                    "capability", batch, lambda part: run(part, _asked(part)), _size
                ):
                    self._transcript.add({keys[i]: answer for i, answer in zip(_asked(part), answers, strict=True)})
            done += len(where)
            self._advance(done, len(keys))
        return [self._transcript[keys[i]] for i in (wanted if wanted is not None else range(len(keys)))]

    def _model_call(self, inps: torch.Tensor, attn_mask: Any = None, labels: Any = None) -> torch.Tensor:
        """(rows, kept, vocabulary): HFLM counts positions from the end, so the prompt's logits need not be made."""
        with torch.no_grad():
            trimmed = {"logits_to_keep": self._kept} if self._trims else {}
            logits: torch.Tensor = self.model(inps, use_cache=False, **trimmed).logits
        return logits


def _asked(rows: Sequence[Row]) -> list[int]:
    """The requests that a batch answers."""
    return sorted(i for row in rows for i in row.where)


def _size(rows: Sequence[Row]) -> int:
    """Tokens with padding."""
    return len(rows) * max(row.length for row in rows)


def _keys(requests: Iterable[bytes]) -> list[str]:
    """A name for each request; one that is made twice, as for several samples, has two."""
    seen: Counter[str] = Counter()
    keys = []
    for request in requests:
        digest = hashlib.sha256(request).hexdigest()[:32]
        seen[digest] += 1
        keys.append(f"{digest}.{seen[digest]}")
    return keys
