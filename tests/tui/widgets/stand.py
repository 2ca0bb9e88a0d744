"""An app around widgets: what they show as plain text, and the messages that they post."""

from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from tui.glyphs import UNICODE, Glyphs
from tui.theme import THEMES
from tui.widgets import Chart, Table, ThriftyScreen


class Bench(App[None]):
    def __init__(self, *widgets: Widget, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.widgets, self.glyphs = widgets, glyphs
        self.posted: list[object] = []
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def get_default_screen(self) -> Screen[None]:
        return ThriftyScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield from self.widgets

    def on_chart_pointed(self, message: Chart.Pointed) -> None:
        self.posted.append(message.x)

    def on_table_moved(self, message: Table.Moved) -> None:
        self.posted.append(("moved", message.key))

    def on_table_chosen(self, message: Table.Chosen) -> None:
        self.posted.append(("chosen", message.key))

    def shown(self, widget: Widget | None = None) -> list[str]:
        """The rows of a widget (the first one) as it stands on the screen."""
        widget = widget or self.widgets[0]
        return [widget.render_line(y).text for y in range(widget.size.height)]
