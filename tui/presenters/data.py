"""The pairs of an iteration as rows: which are looked at, what each is, and what the manifest counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rich.text import Text

from engine.errors import UsageError
from engine.records import Iteration, Label
from engine.store.collected import Collected
from tui.presenters.labels import turns
from tui.presenters.numbers import number, setting

Facet = Literal["source", "category", "fate", "mark"]
FACETS: tuple[Facet, ...] = ("source", "category", "fate", "mark")
NONE = "(none)"
"""Stands for an empty source or category."""

LABELLED, UNLABELLED, QUARANTINED = "labelled", "not labelled", "quarantined"
KEPT, DROPPED = "kept", "dropped"


def whole(iterations: Iterable[Iteration]) -> tuple[int, ...]:
    """The iterations whose pairs are on file: finished, and not the baseline, which trains on none."""
    return tuple(
        one.index for one in iterations if one.index and not one.fault and one.status in {"evaluated", "decided"}
    )


def pick(iterations: Iterable[Iteration], wanted: int | None = None) -> int:
    """The iteration asked for, or the newest that has pairs. Raises UsageError."""
    found = whole(iterations)
    if found and (wanted is None or wanted in found):
        return found[-1] if wanted is None else wanted
    remedy = f"finished: {', '.join(map(str, found))}" if found else "its first gate comes with the first pairs"
    asked = "no iteration has left pairs yet" if wanted is None else f"iteration {wanted} has left no pairs"
    raise UsageError(asked, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Item:
    """A pair with what is asked of it often: its prompt in a line, and all its words in lower case for the search.

    `key` tells it from a copy of itself that a filter dropped, which has the same id.
    """

    key: str
    entry: Collected
    prompt: str
    words: str


def items(entries: Iterable[Collected]) -> tuple[Item, ...]:
    return tuple(_item(str(place), entry) for place, entry in enumerate(entries))


def _item(key: str, entry: Collected) -> Item:
    said = [text for _, text in turns(entry.pair.prompt)]
    every = (*said, entry.pair.chosen, entry.pair.rejected)
    return Item(key, entry, " ".join(said[-1][:400].split()) if said else "", "\n".join(every).lower())


@dataclass(frozen=True, slots=True)
class Hand:
    """What operators said, by pair: their labels, the oldest first, and what is quarantined."""

    labels: Mapping[str, tuple[Label, ...]] = field(default_factory=dict)
    out: frozenset[str] = frozenset()

    @classmethod
    def of(cls, labels: Iterable[Label], out: frozenset[str]) -> Hand:
        by_pair: dict[str, tuple[Label, ...]] = {}
        for label in labels:
            by_pair[label.pair] = (*by_pair.get(label.pair, ()), label)
        return cls(by_pair, out)


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at; an empty word lets everything pass."""

    source: str = ""
    category: str = ""
    fate: str = ""
    mark: str = ""
    words: str = ""

    @property
    def everything(self) -> bool:
        return self == Look()


def chosen(every: Iterable[Item], look: Look, hand: Hand) -> tuple[Item, ...]:
    """The items that pass all filters, in order."""
    sought = look.words.lower().split()
    wanted = [(facet, word) for facet in FACETS if (word := getattr(look, facet))]
    return tuple(
        item
        for item in every
        if all(word in words_of(item, facet, hand) for facet, word in wanted)
        and all(word in item.words or word == item.entry.id for word in sought)
    )


def words_of(item: Item, facet: Facet, hand: Hand) -> tuple[str, ...]:
    """By what a filter of this kind finds the item."""
    entry = item.entry
    match facet:
        case "source":
            return (entry.pair.source or NONE,)
        case "category":
            return (entry.pair.category or NONE,)
        case "fate":
            return (DROPPED, entry.dropped) if entry.dropped else (KEPT,)
    marks = (LABELLED if entry.id in hand.labels else UNLABELLED,)
    return (*marks, QUARANTINED) if entry.id in hand.out else marks


def values(every: Sequence[Item], facet: Facet) -> tuple[str, ...]:
    """What a filter of this kind can be set to, after "" for all; the most frequent first."""
    if facet == "mark":
        return ("", LABELLED, UNLABELLED, QUARANTINED)
    counts = Counter(word for item in every for word in words_of(item, facet, Hand()))
    if facet == "fate":
        filters = [word for word, _ in counts.most_common() if word not in (KEPT, DROPPED)]
        return ("", KEPT, DROPPED, *filters)
    return ("", *(word for word, _ in counts.most_common()))


