"""An iteration's whole evaluation: the same prompts, seeds and settings each time, so that results pair up.

In order: sample the held-out prompts; KL, entropy, length and variety of those samples; the judge; held-out pairs and
text; capability. Everything that is compared is compared with the baseline's stored results.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from engine.config.schema import RunConfig
from engine.data.task import Task
from engine.evaluation import alignment, quality
from engine.evaluation.alignment import Judged
from engine.evaluation.capability import Capability, Desk
from engine.evaluation.forward import completion_logprobs
from engine.evaluation.kl import Divergence, exact_kl
from engine.evaluation.outcome import Evaluation
from engine.evaluation.rewarded import Rewards, rewarded
from engine.evaluation.sampled import Sampled, sample
from engine.judges.base import Judge
from engine.models.generate import Progress
from engine.models.resident import Resident
from engine.models.tokens import TokenSequence, prompt_ids, sequence_ids
from engine.records import Answer, Metric, Sample


def evaluate(
    resident: Resident,
    task: Task,
    config: RunConfig,
    *,
    baseline: Evaluation | None,
    parent: Evaluation | None = None,
    parent_adapter: Path | None = None,
    rewards: Rewards | None = None,
    capability: Capability | None = None,
    desk: Desk | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure the resident's current policy.

    `baseline` is iteration 0's evaluation, None while iteration 0 itself is evaluated. `parent` and `parent_adapter`
    are the parent's, None where the parent is the baseline. `rewards` is a reward model that the policy was trained on:
    it is then the training judge, and the task's own judge one that training never asked. `capability` is the run's
    harness tasks, and `desk` where their answers are kept. A policy whose logits are not finite gives metrics without
    values. `progress` counts sequences and may raise to abort.
    """
    able = capability or Capability()
    desk = desk or Desk()
    return _Evaluator(resident, task, config, baseline, parent, parent_adapter, rewards, able, desk, progress).run()


