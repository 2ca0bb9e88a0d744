from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip

from tests.tui.widgets.stand import Bench
from tui.theme import LIGHT
from tui.widgets import Panel, strips
from tui.widgets.strips import Row


class Lines(Panel, can_focus=True):
    """Shows `lines`; counts its paintings."""

    lines: Sequence[Row] = ([("one", "")], [("two", "good")])
    painted = 0

    def paint(self, width: int, height: int) -> Sequence[Row]:
        self.painted += 1
        return self.lines


async def test_a_frame_around_what_it_paints() -> None:
    panel = Lines("title")
    panel.note = Text("note [b]")
    app = Bench(panel)
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        assert app.shown() == [
            "╭─ title ──────────╮",
            "│ one              │",
            "│ two              │",
            "│                  │",
            "╰─────── note [b] ─╯",
        ]


async def test_only_cells_that_changed_are_repainted(monkeypatch) -> None:
    panel = Lines()
    app = Bench(panel)
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        dirty: list[Region] = []
        monkeypatch.setattr(panel, "refresh", lambda *regions, **_: dirty.extend(regions))
        panel.lines = ([("one", "")], [("tWo", "good")])
        panel.stale()
        panel.stale()
        before = panel.painted
        await pilot.pause()
        assert dirty == [Region(3, 2, 1, 1)]
        assert panel.painted == before + 1


async def test_long_titles_and_wide_characters_do_not_move_the_frame() -> None:
    panel = Lines("a title that is far too long to fit")
    panel.lines = ([("日本語" * 9, "")], [("a\tb", "")])
    app = Bench(panel)
    async with app.run_test(size=(21, 5)) as pilot:
        await pilot.pause()
        assert {panel.render_line(y).cell_length for y in range(5)} == {21}
        assert app.shown()[1].endswith(" │")


async def test_another_theme_changes_the_colours_at_once() -> None:
    panel = Lines()
    app = Bench(panel)
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        before = panel.render_line(2)
        app.theme = LIGHT.name
        await pilot.pause()
        after = panel.render_line(2)
        assert after.text == before.text
        assert after != before
        assert all(segment.style and segment.style.bgcolor != before._segments[0].style.bgcolor for segment in after)


async def test_no_size_at_all_is_no_fault() -> None:
    for size in ((1, 1), (2, 2), (4, 3)):
        async with Bench(Lines("title")).run_test(size=size) as pilot:
            await pilot.pause()


def test_blanks_join_the_text_before_them_unless_they_show() -> None:
    red, plain, reverse = Style(color="red"), Style(color="white"), Style(reverse=True)
    assert len(strips.joined(Strip([Segment("a", red), Segment("  ", plain), Segment("b", red)]))._segments) == 1
    assert len(strips.joined(Strip([Segment("a", red), Segment("  ", reverse)]))._segments) == 2


def test_changed_cells() -> None:
    style = Style(color="red")
    line = Strip([Segment("abcd", style)])
    assert strips.changed(line, Strip([Segment("abcd", style)])) is None
    assert strips.changed(line, Strip([Segment("aXcX", style)])) == (1, 4)
    assert strips.changed(line, Strip([Segment("ab", style), Segment("cd", Style())])) == (2, 4)
    assert strips.changed(line, Strip([Segment("日本", style)])) == (0, 4)
