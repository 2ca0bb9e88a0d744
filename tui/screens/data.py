"""The data of an iteration: what it trained on and what was dropped, with filters, search, and quarantine by key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.containers import Container
from textual.widgets import Input
from textual.worker import get_current_worker

from engine.errors import PilothouseError
from tui.keys import DATA
from tui.messages import IterationsChanged
from tui.presenters import data as words
from tui.presenters.data import FACETS, Facet, Item, Look
from tui.presenters.labels import turns
from tui.screens.dataload import Loaded, load, read_hand
from tui.screens.datatable import PairTable, Rows
from tui.screens.keybar import KeyBar
from tui.screens.labelview import PairView
from tui.screens.steering import Steering
from tui.session import Session
from tui.widgets import Confirm, Prose, Table

WIDE, TALL = 100, 30
"""Below either the table stands alone, and the pair opens over it."""
NAMES = {"source": "Source", "category": "Category", "fate": "Filter", "mark": "By hand"}


class DataScreen(Steering):
    """Of `iteration`, or of the newest that trained on pairs."""

    BINDINGS = [*DATA]
    DEFAULT_CSS = """
    DataScreen #data-counts, DataScreen #data-looking { padding: 0 1; }
    DataScreen #data-search { display: none; height: 1; border: none; padding: 0 1; background: $surface; }
    DataScreen #data-search.-open { display: block; }
    DataScreen #data { height: 1fr; layout: vertical; }
    DataScreen #data-pair { height: 1fr; max-height: 45%; }
    DataScreen #data.-single #data-pair { display: none; max-height: 100%; }
    DataScreen #data.-single.-detail #data-pair { display: block; }
    DataScreen #data.-single.-detail #data-table { display: none; }
    """

    def __init__(self, session: Session, iteration: int | None = None) -> None:
        super().__init__(session)
        self._iteration = iteration
        self._found: Loaded | None = None
        self._look = Look()
        self._shown: dict[str, Item] = {}

    def compose(self) -> ComposeResult:
        yield Prose(id="data-counts")
        yield Prose(id="data-looking")
        with Container(id="data"):
            yield PairTable(id="data-table")
            yield PairView("pair", empty="no pair", id="data-pair")
        yield Input(placeholder="words to look for; enter keeps them, escape drops them", id="data-search")
        yield KeyBar()

    def on_mount(self) -> None:
        self.table.focus()
        self._read()

    @property
    def table(self) -> PairTable:
        return self.query_one(PairTable)

    @property
    def here(self) -> Item | None:
        """The pair under the cursor."""
        return self._shown.get(self.table.cursor_key)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> None:
        self.run_worker(self._load, thread=True, name="data", group="data", exclusive=True, exit_on_error=False)

    def _load(self) -> None:
        try:
            found = load(self.session.paths, self._iteration)
        except (PilothouseError, OSError) as error:
            self.app.call_from_thread(self._fail, str(error))
            return
        self.app.call_from_thread(self._take, found)

    def _fail(self, why: str) -> None:
        index = "" if self._iteration is None else f"iteration {self._iteration}"
        self._found, self._shown = None, {}
        self.query_one("#data-counts", Prose).text = Text(index, "bold")
        self.query_one("#data-looking", Prose).text = Text(why, "bad")
        self.table.choose((), "no pairs can be shown")
        self._show_pair()

    def _take(self, found: Loaded) -> None:
        """Another iteration's data; filters that know no pair of it are let go."""
        self._found, self._iteration = found, found.index
        kept = {facet: word for facet in FACETS if (word := getattr(self._look, facet)) in found.values(facet)}
        self._look = Look(words=self._look.words, **kept)
        about = words.counts(found.index, found.items, found.manifest)
        self.query_one("#data-counts", Prose).text = Text("\n").join([about, *(Text(f, "bad") for f in found.faults)])
        self.table.made, self.table.cursor_row = found.rows, 0
        self._tell()

    def on_screen_resume(self) -> None:
        """Back from labelling, or from any other screen: what operators have said since then."""
        if self._found is not None:
            self._listen_soon()

    def _listen_soon(self) -> None:
        self.run_worker(self._listen, thread=True, name="hand", group="hand", exclusive=True, exit_on_error=False)

    def _listen(self) -> None:
        found, (hand, fault) = self._found, read_hand(self.session.paths)
        if found is None or fault or hand == found.hand:
            return
        rows = Rows.of(found.items, hand)
        if not get_current_worker().is_cancelled:  # else a later look is under way
            self.app.call_from_thread(self._heed, replace(found, hand=hand, rows=rows))

    def _heed(self, found: Loaded) -> None:
        """Another word of an operator, unless another iteration is shown by now."""
        if self._found is not None and self._found.items is found.items:
            self._found, self.table.made = found, found.rows
            self._tell()

    # ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self) -> None:
        if self._found is None:
            return
        found = words.chosen(self._found.items, self._look, self._found.hand)
        self._shown = {item.key: item for item in found}
        self.query_one("#data-looking", Prose).text = words.looking(self._look, len(found), len(self._found.items))
        nothing = "no pair passes the filters" if self._found.items else "this iteration has no pairs"
        self.table.choose(found, nothing)
        self._show_pair()

    def _show_pair(self) -> None:
        view, item = self.query_one(PairView), self.here
        if item is None or self._found is None:
            view.say("no pair")
        else:
            view.show(turns(item.entry.pair.prompt), words.sides(item), words.about(item, self._found.hand))
        self.refresh_bindings()

    @on(Table.Moved)
    def _moved(self) -> None:
        self._show_pair()

    def on_resize(self, _: events.Resize) -> None:
        self.query_one("#data").set_class(self.size.width < WIDE or self.size.height < TALL, "-single")

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"quarantine", "detail"}:
            return True if self.here else None
        if action == "everything":
            return True if not self._look.everything else None
        if action == "iteration":
            by = parameters[0] if parameters else 0
            return True if isinstance(by, int) and self._beside(by) is not None else None
        return super().check_action(action, parameters)

    def _beside(self, by: int) -> int | None:
        """The iteration so many before or after this one, of those that have pairs."""
        tree = self.session.bulletin.latest(IterationsChanged)
        every = words.whole(tree.iterations) if tree else ()
        if self._iteration not in every:
            return every[-1] if every and by < 0 else None
        at = every.index(self._iteration) + by
        return every[at] if 0 <= at < len(every) else None

    def action_iteration(self, by: int) -> None:
        wanted = self._beside(by)
        if wanted is not None:
            self._iteration = wanted
            self._read()

    def action_turn(self, facet: Facet) -> None:
        if self._found is not None:
            self._set(words.turned(self._look, facet, self._found.items))

    def _set(self, look: Look) -> None:
        self._look = look
        self._tell()

    def action_everything(self) -> None:
        self.query_one(Input).value = ""
        self._set(Look())

    def action_detail(self) -> None:
        """The whole pair: in the panel below, or over the table where there is no room for both."""
        self.query_one("#data").toggle_class("-detail")
        shown = self.query_one("#data").has_class("-detail")
        (self.query_one(PairView) if shown else self.table).focus()

    @on(Table.Chosen)
    def _chosen(self) -> None:
        self.action_detail()

    def action_tab(self) -> None:
        self.action_detail()

    def action_back(self) -> None:
        """From the search, its words dropped, and from the pair to the table; from there to the screen below."""
        if self.query_one(Input).has_focus:
            self.query_one(Input).value = ""
            self._searched()
        elif self.query_one("#data").has_class("-detail"):
            self.action_detail()
        else:
            self.dismiss()

    # ── search ───────────────────────────────────────────────────────────────────────────────────────────────────

    def action_label(self) -> None:
        """Of the iteration that is looked at."""
        self.pilothouse.open_label(self._iteration)

    def action_search(self) -> None:
        search = self.query_one(Input)
        search.add_class("-open")
        search.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if event.value != self._look.words:
            self._set(replace(self._look, words=event.value))

    @on(Input.Submitted)
    def _searched(self) -> None:
        self.query_one(Input).remove_class("-open")
        self.table.focus()

    # ── quarantine ───────────────────────────────────────────────────────────────────────────────────────────────

    def action_quarantine(self) -> None:
        item, found = self.here, self._found
        if item is None or found is None:
            return
        on = item.entry.id not in found.hand.out
        question = f"Quarantine pair {item.entry.id}?" if on else f"Take pair {item.entry.id} back into the data?"
        consequence = (
            "It is left out of the data of every iteration to come. What has been trained on it stays as it is, nothing"
            " is deleted, and the same key takes it back."
            if on
            else "The next iteration may be trained on it again."
        )

        def answer(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._quarantine(item, on), name="quarantine", group="quarantine", exit_on_error=False)

        yes = "quarantine" if on else "take back"
        self.app.push_screen(Confirm(question, consequence, yes=yes, clock=self.session.monotonic), answer)

    async def _quarantine(self, item: Item, on: bool) -> None:
        """Marked once it is on the disk."""
        arg = {"pair": item.entry.id, "on": on, "iteration": self._iteration}
        try:
            await asyncio.to_thread(self.session.client.send, "quarantine", arg)
        except (PilothouseError, OSError) as error:
            self.notify(str(error), severity="error", markup=False, timeout=10)
            return
        self._listen_soon()

    # ── the palette ──────────────────────────────────────────────────────────────────────────────────────────────

    def commands(self) -> Iterator[SystemCommand]:
        """Every filter by its name, where turning through them would take many keys."""
        if self._found is None:
            return
        for facet in FACETS:
            for word in self._found.values(facet)[1:]:
                only = partial(self._set, replace(self._look, **{facet: word}))
                yield SystemCommand(f"{NAMES[facet]}: {word}", "show only these pairs", only)
