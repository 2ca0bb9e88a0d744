"""`pilothouse decide` and `control`: one command to a run, checked before it is sent, and what became of it."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable

from engine.errors import ConfigError, DecisionError, Fault, UsageError
from engine.records import Assessment, Scalar, Settings
from engine.store.control import Outbox
from engine.store.lock import liveness
from engine.store.paths import RunPaths, find_run
from engine.store.reader import Reader
from engine.store.rows import Applied, Command, Gate
from tui.commands.output import say
from tui.presenters.choices import Choice, Iterations, edited, finish, recommended, retry, rollback, title
from tui.presenters.gate import decision_line
from tui.presenters.numbers import setting

PATIENCE_S = 10.0
_POLL_S = 0.05
LIVE_SETTINGS = ("learning_rate", "beta")


def decide(args: Namespace) -> int:
    paths = find_run(args.run)
    with Reader(paths.ledger) as reader:
        gate = _open_gate(paths, reader)
        choice = _chosen(args, reader.iterations(), gate.assessment)
        command = Outbox(paths).send("decide", choice.argument(), why=args.why)
        return _outcome(paths, reader, command, f"{title(choice)}.")


def _open_gate(paths: RunPaths, reader: Reader) -> Gate:
    gate, state = reader.gate(), reader.state().state
    if gate is None or (gate.decision is None and state == "completed"):
        raise DecisionError(
            f"{paths.name} has no open gate: it is {state}", remedy=f"see: pilothouse status {paths.name}"
        )
    if gate.decision is not None:
        raise DecisionError(f"iteration {gate.iteration} was already decided: {decision_line(gate.decision)}")
    return gate


def _chosen(args: Namespace, iterations: Iterations, assessment: Assessment) -> Choice:
    choice = _action(args, iterations, assessment)
    if not args.settings:
        return choice
    if choice.action == "finish":
        raise UsageError("--set has no meaning here: the decision ends the run", remedy="leave --set out")
    proposed = {change.field: change.after for change in assessment.proposal.changes}
    wanted = {**proposed, **_settings(args.settings, {**choice.base, **choice.changes})}
    return edited(choice, proposed, wanted)


def _action(args: Namespace, iterations: Iterations, assessment: Assessment) -> Choice:
    """`accept` takes the recommendation, `rollback --to` this very iteration keeps it against the recommendation."""
    if args.to is not None and args.action != "rollback":
        raise UsageError(f"--to belongs to rollback, not to {args.action}")
    match args.action:
        case "accept":
            return recommended(iterations, assessment)
        case "retry":
            return retry(iterations, assessment)
        case "finish":
            return finish(assessment)
    return rollback(iterations, assessment, _target(args.to, iterations, assessment))


def _target(to: int | None, iterations: Iterations, assessment: Assessment) -> int:
    whole = [one.index for one in iterations if one.status in {"evaluated", "decided"}]
    if to is None and assessment.verdict.action == "rollback":
        to = assessment.verdict.to
    if to not in whole:
        asked = "rollback needs --to K" if to is None else f"there is no finished iteration {to}"
        raise UsageError(asked, remedy=f"finished iterations: {', '.join(map(str, whole))}")
    return to


def _settings(assignments: list[str], base: Settings) -> dict[str, Scalar]:
    """Every assignment checked against its bounds. Raises ConfigError with all faults."""
    from engine.config import check_setting

    faults: list[Fault] = []
    checked: dict[str, Scalar] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        name = name.strip().removeprefix("training.")
        if not sign or not name:
            faults.append(Fault(assignment, "", "not an assignment", "write KEY=VALUE, such as beta=0.2"))
            continue
        try:
            checked[name] = check_setting(name, text, base)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError("--set", faults)
    return checked


def control(args: Namespace) -> int:
    if args.kind != "set" and args.assignment is not None:
        raise UsageError(f"{args.kind} takes no {args.assignment!r}", remedy="KEY=VALUE belongs to set")
    paths = find_run(args.run)
    with Reader(paths.ledger) as reader:
        argument = _live_setting(reader, args.assignment) if args.kind == "set" else {}
        if reader.state().state == "completed":
            raise DecisionError(f"{paths.name} is completed: there is nothing to {args.kind}")
        if args.kind != "set" and liveness(paths).verdict == "dead":
            raise DecisionError(f"{paths.name} has no engine", remedy=f"start one with: pilothouse resume {paths.name}")
        return _outcome(paths, reader, Outbox(paths).send(args.kind, argument))


def _live_setting(reader: Reader, assignment: str | None) -> dict[str, Scalar]:
    if assignment is None:
        raise UsageError("set needs KEY=VALUE", remedy="such as: set learning_rate=1e-5")
    name = assignment.partition("=")[0].strip().removeprefix("training.")
    if name not in LIVE_SETTINGS:
        raise UsageError(
            f"{name} cannot change while an iteration trains",
            remedy=f"live: {', '.join(LIVE_SETTINGS)}; the rest can be set at the gate: pilothouse decide … --set",
        )
    trained = [one.config for one in reader.iterations() if one.config]
    return _settings([assignment], trained[-1] if trained else {})


def _outcome(paths: RunPaths, reader: Reader, command: Command, done: str = "") -> int:
    """Wait for the engine to act, and say what it did. Refused is an error; still waiting is not, and is said."""
    if liveness(paths).verdict == "dead":
        say(f"Kept: {paths.name} has no engine now. It acts on this when resumed: pilothouse resume {paths.name}")
        return 0
    applied = wait_applied(reader, command)
    if applied is None:
        say(f"Sent: the engine of {paths.name} has not acted within {PATIENCE_S:.0f} s; it will when it can.")
        return 0
    if not applied.ok:
        raise DecisionError(applied.result)
    say(*filter(None, [done, applied.result, _in_force(reader) if command.kind == "set" else ""]))
    return 0


def _in_force(reader: Reader) -> str:
    pulse = reader.pulse()
    return (
        "in force: " + ", ".join(f"{name} {setting(value)}" for name, value in pulse.in_force.items()) if pulse else ""
    )


def wait_applied(
    reader: Reader,
    command: Command,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Applied | None:
    """What became of a command, or None when the engine has not acted within `PATIENCE_S`."""
    deadline = clock() + PATIENCE_S
    while (applied := reader.applied(command.uuid)) is None and clock() < deadline:
        sleep(_POLL_S)
    return applied
