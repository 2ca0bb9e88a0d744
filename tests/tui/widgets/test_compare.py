from hypothesis import given
from hypothesis import strategies as st

from tests.tui.widgets.stand import Bench
from tui.widgets import Side, SideBySide
from tui.widgets.compare import new_words

SIDES = (
    Side("baseline", "The sea is big and it is blue.", "0.41"),
    Side("1 (parent)", "The sea is wide and it is blue.", "0.55"),
    Side("2 (this)", "The sea is wide and it is [red]deep[/] blue.", "0.83", best=True),
)


def test_words_that_were_not_there() -> None:
    before, after = SIDES[0].text, SIDES[1].text
    assert [after[a:b] for a, b in new_words(before, after)] == ["wide"]
    assert new_words(before, before) == []


def test_a_text_of_its_own_is_not_all_emphasised() -> None:
    assert new_words("one two three four", "quite another answer altogether") == []


@given(st.text(max_size=200), st.text(max_size=200))
def test_emphasis_lies_within_the_text(before: str, after: str) -> None:
    end = 0
    for first, last in new_words(before, after):
        assert end <= first < last <= len(after)
        end = last


async def shown(width: int, height: int = 24) -> list[str]:
    widget = SideBySide("samples")
    app = Bench(widget)
    async with app.run_test(size=(width, height)) as pilot:
        widget.show("Write about the sea.", SIDES)
        await pilot.pause()
        return app.shown()


async def test_wide_they_stand_side_by_side() -> None:
    rows = await shown(120)
    assert "baseline  0.41" in rows[3]
    assert "2 (this)  0.83  preferred" in rows[3]


async def test_narrow_they_stand_one_under_the_other() -> None:
    rows = await shown(80)
    assert [row[2:12].strip() for row in rows if row[2:3].strip()][:4] == [
        "Write abou",
        "baseline  ".strip(),
        "1 (parent)",
        "2 (this)",
    ]


async def test_markup_in_a_completion_is_text() -> None:
    assert any("[red]deep[/]" in row for row in await shown(80))


async def test_another_sample_starts_at_its_first_line() -> None:
    widget = SideBySide()
    app = Bench(widget)
    async with app.run_test(size=(80, 8)) as pilot:
        widget.show("p", SIDES)
        widget.focus()
        await pilot.press("end")
        assert widget.offset_rows > 0
        widget.show("another", SIDES)
        await pilot.pause()
        assert "another" in app.shown()[1]
