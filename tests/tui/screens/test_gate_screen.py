"""The gate: it opens by itself, a key only asks, `y` decides, and what became of it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import load_config
from engine.records import Decision
from engine.store.paths import RunPaths
from engine.store.plans import write_plan
from engine.store.reader import Reader
from tests.tui.fakes import Simulated, planner
from tests.tui.screens.cockpit import Cockpit, cockpit
from tui.screens.decide import Decide
from tui.screens.edit import EditScreen
from tui.screens.gate import GateScreen
from tui.screens.rollback import RollbackPicker
from tui.screens.run import RunScreen
from tui.screens.samples import SamplesScreen
from tui.screens.weakness import WeaknessScreen
from tui.screens.wrapping import WrappingTable

pytestmark = pytest.mark.usefixtures("runs")
ROLLBACK = {"beta": 0.2, "learning_rate": 2.5e-5, "max_steps": 42}


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    rung: list[int] = []
    monkeypatch.setattr("tui.app.Pilothouse.bell", lambda _: rung.append(1))
    return rung


async def test_it_opens_by_itself_for_who_attaches_late_and_rings_once(bells: list[int]) -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.until_shown("recommended")
        for words in ("roll back to 1", "gsm8k regression", "confirmed", "0.2  ×2", "parent 1", "waiting"):
            await c.until_shown(words)
    assert bells == [1]


async def test_the_proposals_memory_is_planned_for_a_run_that_was_planned() -> None:
    def planned(paths: RunPaths) -> None:
        write_plan(paths, Simulated()(load_config(paths.config)))

    simulated = Simulated()
    simulated.free.clear()
    async with cockpit(before=planned, planner=planner(simulated)) as c:
        gate = await c.at_gate()
        await c.until(lambda: simulated.asked, "a question")
        assert gate.query_one("#proposal", WrappingTable).all_rows(50)  # drawn while the simulator thinks
        assert "GiB" not in c.text
        simulated.free.set()
        await c.until_shown("10.6 GiB  unchanged")
        await c.until_shown("of 12.0 GiB")


async def test_a_run_without_a_plan_asks_for_none_at_its_gate() -> None:
    simulated = Simulated()
    async with cockpit(planner=planner(simulated)) as c:
        await c.at_gate()
    assert simulated.asked == []


async def test_accept_asks_and_only_y_decides() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("a")
        assert isinstance(c.screen, Decide)
        assert "Roll back to iteration 1?" in c.text
        assert "Nothing is deleted." in c.text
        await c.press("y")
        [command] = await c.until(c.sent, "a command")
        assert command.kind == "decide"
        assert command.arg == {"iteration": 2, "action": "rollback", "to": 1, "changes": ROLLBACK, "edited": []}


@pytest.mark.parametrize("key", ["enter", "n", "escape", "space", "a"])
async def test_no_other_key_decides(key: str) -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("a", key)
        assert isinstance(c.screen, GateScreen)
        assert c.sent() == []


async def test_enter_opens_the_weakness_and_decides_nothing() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("enter", "enter")
        assert isinstance(c.screen, WeaknessScreen)
        await c.press("escape")
        assert isinstance(c.screen, GateScreen)
        assert c.sent() == []


async def test_enter_meant_for_the_screen_below_opens_nothing() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("enter", after=0.0)
        assert isinstance(c.screen, GateScreen)


async def test_why_says_what_would_have_changed_the_verdict() -> None:
    async with cockpit(size=(80, 24)) as c:
        await c.at_gate()
        await c.press("w")
        for words in ("had gsm8k stayed above 0.396", "2 of the 3 accepted", "mix in 64", "learning_rate 5e-5 →"):
            assert words in c.text
        await c.press("w")
        assert isinstance(c.screen, GateScreen)
        assert c.sent() == []


async def test_a_run_without_evidence_says_so_at_its_gate() -> None:
    def off(paths: RunPaths) -> None:
        text = paths.config.read_text()
        paths.config.write_text(f"{text}evidence: false\nthresholds: {{kl: 0.1}}\nbudget: {{iterations: 5}}\n")

    async with cockpit(before=off) as c:
        await c.at_gate()
        await c.until_shown("evidence: off")
        await c.press("w")
        assert "nothing is tested against noise" in c.text


async def test_keys_do_not_count_in_the_first_moments_of_either_screen() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("a", after=0.0)
        assert isinstance(c.screen, GateScreen)
        await c.press("a", after=0.31)
        assert isinstance(c.screen, Decide)
        await c.press("y", after=0.1)
        assert isinstance(c.screen, Decide)
        assert c.sent() == []
        await c.press("y", after=0.31)
        await c.until(c.sent, "a command")


async def test_a_reason_is_kept_and_typing_it_decides_nothing() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("t", "w", *"yes why", "enter")
        assert isinstance(c.screen, Decide)
        assert c.sent() == []
        await c.press("y")
        [command] = await c.until(c.sent, "a command")
        assert (command.arg["action"], command.arg["to"], command.why) == ("retry", 1, "yes why")


async def test_finish_says_what_is_selected() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("f")
        assert "Finish the run with iteration 1?" in c.text
        await c.press("y")
        [command] = await c.until(c.sent, "a command")
        assert (command.arg["action"], command.arg["to"]) == ("finish", 1)


async def test_rollback_picks_from_the_tree_and_asks() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("r")
        assert isinstance(c.screen, RollbackPicker)
        assert "0 baseline" in c.text
        await c.press("up")
        await c.until_shown("the weights of the baseline")
        await c.press("enter")
        assert isinstance(c.screen, Decide)
        assert c.sent() == []
        await c.press("y")
        [command] = await c.until(c.sent, "a command")
        assert (command.arg["action"], command.arg["to"]) == ("rollback", 0)


async def test_keeping_this_iteration_against_the_rules_is_an_accept() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("r", "down", "enter", "y")
        [command] = await c.until(c.sent, "a command")
        assert (command.arg["action"], command.arg["to"]) == ("accept", 2)


async def editing(c: Cockpit) -> EditScreen:
    await c.at_gate()
    await c.press("e")
    await c.until(lambda: isinstance(c.screen, EditScreen), "the form")
    assert isinstance(c.screen, EditScreen)
    return c.screen


async def test_an_edit_is_checked_as_typed_and_marked() -> None:
    async with cockpit() as c:
        await editing(c)
        await c.press("backspace", "9", "9")  # 0.2 → 0.99
        await c.until_shown("edited: beta")
        assert "proposed 0.2" in c.text
        await c.press("ctrl+s")
        assert isinstance(c.screen, Decide)
        await c.press("y")
        [command] = await c.until(c.sent, "a command")
        assert command.arg["changes"] == {**ROLLBACK, "beta": 0.99}
        assert command.arg["edited"] == ["beta"]


@pytest.mark.parametrize(("keys", "fault"), [("7", "expected at most 1"), ("x", "number")])
async def test_a_value_that_will_not_do_cannot_be_reviewed(keys: str, fault: str) -> None:
    async with cockpit() as c:
        form = await editing(c)
        await c.press("home", *keys)
        await c.until_shown("cannot be used: beta")
        assert fault in c.text
        await c.press("ctrl+s", "enter")
        assert c.screen is form
        await c.press("escape")
        assert isinstance(c.screen, GateScreen)
        assert c.sent() == []


async def test_what_the_engine_took_closes_the_gate() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("a", "y")
        [command] = await c.until(c.sent, "a command")
        await c.until_shown("Waiting for the engine")
        assert c.engine_decides(Decision("rollback", 1, who=command.who, t=1.0), command)
        await c.until(lambda: isinstance(c.screen, RunScreen), "the run screen")


async def test_another_operator_was_first() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("a", "y")
        [command] = await c.until(c.sent, "a command")
        assert c.engine_decides(Decision("accept", who="ana@lab", why="[b]fine[/nope]", t=1.0))
        assert not c.engine_decides(Decision("rollback", 1), command)
        await c.until_shown("Already decided: accepted by ana@lab: [b]fine[/nope]")
        await c.press("a")
        assert isinstance(c.screen, GateScreen)
        with Reader(c.paths.ledger) as reader:
            gate = reader.gate()
        assert gate is not None
        assert gate.decision is not None
        assert gate.decision.who == "ana@lab"


async def test_readonly_says_so_and_takes_no_decision() -> None:
    async with cockpit(readonly=True) as c:
        await c.at_gate()
        await c.until_shown("read-only: this terminal cannot decide")
        await c.press("a", "e", "r", "t", "f")
        assert isinstance(c.screen, GateScreen)
        assert c.sent() == []


async def test_a_gate_whose_engine_is_gone_offers_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []
    monkeypatch.setattr("tui.client.start_engine", lambda paths: started.append(paths.root))
    async with cockpit(engine=False) as c:
        await c.at_gate()
        await c.until_shown("The engine is gone while the run waits here.")
        await c.press("R")
        await c.until(lambda: started == [c.paths.root], "an engine")


async def test_samples_stand_side_by_side_and_turn() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("s")
        assert isinstance(c.screen, SamplesScreen)
        await c.until_shown("1 of 12")
        for words in ("baseline", "parent 1", "this, iteration 2", "17 + 25"):
            assert words in c.text
        await c.press("n")
        await c.until_shown("2 of 12")
        await c.press("b", "b")
        await c.until_shown("12 of 12")
        await c.press("escape")
        assert isinstance(c.screen, GateScreen)


async def test_charts_can_be_looked_at_while_it_waits_and_the_gate_comes_back() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("escape")
        await c.until_shown("iteration 2 waits for your decision")
        assert isinstance(c.screen, RunScreen)
        await c.press("g")
        await c.at_gate()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_every_key_of_the_gate_has_its_place(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.client.start_engine", lambda paths: None)
    async with cockpit(size=size, engine=False) as c:
        await c.at_gate()
        for words in ("f finish", "c compare", "w why", "m memory", "R resume", "esc charts"):
            await c.until_shown(words)
        assert all(len(row) <= size[0] for row in c.text.splitlines())


async def test_detach_leaves_the_run_as_it_is() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("d")
        await c.until(lambda: not c.app.is_running, "the end")
        assert c.sent() == []


async def test_at_80_columns_one_panel_stands_under_tabs() -> None:
    async with cockpit(size=(80, 24)) as c:
        await c.at_gate()
        await c.until_shown("1 weaknesses")
        assert "gsm8k regression" in c.text
        assert "f finish" in c.text
        await c.press("3")
        await c.until_shown("vs parent")
        assert "gsm8k regression" not in c.text
        await c.press("tab")
        await c.until_shown("1 of 12")
