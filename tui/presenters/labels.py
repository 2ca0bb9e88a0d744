"""Labelling by hand, as it stands: which pair is next, which side stands first, how far operator and judge agree.

Which pairs: those that the iteration trained on and those dropped because the judge saw too small a gap, the smallest
gap first, for there a person's word says most; neither quarantined ones, nor those whose sides a label has ordered.
Both orders are fixed by what is on file, so that who comes back goes on where they left off, the same side first.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from rich.text import Text

from engine.records import Content, Label
from engine.store.collected import Collected
from tui.presenters.labels_agreement import Agreement, agreement
from tui.presenters.numbers import number

First = Literal["chosen", "rejected"]
TELLING = ("1", "2", "tie")
"""Labels that say which side is better; "skip" and "bad" have no part in the agreement."""

CLOSE = "small gap"
"""The filter whose pairs are still worth a person's word."""
RECORDED = frozenset({"", "file", "mix"})
"""Sources whose preference came with the data; elsewhere a judge of the run gave it."""

_SAID = {"1": "preferred 1", "2": "preferred 2", "tie": "called it a tie", "skip": "skipped it", "bad": "called it bad"}


def queue(entries: Iterable[Collected], out: frozenset[str] = frozenset()) -> tuple[Collected, ...]:
    """The pairs to label, each once, the smallest gap first; those whose gap nobody measured come last."""
    wanted: dict[str, Collected] = {}
    for entry in entries:
        if entry.id not in out and not entry.pair.author and entry.dropped in ("", CLOSE):
            wanted.setdefault(entry.id, entry)
    return tuple(sorted(wanted.values(), key=lambda entry: (_gap(entry), entry.id)))


def _gap(entry: Collected) -> float:
    gap = entry.pair.gap
    return gap if gap is not None and math.isfinite(gap) else math.inf


def first_side(pair: str, who: str) -> First:
    """Which side stands first on this operator's screen: as good as a coin, and the same whenever it is asked."""
    return "chosen" if hashlib.sha256(f"{pair} {who}".encode()).digest()[0] % 2 else "rejected"


def judged(entry: Collected, first: First) -> str:
    """The judge's word in the operator's terms: the position of the chosen side, or a tie where it saw no gap."""
    if entry.pair.gap == 0:
        return "tie"
    return "1" if first == "chosen" else "2"


@dataclass(frozen=True)
class Labelling:
    """One operator's labels of one iteration. `given` are those in force, in the order in which they were given."""

    who: str
    iteration: int
    queue: tuple[Collected, ...]
    given: tuple[Label, ...] = ()

    @classmethod
    def resume(cls, who: str, iteration: int, pairs: tuple[Collected, ...], labels: Iterable[Label]) -> Labelling:
        """As it was left: this operator's labels of these pairs, also where they came from another iteration."""
        known = {entry.id for entry in pairs}
        return cls(who, iteration, pairs, tuple(one for one in labels if one.who == who and one.pair in known))

    @cached_property
    def current(self) -> Collected | None:
        """The pair to label next; None when all are."""
        done = {label.pair for label in self.given}
        return next((entry for entry in self.queue if entry.id not in done), None)

    @property
    def left(self) -> int:
        return len(self.queue) - len(self.given)

    @cached_property
    def previous(self) -> tuple[Collected, Label] | None:
        """What was labelled last."""
        if not self.given:
            return None
        return next(entry for entry in self.queue if entry.id == self.given[-1].pair), self.given[-1]

    @cached_property
    def agreement(self) -> Agreement:
        entries = {entry.id: entry for entry in self.queue}
        telling = [label for label in self.given if label.choice in TELLING]
        return agreement([(label.choice, judged(entries[label.pair], label.first)) for label in telling])

    def with_label(self, label: Label) -> Labelling:
        return replace(self, given=(*self.given, label))

    def without_last(self) -> Labelling:
        return replace(self, given=self.given[:-1])


def argument(label: Label) -> Mapping[str, Any]:
    """What the command `label` says."""
    return {"pair": label.pair, "choice": label.choice, "first": label.first, "iteration": label.iteration}


def answers(entry: Collected, who: str) -> tuple[str, str]:
    """The two texts in the order in which this operator sees them."""
    sides = entry.pair.chosen, entry.pair.rejected
    return sides if first_side(entry.id, who) == "chosen" else (sides[1], sides[0])


def turns(prompt: Content) -> tuple[tuple[str, str], ...]:
    """A prompt as (role, text), the role empty for plain text."""
    if isinstance(prompt, str):
        return (("", prompt),)
    return tuple((turn.get("role", ""), turn.get("content", "")) for turn in prompt)


def head(sheet: Labelling) -> Text:
    """How far one is, and how far one agrees with the judge."""
    text = Text.assemble((f"iteration {sheet.iteration}", "bold"), ("  ", ""))
    text.append(f"{len(sheet.given)} labelled, {sheet.left} left")
    return text.append("   ").append_text(_agreed(sheet.agreement))


def _agreed(found: Agreement) -> Text:
    if found.raw is None:
        return Text("agreement n/a yet", "dim")
    return Text.assemble(
        ("agreement ", "dim"),
        f"{found.raw:.0%}",
        (", Cohen's kappa ", "dim"),
        number(found.kappa),
        (f", n {found.n}", "dim"),
    )


def reveal(entry: Collected, label: Label) -> Text:
    """What was hidden while the pair was labelled."""
    judge = "the data" if entry.pair.source in RECORDED else "the judge"
    said = judged(entry, label.first)
    theirs = "saw no difference" if said == "tie" else f"prefers {said}"
    text = Text("before: ", "dim")
    if label.choice in TELLING:
        text.append("agreed  " if label.choice == said else "disagreed  ", "good" if label.choice == said else "warn")
    text.append(f"you {_SAID[label.choice]}, {judge} {theirs}", "dim")
    return text.append("".join(f" · {fact}" for fact in _facts(entry, label.first)), "dim")


def _facts(entry: Collected, first: First) -> Sequence[str]:
    pair = entry.pair
    scores = pair.scores if pair.scores and first == "chosen" else pair.scores and (pair.scores[1], pair.scores[0])
    return [
        fact
        for fact in (
            f"scores {number(scores[0])} and {number(scores[1])}" if scores else "",
            f"gap {number(pair.gap)}" if pair.gap is not None else "",
            pair.source,
            pair.category,
            f"dropped: {entry.dropped}" if entry.dropped else "",
        )
        if fact
    ]


def over(sheet: Labelling) -> str:
    """When nothing is left to label."""
    word = "pair" if len(sheet.queue) == 1 else f"{len(sheet.queue)} pairs"
    return (
        f"All done: you have labelled the {word} of iteration {sheet.iteration}. They enter the next iteration's data."
    )
