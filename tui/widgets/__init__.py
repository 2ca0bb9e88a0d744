"""Widgets of the run and gate screens. They take plain values and know neither ledger nor files.

Everywhere: `Words` is a `str` or a rich `Text` whose styles are tones of `tui.theme` ("good", "bad", "warn", "run",
"dim", "faint", also "bold good"); markup is never parsed. `id` and `classes` as usual. The app sets `self.glyphs`
(`tui.glyphs.detect`), registers `tui.theme.THEMES`, and in ASCII adds `glyphs.PlainFilter()` in `get_line_filters`.
Every widget is a `Panel`: reactives `title`, `note` (top left and bottom right of its frame) and `framed`; setting a
reactive repaints only the cells that changed. `height: auto` works on all but charts.

Chart(title, *, unit="", limit=None, bounds=(None, None), log_axis=False, smooth=0.0, tone="run")
    set_series(x, lo, hi, mean)     array-likes, x rising, NaN for gaps; for warm smoothing give points from
                                    shown[0] - 5*smooth on
    reactives: log_axis, smooth (time constant in steps), limit, view ((x0, x1) or None: all), cursor_x,
        marks (((x, label), …): iteration starts)
    shown, plot_width (cells; 2 dots each), series;  message Chart.Pointed(chart, x): clicked there
    Zoom, pan, following and cursor steps: `tui.plot.view.View`, one for all charts of a screen
PlaneChart(title, *, axes=("", ""), empty="no data yet")      reactive: spots (tui.plot.plane.Spot, the path in order)
MemoryPanel()                       reactive: memory (records.Memory); set_history(x, used_bytes)
RunHeader()                         reactive: status (RunStatus); one row
Table(columns, title="", *, cursor=False, empty="nothing yet", framed=True)     Column(title, align, priority, flexible)
    set_rows(rows, columns=None)    TableRow(cells, key="", tone=""); keeps the cursor on its key
    reactives: rows, cursor_row;  cursor_key;  messages Table.Moved(table, key), Table.Chosen(table, key) (enter, click)
EventLog(title="events", *, keep=500, when=clock)      extend(events), clear(); follows the end until scrolled back
SideBySide(title="")                show(prompt, sides)     Side(title, text, score="", best=False)
Prose(text, *, title="", framed=None)   reactive: text; wraps, as tall as its text
ThriftyScreen                       a Screen that sends only changed cells: a third of the bytes; screens derive from it
Confirm(question, consequence, *, yes="yes", clock=time.monotonic)   ModalScreen[bool]: y is True, any other key False
"""

from tui.widgets.chart import Chart
from tui.widgets.compare import Side, SideBySide
from tui.widgets.confirm import Confirm
from tui.widgets.events import EventLog
from tui.widgets.header import RunHeader, RunStatus
from tui.widgets.memory import MemoryPanel
from tui.widgets.panel import Panel, Words
from tui.widgets.plane import PlaneChart
from tui.widgets.prose import Prose
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.thrifty import ThriftyScreen

__all__ = [
    "Chart",
    "Column",
    "Confirm",
    "EventLog",
    "MemoryPanel",
    "Panel",
    "PlaneChart",
    "Prose",
    "RunHeader",
    "RunStatus",
    "Side",
    "SideBySide",
    "Table",
    "TableRow",
    "ThriftyScreen",
    "Words",
]
