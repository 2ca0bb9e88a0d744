import pytest

from tests.tui.widgets.stand import Bench
from tui.widgets import Confirm


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def answer(*keys: str, late: float = 1.0) -> list[bool | None]:
    """What the question returned to the app after `keys`, pressed `late` seconds after it opened."""
    clock = Clock()
    app = Bench()
    answers: list[bool | None] = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(Confirm("Roll back?", "Iteration 3 starts from 1.", clock=clock), answers.append)
        await pilot.pause()
        clock.now += late
        await pilot.press(*keys)
    return answers


async def test_y_is_yes() -> None:
    assert await answer("y") == [True]


@pytest.mark.parametrize("key", ["enter", "n", "escape", "space", "Y", "q", "tab"])
async def test_any_other_key_is_no(key: str) -> None:
    assert await answer(key) == [False]


async def test_keys_are_ignored_until_it_has_been_seen() -> None:
    assert await answer("y", late=0.29) == []
    assert await answer("n", late=0.29) == []


async def test_it_says_what_will_happen() -> None:
    app = Bench()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(Confirm("Roll back?", "Iteration 3 starts from [1].", yes="roll back"))
        await pilot.pause()
        prose = app.screen.query_one("Prose")
        text = "\n".join(app.shown(prose))
        assert all(said in text for said in ("Roll back?", "Iteration 3 starts from [1].", "y roll back"))
