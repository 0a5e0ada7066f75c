"""Tables: aligned lines in pipes, drawn on terminals, harmless whatever a file says."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from eigenwell.errors import ShapeError
from eigenwell.report import Table, printable, show_table

TABLE = Table("scores", ("seed", "ended"), (("1", "terminated"), ("10", "x")), ("right", "left"))


def shown(table: Table, *, terminal: bool) -> str:
    stream = io.StringIO()
    show_table(table, Console(file=stream, force_terminal=terminal, width=60, color_system=None))
    return stream.getvalue()


def test_plain_lines() -> None:
    assert shown(TABLE, terminal=False) == "scores\nseed  ended\n   1  terminated\n  10  x\n"


def test_drawn_on_a_terminal() -> None:
    text = shown(TABLE, terminal=True)
    assert "│   10 │ x          │" in text
    assert text.startswith("scores")


def test_facts_have_no_headings() -> None:
    facts = Table.of_facts("info", [("numpy", "2.0"), ("python", "3")])
    assert shown(facts, terminal=False) == "info\nnumpy   2.0\npython  3\n"


def test_long_cells_are_folded_not_cut() -> None:
    word = "x" * 90
    assert shown(Table.of_facts("t", [("k", word)]), terminal=True).count("x") == 90


@pytest.mark.parametrize("terminal", [False, True])
def test_text_of_files_neither_styles_nor_drives_the_terminal(terminal: bool) -> None:
    text = shown(Table.of_facts("t", [("k", "[red]a\x1b[31mb\ud800\n")]), terminal=terminal)
    assert "[red]a\ufffd[31mb\ufffd\ufffd" in text
    assert "\x1b" not in text


def test_printable_keeps_letters() -> None:
    assert printable("Größe 1 µs") == "Größe 1 µs"


@pytest.mark.parametrize(
    ("rows", "alignments"), [((("1",),), ("left", "left")), ((("1", "2"),), ("left",))]
)
def test_ragged_tables(rows: tuple[tuple[str, ...], ...], alignments: tuple[str, ...]) -> None:
    with pytest.raises(ShapeError, match="a row must have 2 cells, got 1"):
        Table("t", ("a", "b"), rows, alignments)  # type: ignore[arg-type]
