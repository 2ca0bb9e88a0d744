"""A plan drawn: its numbers stand where they are read, bars are as long as they should be, nothing is cut."""

from __future__ import annotations

import pytest

from engine.config import parse_config
from engine.memory.planning.answer import Answer, answers, document
from engine.memory.planning.cards import find_card
from engine.memory.planning.room import Room, Rooms, room_on
from engine.records import GIB, Plan, StagePeak
from engine.records.planning import PARTS
from tests.engine.memory.planning.formula import Formula
from tui.presenters import plan as words

CONFIG = parse_config(
    "model: {name: Qwen/Qwen2.5-7B-Instruct, quantization: nf4, lora_r: 16}\n"
    "training: {batch_size: 2, accumulation: 8, max_length: 512}\ndata: {source: file, path: p.jsonl}"
)


def asked(card: str | None, here: Room | None = None) -> list[Answer]:
    simulate = Formula()
    rooms = Rooms(room_on(find_card(card)) if card else None, here, "" if here else "no NVIDIA card here")
    return list(answers("qwen.yaml", CONFIG, rooms, lambda config, **_: simulate(config)))


def drawn(card: str | None, width: int = 80, here: Room | None = None, ascii_only: bool = False) -> str:
    first, second, *rest = asked(card, here)
    room = first.rooms.room
    lines = [*words.summary(first, width, ascii_only), *words.savings(second.savings or (), room, first.plan, width)]
    for last in rest:
        assert room is not None
        assert last.limits is not None
        lines += words.limits(last.limits, room)
    return "\n".join(lines)


@pytest.mark.parametrize("card", [None, "8GiB", "12GiB", "RTX 4090"])
@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_the_terminal(card: str | None, width: int) -> None:
    text = drawn(card, width)
    assert max(map(len, text.splitlines())) <= width


def test_it_says_whether_it_fits_and_by_how_much() -> None:
    assert "fits the RTX 4090, 12." in drawn("4090")
    assert "will not fit the 8 GiB card: 3." in drawn("8GiB")
    assert "* by itself enough" in drawn("8GiB")
    assert "* by itself enough" not in drawn("4090")
    assert "smallest card   12 GiB, such as RTX 5070" in drawn(None)
    assert "this machine    no NVIDIA card here" in drawn(None)


def test_the_card_here_is_held_against_what_is_free_beside_the_one_that_was_named() -> None:
    here = Room("RTX 3060", 12 * GIB, 12 * GIB, free=9 * GIB)
    assert "what is free of the RTX 3060 now holds" in drawn(None, here=here)
    both = drawn("4090", here=here)
    assert "fits the RTX 4090" in both
    assert "RTX 3060, 12.00 GiB, 9.00 GiB free now: will not fit what is free" in both


def test_parts_are_drawn_to_scale_and_add_up() -> None:
    plan = Plan("m", (StagePeak("dpo", 6 * GIB, 7 * GIB, 7 * GIB, {"weights": 4 * GIB, "logits": 2 * GIB}),), GIB, 0)
    lines = list(words.summary(Answer("c", Rooms(), plan), 80))
    weights, logits = (next(line for line in lines if name in line) for name in ("weights", "logits"))
    assert weights.count("█") == 2 * logits.count("█")
    shown = [float(line.split()[-1]) for line in lines if line.rstrip()[-3:-2] == "."]
    assert shown == [4.0, 2.0, 6.0, 1.0, 1.0, 0.0, 8.0]


def test_every_part_that_a_plan_may_have_is_shown() -> None:
    parts = dict.fromkeys(reversed(PARTS), GIB)
    plan = Plan("m", (StagePeak("dpo", len(parts) * GIB, 20 * GIB, 20 * GIB, parts),))
    text = "\n".join(words.summary(Answer("c", Rooms(), plan), 80))
    assert text.count("  1.00") == len(parts)
    assert list(document(Answer("c", Rooms(), plan))["parts"]) == list(PARTS)


def test_a_bar_is_never_nothing_for_something() -> None:
    assert words.bar(0.0001, 40) == "▏"
    assert words.bar(1, 40) == "█" * 40
    assert words.bar(0, 40) == ""
    assert words.bar(0.5, 10, ascii_only=True) == "#####"


def test_a_gauge_shows_what_runs_over() -> None:
    plan = Plan("m", (StagePeak("dpo", 12 * GIB, 12 * GIB, 12 * GIB),))
    over = words.gauge(plan, Room("c", 8 * GIB, 8 * GIB), 80)
    cells = over.split("  ")[0]
    assert (cells.count("█") / len(cells), cells.count("▒") / len(cells)) == pytest.approx((2 / 3, 1 / 3), abs=0.02)
    assert over.endswith("12.00 of 8.00 GiB")
    assert words.gauge(plan, Room("c", 24 * GIB, 24 * GIB), 60).count("░") == pytest.approx(21, abs=1)


def test_ascii_draws_no_blocks() -> None:
    assert not set("█▏░▒") & set(drawn("8GiB", ascii_only=True))


def test_the_document_says_the_same() -> None:
    *_, answer = asked("8GiB", Room("RTX 3060", 12 * GIB, 12 * GIB, free=9 * GIB))
    found = document(answer)
    assert found["capacity_gib"] == pytest.approx(found["peak_gib"] + 0.0977 + 0.4297, abs=1e-3)
    assert (found["card_gib"], found["usable_gib"], found["free_gib"], found["fits"]) == (8.0, 7.8, 9.0, False)
    assert sum(found["parts"].values()) == pytest.approx(found["peak_gib"], abs=1e-3)
    assert [stage["stage"] for stage in found["stages"]] == ["dpo", "evaluate"]
    assert found["options"][0]["fits"]
    for option in found["options"]:
        assert option["capacity_gib"] == pytest.approx(found["capacity_gib"] - option["saves_gib"], abs=1e-3)
    assert found["limits"]["max_length"] < CONFIG.training.max_length
    alone = document(asked(None)[-1])
    assert (alone["fits"], alone["card_gib"], alone["free_gib"], alone["limits"]) == (None, None, None, None)
