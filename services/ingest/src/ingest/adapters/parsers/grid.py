"""A table's rows, each whole in itself: a merged cell's text stands in every row that it reaches into.

A row is found and cited by itself; without the merged cell it would not say what it is about.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# Excel's own limit; more columns than that are no table.
MAX_COLUMNS = 16_384


@dataclass(frozen=True, slots=True)
class Cell:
    """`column` counts from 0; without it, the cell stands in the row's next free column."""

    text: str
    rows: int = 1
    columns: int = 1
    column: int | None = None


class Grid:
    def __init__(self) -> None:
        # Column → how many further rows a cell from above reaches into, and its text there.
        self._hanging: dict[int, tuple[int, str]] = {}

    def row(self, cells: Iterable[Cell]) -> list[str]:
        """The texts of the next row, column by column. Of a cell over several columns only the first has the text."""
        texts = {column: text for column, (_, text) in self._hanging.items()}
        hanging = {column: (left - 1, text) for column, (left, text) in self._hanging.items() if left > 1}
        free = 0
        for cell in cells:
            column = cell.column if cell.column is not None else _next_free(texts, free)
            free = min(column + max(cell.columns, 1), MAX_COLUMNS)
            for at in range(column, free):
                texts[at] = cell.text if at == column else ""
                if cell.rows > 1:
                    hanging[at] = (cell.rows - 1, texts[at])
        self._hanging = hanging
        return [texts.get(column, "") for column in range(max(texts) + 1)] if texts else []


def _next_free(texts: dict[int, str], column: int) -> int:
    while column in texts:
        column += 1
    return column