class _Evaluator:
    """One evaluation under way: what it has measured, and how far it is."""

    def __init__(
        self,
        resident: Resident,
        task: Task,
        config: RunConfig,
        baseline: Evaluation | None,
        parent: Evaluation | None,
        parent_adapter: Path | None,
        rewards: Rewards | None,
        capability: Capability,
        desk: Desk,
        progress: Progress | None,
    ) -> None:
        self.resident, self.task, self.config = resident, task, config.evaluation
        self.baseline, self.parent, self.parent_adapter = baseline, parent, parent_adapter
        self.rewards, self.capability, self.desk = rewards, capability, desk
        self.progress = progress
        self.metrics: dict[str, Metric] = {}
        self.seconds: dict[str, float] = {}
        self.answers: list[Answer] = []
        self.done, self.total = 0, self._cost()

    def run(self) -> Evaluation:
        if not is_sane(self.resident, self.task):
            return self._failed()
        with self._timed("sample"):
            sampled = sample(self.resident, self.task, self.config, self._sampling)
        with self._timed("kl"):
            self._add(quality.divergence_metrics(sampled, *self._divergences(sampled)))
        with self._timed("judge"):
            training, held_out = self._judge(sampled)
        with self._timed("held out"):
            pairs = self._held_out()
        with self._timed("capability"):
            self._capability()
        return Evaluation(
            self.metrics,
            self._samples(sampled, training.scores),
            sampled.completions,
            training.scores,
            pairs,
            self.seconds,
            tuple(self.answers),
            held_out.scores if held_out else (),
            alignment.usage(training, held_out),
        )

    def _divergences(self, sampled: Sampled) -> tuple[Divergence, Divergence | None]:
        resident, size = self.resident, self.config.batch_size
        sequences = sampled.sequences(resident)
        baseline = resident.baseline if self.baseline else None
        to_baseline = exact_kl(resident, sequences, baseline, size, self._advance)
        if self.parent_adapter is None:
            return to_baseline, None
        weights = resident.read_policy(self.parent_adapter)
        return to_baseline, exact_kl(resident, sequences, lambda: resident.adapter(weights), size, self._advance)

    def _judge(self, sampled: Sampled) -> tuple[Judged, Judged | None]:
        """What the training judge and the held-out judge say."""
        start, task = self.baseline, self.task
        before = start.completions if start else None

        def judged(judge: Judge, known: tuple[float, ...]) -> Judged:
            return alignment.judge_samples(judge, sampled, before, known, self._advance)

        training = self._rewarded(sampled) if self.rewards else judged(task.judge, start.scores if start else ())
        other = task.held_out_judge or (task.judge if self.rewards else None)
        held_out = judged(other, start.held_out_scores if start else ()) if other else None
        found = alignment.judge_metrics(training, held_out, sampled)
        self._add([*found, *quality.length_metrics(sampled, before), quality.distinct_2(sampled)])
        for metric in found[: 2 if held_out else 1]:
            self.answers += alignment.compared(metric, sampled, before or sampled.completions)
        return training, held_out

    def _rewarded(self, sampled: Sampled) -> Judged:
        """The reward model in the training judge's place. It is another one each iteration, so the baseline's
        completions are scored again."""
        assert self.rewards is not None
        if self.baseline is not None:
            self.baseline = replace(
                self.baseline, scores=tuple(self.rewards(sampled.prompts, self.baseline.completions))
            )
        return rewarded(self.rewards(sampled.prompts, sampled.completions), self.baseline)

    def _held_out(self) -> tuple[tuple[float, float], ...]:
        """Log-probabilities of the held-out pairs, and of the text for perplexity; what is in both is run once."""
        tokenizer, pairs = self.resident.tokenizer, self.task.held_out_pairs
        sides = alignment.pair_sequences(self.resident, pairs)
        texts = [sequence_ids(tokenizer, text.prompt, text.completion) for text in self.task.held_out_text]
        unique = list(dict.fromkeys([*sides, *texts]))
        sums = completion_logprobs(self.resident, unique, self.config.batch_size, self._advance)
        known = dict(zip(unique, sums, strict=True))
        logprobs = tuple((known[sides[i]], known[sides[i + 1]]) for i in range(0, len(sides), 2))
        reference = self.baseline.pair_logprobs if self.baseline else None
        if pairs:
            self._add([alignment.preference_accuracy(pairs, logprobs, reference)])
        if texts:
            self._add([quality.perplexity([known[text] for text in texts], [len(text.completion) for text in texts])])
        return logprobs

    def _capability(self) -> None:
        measured = self.capability.measure(self.resident, self.task.probes, self.config, self.desk, self._advance)
        for metric, answers in measured:
            self._add([metric])
            self.answers += answers

    def _samples(self, sampled: Sampled, scores: tuple[float, ...]) -> tuple[Sample, ...]:
        """The first completion of each prompt, beside the baseline's and the parent's."""
        before, parent = self.baseline, self.parent
        return tuple(
            Sample(
                prompt.text,
                (before.completions if before else sampled.completions)[i].text,
                parent.completions[i].text if parent else None,
                sampled.completions[i].text,
                ((before.scores if before else scores)[i], parent.scores[i] if parent else None, scores[i]),
                prompt.category,
            )
            for i, prompt in enumerate(sampled.prompts)
            if i % sampled.each == 0
        )

    def _failed(self) -> Evaluation:
        """Every metric that the baseline has, without a value."""
        names = self.baseline.metrics.values() if self.baseline else ()
        return Evaluation({m.name: Metric(m.name, None, m.group, 0) for m in names}, ())

    def _cost(self) -> int:
        """How many texts are sampled, judged or scored in all; those that are scored twice make it an upper bound."""
        samples = len(self.task.eval_prompts) * self.config.completions
        held_out = 2 * len(self.task.held_out_pairs) + len(self.task.held_out_text)
        kl = samples * (2 if self.parent_adapter else 1)
        judges = [judge for judge in (self.task.judge, self.task.held_out_judge) if judge]
        judged = samples * sum(_passes(judge) if self.baseline else 1 for judge in judges)
        return samples + kl + held_out + judged + self.capability.cost(self.task.probes, self.config.seed)

    def _add(self, metrics: list[Metric]) -> None:
        self.metrics.update({metric.name: metric for metric in metrics})

    def _sampling(self, done: int, _total: int) -> None:
        self._advance(done - self.done)

    def _advance(self, count: int) -> None:
        self.done += count
        if self.progress:
            self.progress(self.done, self.total)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[part] = round(time.perf_counter() - start, 3)


def _passes(judge: Judge) -> int:
    """How often each sample is judged: scored, and compared where the baseline's stored scores will not do."""
    return 3 if judge.ordered else 1 if judge.steady else 2


def is_sane(resident: Resident, task: Task) -> bool:
    """Whether the policy gives finite logits at all; sampling from NaN would only raise somewhere inside torch."""
    ids = prompt_ids(resident.tokenizer, task.eval_prompts[0].content)
    sequence = TokenSequence(ids, (int(resident.tokenizer.eos_token_id),))
    with resident.measuring():
        value = completion_logprobs(resident, [sequence], 1)[0]
    return bool(torch.isfinite(torch.tensor(value)))
