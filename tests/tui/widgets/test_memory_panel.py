import dataclasses

from engine.records import Forecast, Memory, Plan, Pulse, StagePeak
from tests.tui.widgets.stand import Bench
from tui.widgets import MemoryPanel

GIB = 1024**3
CARD = Memory(
    "gpu",
    "NVIDIA RTX 4070",
    total=12 * GIB,
    used=int(9.8 * GIB),
    allocated=int(8.4 * GIB),
    reserved=int(9.1 * GIB),
    peak=int(10.4 * GIB),
    utilisation=97,
    temperature=71,
    power=186,
    power_limit=200,
)


async def shown(memory: Memory | None, size: tuple[int, int] = (36, 12), history: bool = False) -> list[str]:
    panel = MemoryPanel()
    app = Bench(panel)
    async with app.run_test(size=size) as pilot:
        if history:
            panel.set_history(range(60), [9.0 * GIB] * 60)
        panel.memory = memory
        await pilot.pause()
        return app.shown()


async def test_every_number_of_the_card() -> None:
    rows = await shown(CARD)
    text = "\n".join(rows)
    for said in (
        "GPU memory",
        "9.8 GiB  of 12.0",
        "headroom   2.2 GiB",
        "9.1 GiB",
        "8.4 GiB",
        "10.4 GiB",
        "97 %",
        "71 °C",
    ):
        assert said in text
    assert "186/200 W" in text
    assert rows[-1].endswith(" NVIDIA RTX 4070 ─╯")


async def test_the_bar_is_in_proportion() -> None:
    bar = (await shown(CARD))[1]
    assert bar.count("█") == round(32 * 9.1 / 12)
    assert bar.count("█") + bar.count("▒") == round(32 * 9.8 / 12)
    assert bar.count("░") == 32 - round(32 * 9.8 / 12)


async def test_what_the_card_does_not_say_is_na() -> None:
    nothing = dict.fromkeys(("allocated", "reserved", "peak", "utilisation", "temperature", "power"))
    text = "\n".join(await shown(dataclasses.replace(CARD, **nothing)))
    assert text.count("n/a") == 7
    assert "power n/a" in text


async def test_the_host_is_called_the_host() -> None:
    rows = await shown(Memory("host", "Linux host", total=16 * GIB, used=4 * GIB), (50, 8))
    assert "host memory · no NVIDIA card" in rows[0]
    assert not any("load" in row or "reserved" in row for row in rows)


async def test_a_stand_in_card_is_called_simulated() -> None:
    assert "SIMULATED" in (await shown(dataclasses.replace(CARD, simulated=True), (50, 10)))[0]


async def test_little_headroom_is_said_in_a_word() -> None:
    assert any("tight" in row for row in await shown(dataclasses.replace(CARD, used=int(11.8 * GIB))))


async def test_history_is_drawn_where_there_is_room_for_it() -> None:
    assert not any("total 12.0" in row for row in await shown(CARD, history=True))
    assert any("total 12.0" in row for row in await shown(CARD, (36, 24), history=True))


async def test_few_rows_keep_what_matters_most() -> None:
    assert "9.8 GiB of 12.0 used" in (await shown(CARD, (36, 3)))[1]
    assert "headroom" in "\n".join(await shown(CARD, (36, 5)))


async def test_before_the_first_reading() -> None:
    assert "no reading yet" in (await shown(None))[1]


PLAN = Plan("m", (StagePeak("dpo", 6 * GIB, 7 * GIB, 7 * GIB),), context=GIB // 2)
OTHER = dataclasses.replace(
    CARD, name="NVIDIA GeForce RTX 3060", total=8 * GIB, used=2 * GIB, reserved=None, allocated=None
)


async def pulsed(pulse: Pulse, size: tuple[int, int] = (36, 24), plan: Plan | None = None) -> str:
    panel = MemoryPanel()
    app = Bench(panel)
    async with app.run_test(size=size) as pilot:
        panel.set_history(range(60), [9.0 * GIB] * 60)
        panel.show(pulse)
        if plan:
            panel.set_plan(plan)
        await pilot.pause()
        return "\n".join(app.shown())


def beat(memory: Memory = CARD, **more: object) -> Pulse:
    return Pulse(1.0, "running", memory=memory, **more)  # type: ignore[arg-type]


async def test_who_else_holds_memory_and_what_slows_the_card() -> None:
    text = await pulsed(beat(dataclasses.replace(CARD, others=3 * GIB, throttle=("heat", "power cap"))))
    assert "others     3.0 GiB" in text
    assert "slowed   heat, power cap" in text


async def test_the_longest_batch_to_come_and_that_it_may_not_fit() -> None:
    fits = await pulsed(beat(forecast=Forecast(int(10.5 * GIB), 11 * GIB, 4096, 1024)), (50, 24))
    assert "10.5–11.0 GiB  to come" in fits
    assert "may not fit" not in fits
    over = await pulsed(beat(forecast=Forecast(11 * GIB, 13 * GIB, 4096, 1024)), (50, 24))
    assert "11.0–13.0 GiB  to come, may not fit" in over
    seen = await pulsed(beat(forecast=Forecast(11 * GIB, 11 * GIB, 4096, 4096)))
    assert "longest   11.0 GiB  seen" in seen


async def test_every_other_card_has_a_row_and_a_simulated_one_says_so() -> None:
    simulated = dataclasses.replace(OTHER, name="NVIDIA A100-SXM4-80GB MIG 1g.10gb", simulated=True)
    rows = (await pulsed(beat(cards=(OTHER, simulated)))).splitlines()
    first, second = (next(row for row in rows if said in row) for said in ("RTX 3060", "A100"))
    assert first.endswith(" 2.0/8.0 │")
    assert " sim " in second
    assert first.index("2.0/8.0") == second.index("2.0/8.0")


async def test_the_plan_is_a_line_in_the_history() -> None:
    text = await pulsed(beat(), plan=PLAN)
    assert "plan 7.5" in text
    assert "total 12.0" not in text
    host = await pulsed(beat(Memory("host", "host memory", total=16 * GIB, used=4 * GIB)), plan=PLAN)
    assert "plan" not in host


async def test_sizes_that_cannot_be_trusted_say_why() -> None:
    assert "not to be trusted" in await pulsed(beat(dataclasses.replace(CARD, doubt="WSL: not to be trusted")))
