"""The gate: the run waits for one decision, takes it exactly once, and says what it took.

A decision comes from an operator's command or, where the run's `decide` says so, from the policy, which takes the
verdict. Either way the ledger closes the gate in one transaction; whoever comes second is told who was first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.config import RunConfig, with_settings
from engine.errors import ConfigError
from engine.helm import Helm
from engine.moves import next_settings, start_of
from engine.records import Assessment, Decision, Iteration
from engine.store.ledger import Ledger
from engine.store.rows import Command

ACTIONS = ("accept", "retry", "rollback", "finish")


class Gate:
    """An open gate after `iteration`, whose assessment is on record."""

    def __init__(
        self,
        iteration: Iteration,
        iterations: Sequence[Iteration],
        config: RunConfig,
        ledger: Ledger,
        helm: Helm,
        clock: Callable[[], float] = time.time,
    ) -> None:
        assert iteration.assessment is not None
        self._iteration, self._iterations = iteration, iterations
        self._assessment: Assessment = iteration.assessment
        self._config, self._ledger, self._helm, self._clock = config, ledger, helm, clock
        self._taken = False

    def wait(self, opened: float) -> None:
        """Hold the run until the gate is decided. `opened` is when it opened, in unix seconds. Raises Stopped."""
        self._helm.enter(self._iteration.index, "gate")
        self._helm.become("awaiting_decision")
        self._helm.at_gate = self._consider
        try:
            while not self._taken:
                if self._policy_is_due(opened):
                    self._take(policy_decision(self._assessment, self._clock()), None)
                else:
                    self._helm.wait()
        finally:
            self._helm.at_gate = None

    def _policy_is_due(self, opened: float) -> bool:
        decide = self._config.decide
        if decide == "ask":
            return False
        return decide == "auto" or self._clock() - opened >= float(decide)

    def _consider(self, command: Command) -> None:
        """An operator's decision: refused in words if it cannot be carried out, else taken if nobody was first."""
        wanted = command.arg.get("iteration", self._iteration.index)
        if wanted != self._iteration.index:
            self._helm.settle(command, self._not_open(wanted), ok=False)
            return
        fault = self._fault(command.arg)
        if fault:
            self._helm.settle(command, fault, ok=False)
            return
        self._take(self._decision(command), command)

    def _not_open(self, index: Any) -> str:
        for iteration in self._iterations:
            if iteration.index == index and iteration.decision:
                return f"iteration {index} was already decided: {iteration.decision.action} by {iteration.decision.who}"
        return f"iteration {index} has no open gate; iteration {self._iteration.index} has"

    def _decision(self, command: Command) -> Decision:
        arg = command.arg
        if arg.get("changes") is None:
            changes = {change.field: change.after for change in self._assessment.proposal.changes}
        else:
            changes = dict(arg["changes"])
        return Decision(
            action=arg["action"],
            to=arg.get("to"),
            changes=changes,
            edited=tuple(arg.get("edited", ())),
            who=command.who,
            why=command.why,
            t=self._clock(),
        )

    def _fault(self, arg: Mapping[str, Any]) -> str:
        """Why a decision cannot be carried out, or nothing."""
        action, to = arg.get("action"), arg.get("to")
        if action not in ACTIONS:
            return f"unknown decision {action!r}; one of {', '.join(ACTIONS)}"
        standing = {i.index for i in self._iterations if not i.fault}
        if action == "rollback" and to is None:
            return "a rollback needs the iteration to go back to"
        if to is not None and to not in standing:
            return f"there is no finished iteration {to}; there are {', '.join(map(str, sorted(standing)))}"
        if action == "accept" and self._iteration.index not in standing:
            return f"iteration {self._iteration.index} failed and left nothing to accept; retry or roll back"
        return "" if action == "finish" else self._bad_settings(arg)

    def _bad_settings(self, arg: Mapping[str, Any]) -> str:
        decision = Decision(arg["action"], arg.get("to"), arg.get("changes") or {})
        parent = self._iterations[start_of(self._iteration, decision)]
        try:
            with_settings(self._config, next_settings(decision, parent.config))
        except ConfigError as error:
            return "; ".join(str(fault) for fault in error.faults)
        return ""

    def _take(self, decision: Decision, command: Command | None) -> None:
        self._taken = True
        if self._ledger.decide(self._iteration.index, decision, command):
            where = f" to {decision.to}" if decision.to is not None else ""
            because = f": {decision.why}" if decision.why else ""
            said = f"iteration {self._iteration.index}: {decision.action}{where} by {decision.who}{because}"
            self._ledger.event("decision", said, "good", self._iteration.index, self._helm.step)


def policy_decision(assessment: Assessment, now: float) -> Decision:
    """The verdict as a decision. Where the rules cannot tell, the run goes on, and the record says why."""
    verdict = assessment.verdict
    changes = {change.field: change.after for change in assessment.proposal.changes}
    if verdict.action == "ask":
        why = "the rules could not tell; nobody was asked, so the run goes on"
        return Decision("accept", None, changes, (), "policy", why, now)
    why = verdict.reasons[0] if verdict.reasons else ""
    return Decision(verdict.action, verdict.to, changes, (), "policy", why, now)
