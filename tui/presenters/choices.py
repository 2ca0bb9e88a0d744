"""What an operator may choose at a gate, and what the run will do then, in words: nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.records import Action, Assessment, Iteration, Scalar, Settings
from tui.presenters.numbers import setting

Iterations = tuple[Iteration, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision that has not been sent: `to` is whose weights the next iteration starts from, or what finish selects.

    `base` are the settings that `changes` differ from: those of iteration `to`.
    """

    iteration: int
    action: Action
    to: int
    changes: Mapping[str, Scalar] = field(default_factory=dict)
    edited: tuple[str, ...] = ()
    base: Settings = field(default_factory=dict)
    following: int = 0

    def argument(self) -> dict[str, Any]:
        """The `decide` command's argument."""
        return {
            "iteration": self.iteration,
            "action": self.action,
            "to": self.to,
            "changes": dict(self.changes),
            "edited": list(self.edited),
        }


def recommended(iterations: Iterations, assessment: Assessment) -> Choice:
    """What `accept` takes: the verdict as it stands; where the rules cannot tell, this iteration and the proposal."""
    verdict = assessment.verdict
    match verdict.action:
        case "finish":
            return finish(assessment)
        case "retry":
            return retry(iterations, assessment)
        case "rollback":
            return rollback(iterations, assessment, assessment.proposal.parent if verdict.to is None else verdict.to)
    return rollback(iterations, assessment, assessment.index)


def editable(iterations: Iterations, assessment: Assessment) -> Choice:
    """The proposal to start an edit from: the recommendation, and where that is to finish, going on instead."""
    choice = recommended(iterations, assessment)
    if choice.action != "finish":
        return choice
    return rollback(iterations, assessment, assessment.index)


def retry(iterations: Iterations, assessment: Assessment) -> Choice:
    """Train again from this iteration's parent, with the proposal's settings."""
    this = _by_index(iterations)[assessment.index]
    return _onward(iterations, assessment, "retry", this.parent if this.parent is not None else 0)


def rollback(iterations: Iterations, assessment: Assessment, to: int) -> Choice:
    """Start the next iteration from an earlier one; `to` this one keeps it whatever the rules say."""
    action: Action = "accept" if to == assessment.index else "rollback"
    return _onward(iterations, assessment, action, to)


def finish(assessment: Assessment) -> Choice:
    """End the run and select the best iteration."""
    verdict = assessment.verdict
    selected = verdict.to if verdict.action == "finish" and verdict.to is not None else assessment.best
    return Choice(assessment.index, "finish", assessment.index if selected is None else selected)


def edited(choice: Choice, proposed: Mapping[str, Scalar], wanted: Mapping[str, Scalar]) -> Choice:
    """`choice` with the operator's settings in place of the proposed ones."""
    changes = {name: value for name, value in wanted.items() if value != choice.base.get(name)}
    touched = tuple(name for name, value in wanted.items() if value != proposed.get(name))
    return replace(choice, changes=changes, edited=touched)


def next_settings(choice: Choice) -> dict[str, Scalar]:
    """All settings of the next iteration as chosen."""
    return {**choice.base, **choice.changes}


def title(choice: Choice) -> str:
    match choice.action:
        case "finish":
            return f"Finish the run with iteration {choice.to}"
        case "rollback":
            return f"Roll back to {_name(choice.to)}"
        case "retry":
            return f"Retry from {_name(choice.to)}"
        case _:
            return f"Accept iteration {choice.iteration}" + (", edited" if choice.edited else "")


def consequence(choice: Choice) -> tuple[str, ...]:
    """What will run next and what stays, a sentence a line."""
    if choice.action == "finish":
        return (
            f"{_capital(_name(choice.to))} is selected as the result and evaluated at full size.",
            "Training ends; the engine writes the model and the log, then exits.",
            "Every iteration stays on disk. Nothing is deleted.",
        )
    lines = [f"Iteration {choice.following} will start from the weights of {_name(choice.to)}."]
    lines.append(_settings_line(choice))
    if choice.action in {"rollback", "retry"} and choice.to != choice.iteration:
        lines.append(f"Iteration {choice.iteration} stays in the tree as a branch that is not continued.")
    return (*lines, "Nothing is deleted.")


def _onward(iterations: Iterations, assessment: Assessment, action: Action, to: int) -> Choice:
    """Proposed values are kept whoever the parent is: they are what the rules hold to be careful enough."""
    base = _settings_of(iterations, to)
    wanted = {change.field: change.after for change in assessment.proposal.changes}
    changes = {name: value for name, value in wanted.items() if value != base.get(name)}
    following = max(one.index for one in iterations) + 1
    return Choice(assessment.index, action, to, changes, (), base, following)


def _settings_of(iterations: Iterations, index: int) -> Settings:
    """An iteration's settings; the baseline trains none, so it lends those that the first iteration had."""
    by_index = _by_index(iterations)
    own = by_index[index].config
    if own:
        return own
    return next((one.config for one in iterations if one.config), {})


def _by_index(iterations: Iterations) -> dict[int, Iteration]:
    return {one.index: one for one in iterations}


def _settings_line(choice: Choice) -> str:
    if not choice.changes:
        return f"Settings stay as {_name(choice.to)} had them." if choice.to else "Settings stay as they are."
    words = [f"{name} {setting(value)}{_was(choice.base, name)}" for name, value in choice.changes.items()]
    return f"It trains with {', '.join(words)}; all else stays."


def _was(base: Settings, name: str) -> str:
    return f" (was {setting(base[name])})" if name in base else ""


def _name(index: int) -> str:
    return "the baseline" if index == 0 else f"iteration {index}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
