from engine.records import Event
from tests.tui.widgets.stand import Bench
from tui.widgets import EventLog


def event(number: int, text: str = "", level: str = "info") -> Event:
    return Event(number, float(number), level, "test", text or f"event {number}")


def log(**arguments: object) -> EventLog:
    return EventLog(when=lambda t: f"t{t:02.0f}", **arguments)


async def test_text_hangs_under_itself_and_levels_have_a_sign() -> None:
    widget = log()
    app = Bench(widget)
    async with app.run_test(size=(24, 8)) as pilot:
        widget.extend([event(1, "a checkpoint of many words"), event(2, "disk [b]full", "error")])
        await pilot.pause()
        assert [row[2:-2].rstrip() for row in app.shown()[1:4]] == [
            "t01 a checkpoint of",
            "    many words",
            "t02 x disk [b]full",
        ]


async def test_it_follows_the_newest_until_scrolled_back_and_again_from_the_end() -> None:
    widget = log()
    app = Bench(widget)
    async with app.run_test(size=(30, 6)) as pilot:
        widget.extend(event(i) for i in range(1, 21))
        await pilot.pause()
        assert "event 20" in app.shown()[-2]
        widget.focus()
        await pilot.press("up")
        widget.extend([event(21)])
        await pilot.pause()
        assert "event 19" in app.shown()[-2]
        assert "▼ 2" in app.shown()[-1]
        await pilot.press("end")
        widget.extend([event(22)])
        await pilot.pause()
        assert "event 22" in app.shown()[-2]


async def test_memory_is_bounded() -> None:
    widget = log(keep=50)
    async with Bench(widget).run_test(size=(30, 6)):
        widget.extend(event(i) for i in range(1000))
        assert len(widget.all_rows(26)) == 50
