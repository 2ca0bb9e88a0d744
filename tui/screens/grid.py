"""A presenter's grid into the table widget."""

from __future__ import annotations

from tui.presenters.iterations import Grid
from tui.widgets import Column, Table, TableRow


def fill(table: Table, grid: Grid, keys: tuple[str, ...] = ()) -> None:
    columns = [
        Column(column.title, "right" if column.right else "left", column.drop, column.flexible)
        for column in grid.columns
    ]
    rows = [
        TableRow(tuple(cell.as_text() for cell in row), key=keys[index] if keys else str(index))
        for index, row in enumerate(grid.rows)
    ]
    table.set_rows(rows, columns)
