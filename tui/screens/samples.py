"""What the models say to the same prompt: baseline, parent and this iteration side by side."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult

from engine.errors import PilothouseError
from engine.records import Sample
from tui.keys import SAMPLES
from tui.presenters.samples import sides
from tui.screens.keybar import KeyBar
from tui.screens.steering import Steering
from tui.session import Session
from tui.widgets import SideBySide


class Samples(SideBySide):
    """One iteration's samples, read in a thread: the store checks the file against its manifest first."""

    def __init__(self, session: Session, *, id: str) -> None:  # noqa: A002
        super().__init__("samples", id=id)
        self.session = session
        self._of: tuple[int, int | None] | None = None
        self._samples: tuple[Sample, ...] = ()
        self._at = 0

    def look(self, iteration: int, parent: int | None) -> None:
        """Show the samples of an iteration; a second look at the same one reads nothing."""
        if self._of != (iteration, parent):
            self._of = (iteration, parent)
            self.run_worker(
                self._load, thread=True, name="samples", group="samples", exclusive=True, exit_on_error=False
            )

    def _load(self) -> None:
        from engine.store.iterations import load_samples

        assert self._of is not None
        try:
            found = load_samples(self.session.paths, self._of[0])
        except (PilothouseError, OSError) as error:
            self.app.call_from_thread(self._say, Text(str(error), "bad"))
            return
        self.app.call_from_thread(self._loaded, found)

    def _loaded(self, samples: tuple[Sample, ...]) -> None:
        self._samples, self._at = samples, 0
        self.step(0)

    def _say(self, words: Text) -> None:
        self.title = Text.assemble(("samples", "dim"), "  ", words)

    def step(self, by: int) -> None:
        """The next sample, or the one before; after the last comes the first."""
        if not self._samples or self._of is None:
            self._say(Text("none kept", "dim"))
            return
        self._at = (self._at + by) % len(self._samples)
        sample = self._samples[self._at]
        place = Text.assemble((f"{self._at + 1} of {len(self._samples)}", "bold"), (f"  {sample.category}", "dim"))
        self._say(place)
        self.show(sample.prompt, sides(sample, *self._of))


class SamplesScreen(Steering):
    BINDINGS = [*SAMPLES]

    def __init__(self, session: Session, iteration: int, parent: int | None) -> None:
        super().__init__(session)
        self._of = (iteration, parent)

    def compose(self) -> ComposeResult:
        yield Samples(self.session, id="samples-alone")
        yield KeyBar()

    def on_mount(self) -> None:
        samples = self.query_one(Samples)
        samples.look(*self._of)
        samples.focus()

    def action_step(self, by: int) -> None:
        self.query_one(Samples).step(by)

    def action_back(self) -> None:
        self.dismiss()
