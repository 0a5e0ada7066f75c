"""Pictures of functions: written whole, drawn of what they are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from eigenwell.errors import ArgumentError
from eigenwell.report import Curve, Span, draw_curves, draw_spans

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def test_curves(tmp_path: Path) -> None:
    curves = [Curve("a", [0, 1], "thin"), Curve("b", [1, 0], "wide"), Curve("c", [1, 1], "dashed")]
    path = tmp_path / "curves.png"
    draw_curves({"left": curves, "right": curves[:1]}, [0, 1], path, x_label="x")
    assert path.read_bytes().startswith(SIGNATURE)


def test_spans(tmp_path: Path) -> None:
    path = tmp_path / "spans.png"
    spans = {"one": Span(0.1, 1, 2), "other": Span(1e-12, 1e-3, 1)}
    draw_spans({"row": spans, "next": spans}, path, title="t", x_label="x")
    assert path.read_bytes().startswith(SIGNATURE)


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError):
        draw_spans(
            {"a": {"b": Span(1, 2, 3)}}, tmp_path / "no" / "where.png", title="t", x_label="x"
        )
