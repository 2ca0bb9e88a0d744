from rich.console import Console
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from tests.tui.widgets.stand import Bench
from tui.widgets import Prose
from tui.widgets.thrifty import ThriftyLayout, ThriftyUpdate


def test_an_update_is_cut_at_both_ends() -> None:
    chops = [{0: Strip([Segment("abcdef")]), 6: Strip([Segment("ghij")])}]
    update = ThriftyUpdate(chops, [(0, 4, 7)], [[6, 10]])
    assert update.render_segments(Console()) == "\x1b[1;5Hef\x1b[1;7Hg"


def test_a_covered_chop_is_passed_over() -> None:
    update = ThriftyUpdate([{0: None, 2: Strip([Segment("cd")])}], [(0, 0, 4)], [[2, 4]])
    assert update.render_segments(Console()) == "\x1b[1;3Hcd"


def test_a_whole_screen_is_written_row_by_row() -> None:
    layout = ThriftyLayout(
        [[Strip([Segment("ab")]), Strip([Segment("cd")])], [Strip([Segment("ef")])]], Region(0, 0, 4, 2)
    )
    assert layout.render_segments(Console()) == "\x1b[1;1Habcd\x1b[2;1Hef"


async def test_a_changed_word_sends_that_word_alone(monkeypatch) -> None:
    prose = Prose("the value is 10 now")
    app = Bench(prose)
    async with app.run_test(size=(40, 3)) as pilot:
        await pilot.pause()
        sent: list[object] = []
        monkeypatch.setattr(app, "_display", lambda _, update: sent.append(update))
        prose.text = "the value is 11 now"
        await pilot.pause()
        updates = [update for update in sent if isinstance(update, ThriftyUpdate)]
        assert [update.spans for update in updates] == [[(0, 14, 15)]]
