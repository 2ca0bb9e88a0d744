"""What is said before a card is full: once an episode, with what fills it."""

from dataclasses import replace

from engine.memory.wall import COOL_S, Wall
from engine.records import Forecast, Memory

GIB = 2**30
CARD = Memory("gpu", "RTX 4070", total=12 * GIB, used=10 * GIB, reserved=9 * GIB, peak=9 * GIB, temperature=70.0)


def full(left: float) -> Memory:
    return replace(CARD, used=int((12 - left) * GIB))


def told(wall: Wall, *readings: Memory, forecast: Forecast | None = None) -> list[str]:
    return [kind for memory in readings for kind, _ in wall.look(memory, forecast)]


def test_the_wall_is_told_once_an_episode() -> None:
    wall = Wall()
    assert told(wall, full(2), full(0.5), full(0.4), full(0.7), full(0.5)) == ["memory.tight"]
    assert told(wall, full(1.3), full(0.5)) == ["memory.tight"]


def test_another_process_that_fills_the_card_is_named() -> None:
    [(_, words)] = Wall().look(replace(full(0.3), others=3 * GIB))
    assert words == "memory runs out: 0.3 GiB of 12.0 GiB is left above the peak; other processes hold 3.0 GiB"


def test_memory_that_torch_keeps_for_itself_is_room() -> None:
    """A caching allocator fills the card as a matter of course; what its peak never used is still to be had."""
    assert told(Wall(), replace(full(0.1), reserved=11 * GIB)) == []
    assert told(Wall(), replace(full(0.1), reserved=11 * GIB, peak=11 * GIB)) == ["memory.tight"]


def test_a_card_that_says_nothing_and_a_host_are_left_alone() -> None:
    assert told(Wall(), replace(full(0), reserved=None, peak=None)) == []  # the engine is on the CPU
    assert told(Wall(), replace(full(0), used=None), Memory("host", "host", total=GIB, used=GIB)) == []
    assert Wall().look(None) == []


def test_a_batch_that_will_not_fit_is_told_before_it_comes() -> None:
    wall = Wall()
    may = Forecast(10 * GIB, 12 * GIB, 4096, 1024)
    [(kind, words)] = wall.look(full(2), may)
    assert kind == "memory.forecast"
    assert words.startswith("the longest batch still to come (4096 tokens) may not fit: it takes 10.0 GiB to 12.0 GiB")
    assert told(wall, full(2), forecast=may) == []
    sure = Forecast(int(11.5 * GIB), 12 * GIB, 4096, 2048)
    assert "will not fit" in wall.look(full(2), sure)[0][1]
    assert told(wall, full(2), full(2), forecast=sure) == []


def test_a_batch_that_fits_or_has_been_seen_is_no_news() -> None:
    assert told(Wall(), full(2), forecast=Forecast(9 * GIB, int(10.9 * GIB), 4096, 1024)) == []
    assert told(Wall(), full(2), forecast=Forecast(12 * GIB, 12 * GIB, 4096, 4096)) == []


def test_heat_is_told_and_a_power_cap_is_not() -> None:
    wall, hot = Wall(), replace(CARD, throttle=("heat", "power cap"))
    [(kind, words)] = wall.look(hot)
    assert (kind, words) == ("card.throttled", "RTX 4070 is slowed down: heat at 70 °C")
    assert told(wall, replace(hot, t=30.0), replace(CARD, t=60.0), replace(hot, t=90.0)) == []
    assert told(wall, replace(hot, t=90 + COOL_S + 1)) == ["card.throttled"]
    assert told(Wall(), replace(CARD, throttle=("power cap",))) == []
