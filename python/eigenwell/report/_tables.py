"""Tables: drawn by rich on a terminal, aligned plain lines in pipes and logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from eigenwell._checks import require
from eigenwell.errors import ShapeError

if TYPE_CHECKING:
    import rich.console

Alignment = Literal["left", "right"]


@dataclass(frozen=True)
class Table:
    """Rows of text under a title.

    Attributes:
        title: One line.
        columns: Heading of each column; empty headings are not shown in plain text.
        rows: Cells, as many in each row as there are columns.
        alignments: Of each column; numbers read best to the right.

    Raises:
        ShapeError: A row or ``alignments`` has another length than ``columns``.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    alignments: tuple[Alignment, ...]

    def __post_init__(self) -> None:
        for cells in (self.alignments, *self.rows):
            if len(cells) != len(self.columns):
                raise ShapeError(f"a row must have {len(self.columns)} cells, got {len(cells)}")

    @classmethod
    def of_facts(cls, title: str, facts: Sequence[tuple[str, str]]) -> Table:
        """Return a table of names and what they are."""
        return cls(title, ("", ""), tuple(facts), ("left", "left"))

    def as_text(self) -> str:
        """Return aligned lines without colours, borders or trailing blanks."""
        shown = [self.columns] if any(self.columns) else []
        rows = [tuple(printable(cell) for cell in row) for row in (*shown, *self.rows)]
        widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
        lines = [printable(self.title)]
        for row in rows:
            cells = (
                cell.rjust(width) if alignment == "right" else cell.ljust(width)
                for cell, width, alignment in zip(row, widths, self.alignments, strict=True)
            )
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)


def show_table(table: Table, console: rich.console.Console) -> None:
    """Print a table to a console, plainly unless that is a terminal.

    Args:
        table: What to show.
        console: Where.

    Raises:
        BackendUnavailableError: rich is missing.
    """
    if not console.is_terminal:
        print(table.as_text(), file=console.file)
        return
    rich_table = require("rich.table", extra="walk")
    text = require("rich.text", extra="walk")
    drawn = rich_table.Table(
        title=text.Text(printable(table.title)),
        title_justify="left",
        show_header=any(table.columns),
    )
    for column, alignment in zip(table.columns, table.alignments, strict=True):
        drawn.add_column(column, justify=alignment, overflow="fold")
    for row in table.rows:
        # As Text, so that brackets in a policy's metadata are not taken for rich's markup.
        drawn.add_row(*(text.Text(printable(cell)) for cell in row))
    console.print(drawn)


def printable(text: str) -> str:
    """Replace control characters: text from a file must not drive the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
