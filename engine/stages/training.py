"""One training of an iteration: where its steps begin, what may be turned while it runs, and how it is taken up again.

An iteration may train several models, one after the other. Their steps are numbered on, and each one's checkpoints
and commands are its own: what an operator asked of one stage is never done again by the next.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import CorruptError
from engine.evaluation.probe import KlProbe
from engine.records import Settings
from engine.stages.boundary import Boundary, Live
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.job import Job
from engine.stages.trainer import release
from engine.store.atomic import verify
from engine.store.rows import Applied

KEPT_CHECKPOINTS = 2

Checkpoint = tuple[int, Path]
"""(the stage's own step, folder)."""


@dataclass(frozen=True)
class Training:
    """`settings` are the stage's own section; with the files `inputs` they decide which checkpoints may be resumed.

    `each` is how many of the trainer's steps one of `max_steps` takes.
    """

    job: Job
    stage: str
    settings: Settings
    inputs: Sequence[Path]
    live: Live = field(default_factory=Live)
    probe: KlProbe | None = None
    each: int = 1

    @property
    def prefix(self) -> str:
        """What the names of its checkpoints begin with: stages that share an iteration have a folder each."""
        return f"{self.stage}/"

    @property
    def folder(self) -> Path:
        """Where its checkpoints are."""
        return self.job.paths.checkpoints(self.job.index) / self.prefix

    @property
    def first_step(self) -> int:
        """The run-wide step after which its own first step comes."""
        return self.job.first_step + sum(int(done.get("steps", 0)) for done in self._done)

    @property
    def past(self) -> list[Applied]:
        """What operators asked of this stage, in an attempt that died too."""
        heard = max([0, *(int(done.get("heard", 0)) for done in self._done)])
        return [row for row in self.job.ledger.replayable(self.job.index, self.first_step) if row.command.id > heard]

    @property
    def _done(self) -> list[dict[str, Any]]:
        return [done for name, done in self.job.ledger.stages(self.job.index).items() if name != self.stage]

    def run(self, build: Callable[[Boundary], WholeCheckpoints]) -> Checkpoint:
        """Train to the end, from the last whole checkpoint where there is one. `build` makes the trainer.

        Raises Stopped where an operator asked for it, its checkpoint saved.
        """
        past, checkpoint = self.past, self.find_checkpoint()
        if checkpoint is not None and self._is_final(checkpoint[0], past):
            return checkpoint
        boundary = self._boundary(past)
        try:
            trainer = build(boundary)
            fingerprint = self.fingerprint()
            trainer.on_checkpoint = lambda step, path: self._checkpointed(step, path, fingerprint)
            trainer.on_full_disk = self.job.helm.hold
            trainer.foresee(self.job.helm.foresee, self.job.config.memory.longest_first)
            boundary.attach(trainer)
            trainer.train(resume_from_checkpoint=str(checkpoint[1]) if checkpoint else None)
        finally:
            self.job.helm.knobs, self.job.helm.replaying = None, False
            release(self.job.resident)
        self.job.helm.obey()  # a stop that came while training unwinds here
        step = trainer.state.global_step
        return step, self.folder / f"checkpoint-{step}"

    def result(self, step: int) -> dict[str, Any]:
        """What the ledger should remember of a training that ended at `step`."""
        heard = max([0, *(row.command.id for row in self.past)])
        return {"steps": step, "settings": self.settings_at_end(), "heard": heard}

    def settings_at_end(self) -> dict[str, Any]:
        """The settings that were in force when training ended, live changes included."""
        settings = dict(self.settings)
        for row in self.past:
            if row.command.kind == "set":
                checks = row.command.arg.items()
                settings |= {name: self.live.check(name, str(value), settings) for name, value in checks}
        return settings

    # -- checkpoints ----------------------------------------------------------------------------------------------

    def find_checkpoint(self) -> Checkpoint | None:
        """The newest one of these very settings and data, verified; else None and training starts afresh."""
        row = self.job.ledger.latest_checkpoint(self.job.index)
        if row is None or not row[1].startswith(self.prefix):
            return None
        run_step, name, fingerprint = row
        step, folder = run_step - self.first_step, self.job.paths.checkpoints(self.job.index) / name
        try:
            verify(folder)
        except CorruptError as error:
            self.job.say("checkpoint.torn", f"{error.message}; {self.stage} starts again from its first step", "warn")
            return None
        if fingerprint != self.fingerprint():
            said = f"the checkpoint is of other settings or data; {self.stage} starts again from its first step"
            self.job.say("checkpoint.other", said, "warn")
            return None
        self.job.say("checkpoint.found", f"{self.stage} goes on from step {step}")
        return step, folder

    def fingerprint(self) -> str:
        """A checkpoint may be resumed only by the stage, the settings, the seed and the data that it was made with."""
        digest = hashlib.sha256(json.dumps([self.stage, self.job.seed, dict(self.settings)], sort_keys=True).encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def _checkpointed(self, step: int, folder: Path, fingerprint: str) -> None:
        name = f"{self.prefix}{folder.name}"
        self.job.ledger.checkpoint(self.job.index, self.first_step + step, name, fingerprint)
        size = sum(item.stat().st_size for item in folder.iterdir() if item.is_file())
        self.job.say("checkpoint", f"{self.stage}, step {step}: checkpoint, {size / 1e6:.1f} MB")
        for old in _by_step(folder.parent)[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old, ignore_errors=True)

    def _is_final(self, step: int, past: Sequence[Applied]) -> bool:
        """Whether training had ended at this checkpoint: at its last step, or because an operator asked for it."""
        ended = any(row.command.kind == "gate" and (row.step or 0) <= self.first_step + step + 1 for row in past)
        most = self.settings["max_steps"]
        return ended or (isinstance(most, int) and step >= most * self.each)

    def _boundary(self, past: Sequence[Applied]) -> Boundary:
        return Boundary(
            self.job.ledger,
            self.job.helm,
            self.probe,
            iteration=self.job.index,
            first_step=self.first_step,
            settings=self.settings,
            probe_share=self.job.config.evaluation.kl_probe_share,
            past=past,
            live=self.live,
        )


def kl_probe(job: Job) -> KlProbe | None:
    """The probe of KL to the baseline between two steps, on the first evaluation prompts; None where it is off."""
    settings = job.config.evaluation
    if not settings.kl_probe_share:
        return None
    prompts = [prompt.content for prompt in job.task.eval_prompts[: settings.kl_probe_prompts]]
    return KlProbe(job.resident, prompts, seed=settings.seed, max_new_tokens=settings.kl_probe_tokens)


def _by_step(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
