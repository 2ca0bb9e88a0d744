"""Every setting of the next iteration, checked as it is typed by the config's own rules, with its bounds beside it.

Imports pydantic: the gate imports this module only when it is asked for.
"""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input

from engine.config.settings import SettingInfo, check_setting, describe_settings
from engine.errors import ConfigError
from engine.records import Scalar, Settings
from tui.keys import EDIT
from tui.presenters.choices import Choice, edited, next_settings
from tui.presenters.numbers import setting
from tui.screens.keybar import KeyBar
from tui.widgets import Prose


class Field(Horizontal):
    """One setting: name, input, and what is allowed, what is wrong, or what it was."""

    def __init__(self, info: SettingInfo, proposed: Scalar, before: Scalar, settings: Settings) -> None:
        super().__init__(classes="field")
        self.info, self.proposed, self.before = info, proposed, before
        self._settings = settings
        self.value: Scalar = proposed
        self.fault = ""

    def compose(self) -> ComposeResult:
        yield Prose(self.info.name, classes="field-name")
        yield Input(setting(self.proposed), compact=True, select_on_focus=False, classes="field-input")
        yield Prose(classes="field-note")

    def on_mount(self) -> None:
        self.judge(setting(self.proposed))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self.judge(event.value)

    def judge(self, text: str) -> None:
        try:
            self.value = check_setting(self.info.name, text, self._settings)
            self.fault = ""
        except ConfigError as error:
            self.fault = error.faults[0].problem
        self.query_one(".field-note", Prose).text = self._note()
        self.query_one(".field-name", Prose).text = Text(self.info.name, self._tone())

    def _note(self) -> Text:
        if self.fault:
            return Text(f"× {self.fault}", "bold bad")
        bounds = (f"   {self.info.bounds}", "faint")
        if self.value != self.proposed:
            return Text.assemble(("edited", "bold warn"), (f"   proposed {setting(self.proposed)}", "dim"), bounds)
        if self.value != self.before:
            return Text.assemble(("proposed", "run"), (f"   was {setting(self.before)}", "dim"), bounds)
        return Text(self.info.bounds, "faint")

    def _tone(self) -> str:
        return (
            "bold bad"
            if self.fault
            else "bold warn"
            if self.value != self.proposed
            else "bold"
            if self.value != self.before
            else "dim"
        )


class EditScreen(ModalScreen[Choice | None]):
    """Dismisses with the edited choice, which the gate then asks to confirm; None on escape."""

    BINDINGS = [*EDIT]

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self.choice = choice
        self._proposed = next_settings(choice)

    def compose(self) -> ComposeResult:
        name = "the baseline" if self.choice.to == 0 else f"iteration {self.choice.to}"
        title = f"settings of iteration {self.choice.following}, from the weights of {name}"
        with Vertical(id="edit"):
            yield Prose(Text(title, "bold warn"), id="edit-title")
            with VerticalScroll(id="edit-fields", can_focus=False):
                for info in describe_settings():
                    if info.name in self._proposed:
                        before = self.choice.base.get(info.name)
                        yield Field(info, self._proposed[info.name], before, self._proposed)
            yield Prose(id="edit-state")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query(Input).first().focus()
        self._say()

    def on_descendant_focus(self) -> None:
        self._say()

    @on(Input.Changed)
    def _say(self) -> None:
        fields = list(self.query(Field))
        wrong = [field.info.name for field in fields if field.fault]
        touched = [field.info.name for field in fields if not field.fault and field.value != field.proposed]
        state = Text(f"edited: {', '.join(touched)}" if touched else "as proposed", "warn" if touched else "dim")
        if wrong:
            state = Text(f"cannot be used: {', '.join(wrong)}", "bold bad")
        if self.focused is not None and isinstance(field := self.focused.parent, Field):
            state = Text.assemble((field.info.name, "bold"), (f": {field.info.description}\n", "dim"), state)
        self.query_one("#edit-state", Prose).text = state

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next(Input)

    def action_revert(self) -> None:
        if isinstance(self.focused, Input) and isinstance(field := self.focused.parent, Field):
            self.focused.value = setting(field.proposed)

    def action_review(self) -> None:
        fields = list(self.query(Field))
        if any(field.fault for field in fields):
            self.app.bell()
            return
        wanted = {field.info.name: field.value for field in fields}
        self.dismiss(edited(self.choice, self._proposed, {**self._proposed, **wanted}))

    def action_cancel(self) -> None:
        self.dismiss(None)
