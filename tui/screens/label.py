"""Pairs by hand: blind, in an order of sides that only chance chose, one key each. What is said is kept at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult

from engine.errors import PilothouseError, UsageError
from engine.records import Choice, Label
from engine.store.paths import RunPaths
from tui.keys import LABEL
from tui.presenters import labels as words
from tui.presenters.data import pick
from tui.presenters.labels import Labelling
from tui.screens.keybar import KeyBar
from tui.screens.labelview import PairView
from tui.screens.steering import Steering
from tui.session import Session
from tui.widgets import Prose
from tui.widgets.confirm import GRACE_S

TITLE = "which answer is better?"


class LabelScreen(Steering):
    """Of `iteration`, or of the newest that trained on pairs. Opens on the first pair without this operator's label."""

    BINDINGS = [*LABEL]
    DEFAULT_CSS = """
    LabelScreen #label-head, LabelScreen #label-before { padding: 0 1; }
    LabelScreen #label-before { min-height: 2; max-height: 3; }
    LabelScreen #label-prompt { height: auto; max-height: 40%; }
    LabelScreen #label-answers { height: 1fr; }
    """

    def __init__(self, session: Session, iteration: int | None = None) -> None:
        super().__init__(session)
        self._iteration = iteration
        self._sheet: Labelling | None = None
        self._shown_at = session.monotonic()

    def compose(self) -> ComposeResult:
        yield Prose(id="label-head")
        yield PairView("prompt", id="label-prompt")
        yield PairView(TITLE, empty="reading the pairs…", id="label-answers")
        yield Prose(id="label-before")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#label-answers").focus()
        self.run_worker(self._load, thread=True, name="labels", group="labels", exclusive=True, exit_on_error=False)

    def _load(self) -> None:
        try:
            sheet = load_sheet(self.session.paths, self._iteration)
        except (PilothouseError, OSError) as error:
            self.app.call_from_thread(self._say, str(error))
            return
        self.app.call_from_thread(self._show, sheet)

    # ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────

    def _say(self, why: str) -> None:
        """No pair to label."""
        self.query_one("#label-prompt").display = False
        self.query_one("#label-answers", PairView).say(why)

    def _show(self, sheet: Labelling) -> None:
        self._sheet, self._shown_at = sheet, self.session.monotonic()
        head = words.head(sheet)
        if self.session.readonly:
            head.append("   --readonly: no label is taken", "warn")
        self.query_one("#label-head", Prose).text = head
        before = Text() if sheet.previous is None else words.reveal(*sheet.previous)
        self.query_one("#label-before", Prose).text = before
        self._show_pair(sheet)
        self.refresh_bindings()

    def _show_pair(self, sheet: Labelling) -> None:
        entry = sheet.current
        if entry is None:
            self.query_one("#label-answers", PairView).title = "all labelled"
            self._say(words.over(sheet))
            return
        one, two = words.answers(entry, sheet.who)
        self.query_one("#label-prompt").display = True
        self._show_prompt(words.turns(entry.pair.prompt))
        self.query_one("#label-answers", PairView).title = TITLE
        self.query_one("#label-answers", PairView).show((), ((Text("1", "bold"), one), (Text("2", "bold"), two)))

    def _show_prompt(self, turns: Sequence[tuple[str, str]]) -> None:
        """A long conversation from its end: the last turn is what was answered."""
        prompt = self.query_one("#label-prompt", PairView)
        prompt.show(turns)
        if len(turns) > 1:
            prompt.call_after_refresh(prompt.action_scroll_by, 1_000_000)

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"first", "second", "tie", "skip", "bad"}:
            return True if self._sheet and self._sheet.current else None
        if action == "undo":
            return True if self._sheet and self._sheet.given else None
        return super().check_action(action, parameters)

    async def action_first(self) -> None:
        await self._choose("1")

    async def action_second(self) -> None:
        await self._choose("2")

    async def action_tie(self) -> None:
        await self._choose("tie")

    async def action_skip(self) -> None:
        await self._choose("skip")

    async def action_bad(self) -> None:
        await self._choose("bad")

    async def _choose(self, choice: Choice) -> None:
        """Keep the label, then show the next pair; a key that comes as soon as a pair does was meant for another."""
        sheet = self._sheet
        if sheet is None or sheet.current is None or self._too_soon:
            return
        entry = sheet.current
        first = words.first_side(entry.id, sheet.who)
        label = Label(entry.id, choice, first, sheet.who, self.session.clock(), sheet.iteration)
        if await self._keep(label):
            self._show(sheet.with_label(label))

    async def action_undo(self) -> None:
        sheet = self._sheet
        if sheet is None or sheet.previous is None or self._too_soon:
            return
        last = sheet.previous[1]
        if await self._keep(Label(last.pair, "undo", last.first, sheet.who, self.session.clock(), sheet.iteration)):
            self._show(sheet.without_last())

    @property
    def _too_soon(self) -> bool:
        return self.session.monotonic() - self._shown_at < GRACE_S

    async def _keep(self, label: Label) -> bool:
        """True once it is on the disk. No further key is taken until then, while all else on the screen goes on."""
        try:
            await asyncio.to_thread(self.session.client.send, "label", words.argument(label))
        except (PilothouseError, OSError) as error:
            self.notify(str(error), severity="error", markup=False, timeout=10)
            return False
        return True

    def action_tab(self) -> None:
        prompt, answers = self.query_one("#label-prompt"), self.query_one("#label-answers")
        (answers if prompt.has_focus else prompt).focus()

    def action_back(self) -> None:
        self.dismiss()


def load_sheet(paths: RunPaths, iteration: int | None) -> Labelling:
    """What there is to label for this operator. Raises UsageError where there is nothing, CorruptError, StoreError."""
    from engine.store.collected import load_collected
    from engine.store.control import whoami
    from engine.store.opinions import labels, quarantined
    from engine.store.reader import Reader

    with Reader(paths.ledger) as reader:
        index = pick(reader.iterations(), iteration)
    pairs = words.queue(load_collected(paths, index), quarantined(paths))
    if not pairs:
        raise UsageError(f"iteration {index} has no pairs to label", remedy="`pilothouse status` shows what it did")
    return Labelling.resume(whoami(), index, pairs, labels(paths))