def turned(look: Look, facet: Facet, every: Sequence[Item]) -> Look:
    """The filter's next value; after the last, all again."""
    possible = values(every, facet)
    now = getattr(look, facet)
    at = possible.index(now) if now in possible else 0
    return replace(look, **{facet: possible[(at + 1) % len(possible)]})


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def counts(index: int, every: Sequence[Item], manifest: Mapping[str, Any]) -> Text:
    """What came of the iteration's data: `96 pairs of 100 collected   sources …   dropped …`."""
    kept = [item for item in every if not item.entry.dropped and not is_example(item)]
    number_kept = manifest.get("pairs") if isinstance(manifest.get("pairs"), int) else len(kept)
    collected = manifest.get("collected")
    text = Text.assemble((f"iteration {index}", "bold"), f"  {number_kept:,} pairs")
    text.append(f" of {collected:,} collected" if isinstance(collected, int) else "")
    imitated = sum(map(is_example, every))
    text.append(f", {imitated:,} example{'s' * (imitated != 1)} to imitate" if imitated else "")
    sources = _tally(manifest.get("sources")) or Counter(item.entry.pair.source or NONE for item in kept)
    text.append("   sources ", "dim").append(_listed(sources))
    dropped = _tally(manifest.get("dropped")) or Counter(item.entry.dropped for item in every if item.entry.dropped)
    return text.append("   dropped ", "dim").append(_listed(dropped), "warn" if dropped else "dim")


def _tally(raw: object) -> Counter[str]:
    """A manifest's counts by name, without those of nothing; anything else counts nothing."""
    found = raw.items() if isinstance(raw, dict) else ()
    return Counter({str(name): count for name, count in found if isinstance(count, int) and count > 0})


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counted.most_common()) or "none"


def looking(look: Look, shown: int, every: int) -> Text:
    """The filters in force, and how many pairs pass."""
    if look.everything:
        return Text(f"all {every:,} shown", "dim")
    text = Text.assemble((f"{shown:,} of {every:,} shown", "bold"))
    parts = [
        ("source", look.source),
        ("category", look.category),
        ("filter", look.fate),
        ("by hand", look.mark),
        ("words", look.words),
    ]
    for name, word in parts:
        if word:
            text.append(f"   {name} ", "dim").append(word, "run")
    return text


def hand_words(entry: Collected, hand: Hand) -> str:
    """`quarantined`, or how the newest label stands to the recorded choice; empty where nobody said anything."""
    if entry.id in hand.out:
        return QUARANTINED
    given = hand.labels.get(entry.id, ())
    return _stands(given[-1], entry) if given else ""


def _stands(label: Label, entry: Collected) -> str:
    if entry.pair.author:  # its sides stand as a label put them: no judge to agree with
        return "as labelled" if entry.pair.author == label.who else f"labelled by {label.who}"
    if label.agrees is None:
        return label.choice
    return "agrees" if label.agrees else "disagrees"


def cells(item: Item, hand: Hand) -> tuple[str, ...]:
    """prompt, source, category, gap, scores, weight, filter, by hand."""
    entry, pair = item.entry, item.entry.pair
    scores = f"{number(pair.scores[0])} {number(pair.scores[1])}" if pair.scores else ""
    gap = number(pair.gap) if pair.gap is not None else ""
    weight = setting(round(pair.weight, 3))
    fate = entry.dropped or KEPT
    return item.prompt, pair.source, pair.category, gap, scores, weight, fate, hand_words(entry, hand)


def tone(item: Item, hand: Hand) -> str:
    if item.entry.id in hand.out:
        return "dim strike"
    return "dim" if item.entry.dropped else ""


def about(item: Item, hand: Hand) -> Text:
    """All that is known of a pair besides its texts."""
    entry, pair = item.entry, item.entry.pair
    facts = [
        entry.id,
        pair.source,
        pair.category,
        f"gap {number(pair.gap)}" if pair.gap is not None else "",
        f"weight {setting(round(pair.weight, 4))}",
        f"quality {setting(round(pair.quality, 4))}" if pair.quality != 1 else "",
        f"collected for iteration {pair.born}" if pair.born is not None else "",
        f"labelled by {pair.author}" if pair.author else "",
        f"dropped: {entry.dropped}" if entry.dropped else "",
    ]
    text = Text(" · ".join(fact for fact in facts if fact), "dim")
    for label in hand.labels.get(entry.id, ()):
        text.append(f"\n{label.who}: {_stands(label, entry)}", "")
    return text.append("\nquarantined: left out of the data to come", "warn") if entry.id in hand.out else text


def is_example(item: Item) -> bool:
    """Whether it was imitated and not compared: nothing was rejected, and no filter has dropped it for that."""
    return not item.entry.pair.rejected and not item.entry.dropped


def sides(item: Item) -> tuple[tuple[Text, str], tuple[Text, str]]:
    """Chosen and rejected with their scores, as headings and texts."""
    pair = item.entry.pair
    if is_example(item):
        return (Text("imitated", "bold"), pair.chosen), (Text("nothing was rejected", "dim"), "")
    scores = [f"  {number(score)}" for score in pair.scores] if pair.scores else ["", ""]
    heads = [
        Text.assemble((name, "bold"), (score, "dim"))
        for name, score in zip(("chosen", "rejected"), scores, strict=True)
    ]
    return (heads[0], pair.chosen), (heads[1], pair.rejected)
