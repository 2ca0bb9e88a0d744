"""The question turned round: the longest sequences, the most pairs at once, the largest model that a card holds.

Memory grows with each of these and almost in a line, so a secant finds the place and its neighbour proves it: three or
four simulations, where halving would take ten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.config import RunConfig, override
from engine.memory.planning.families import Member, family_of
from engine.memory.planning.options import Simulate, Tell

LENGTH_STEP = 64
_LONGEST, _MOST = 131_072, 1024
_PATIENCE = 7
FINE = 32
"""A long search ends where what fits and what does not are within one part in so many."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What fits, all else being as the config says; None where nothing does. `capped`: where we stopped looking."""

    max_length: int | None
    batch_size: int | None
    family: str = ""
    model: str | None = None
    capped: tuple[str, ...] = ()


def limits(config: RunConfig, limit: int, simulate: Simulate, tell: Tell | None = None) -> Limits:
    """How far each of length, batch and model could go on `limit` bytes of card."""
    say = tell or (lambda _words: None)
    say("the longest sequences that fit")
    length, longest = longest_sequence(config, limit, simulate), _known_positions(config)
    say("the largest batch that fits")
    batch = largest_batch(config, limit, simulate)
    say("the largest model of the family that fits")
    name, member = largest_member(config, limit, simulate)
    capped = [word for word, hit in (("max_length", length == longest), ("batch_size", batch == _MOST)) if hit]
    return Limits(length, batch, name, member.name if member else None, tuple(capped))


def longest_sequence(config: RunConfig, limit: int, simulate: Simulate) -> int | None:
    """The longest `training.max_length`, in steps of 64 tokens, that `limit` bytes hold."""
    return _largest(
        lambda tokens: simulate(override(config, [f"training.max_length={tokens}"])).capacity,
        limit,
        start=config.training.max_length,
        step=LENGTH_STEP,
        top=_known_positions(config),
    )


def largest_batch(config: RunConfig, limit: int, simulate: Simulate) -> int | None:
    """The most pairs at once; accumulation is no part of the answer, since it takes no memory."""
    return _largest(
        lambda pairs: simulate(override(config, [f"training.batch_size={pairs}"])).capacity,
        limit,
        start=config.training.batch_size,
        step=1,
        top=_MOST,
    )


def largest_member(config: RunConfig, limit: int, simulate: Simulate) -> tuple[str, Member | None]:
    """The model's family and the largest of it that these settings can train; no family, no answer."""
    name, members = family_of(config)
    if not members:
        return "", None
    own = next((number for number, one in enumerate(members, 1) if one.name == config.model.name), len(members))
    place = _largest(
        lambda number: simulate(members[number - 1].put_into(config)).capacity, limit, own, step=1, top=len(members)
    )
    return name, members[place - 1] if place else None


def _largest(capacity_of: Callable[[int], int], limit: int, start: int, step: int, top: int) -> int | None:
    """A multiple of `step` up to `top` whose capacity is within `limit`, and a thirty-second more is not.

    Capacity must not fall with it. Half of `start` is asked first: that is an option, and so mostly known already.
    """
    first = min(max(start // step, 1), top // step)
    seen = {place: capacity_of(place * step) for place in dict.fromkeys((first, max(first // 2, 1)))}
    low = max((place for place, held in seen.items() if held <= limit), default=0)
    high = min((place for place, held in seen.items() if held > limit), default=top // step + 1)
    while high - low > max(1, low // FINE):
        guess = min(max(_next(seen, limit, low, high), low + 1), high - 1)
        seen[guess] = capacity_of(guess * step)
        low, high = (guess, high) if seen[guess] <= limit else (low, guess)
    return low * step or None


def _next(seen: dict[int, int], limit: int, low: int, high: int) -> int:
    """Where a line through the two nearest answers meets the limit; the middle, once that has not helped for long."""
    if len(seen) == 1:
        return 2 * low
    if len(seen) > _PATIENCE:
        return (low + high) // 2
    (x0, y0), (x1, y1) = sorted(sorted(seen.items(), key=lambda point: abs(point[1] - limit))[:2])
    if y1 <= y0:
        return (low + high) // 2
    place = x0 + (limit - y0) * (x1 - x0) // (y1 - y0)
    return place if place > low else low + max(1, low // FINE)  # the line has brought us here: is it the end?


def _known_positions(config: RunConfig) -> int:
    """No further than the model has positions, where the config says how many."""
    known = config.model.architecture and config.model.architecture.max_position_embeddings
    return max((known or _LONGEST) // LENGTH_STEP * LENGTH_STEP, LENGTH_STEP)
