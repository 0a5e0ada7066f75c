"""The figure of the mirror test's results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from matplotlib import colors, figure

from eigenwell.report import _worlds_figures
from eigenwell.report._findings_axes import BLUE, RED
from eigenwell.report._tables import Table
from eigenwell.studies import Result


def test_dots_are_where_the_numbers_are_and_red_beyond_the_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[figure.Figure] = []
    save = _worlds_figures.save
    monkeypatch.setattr(
        _worlds_figures, "save", lambda fig, path: (drawn.append(fig), save(fig, path))
    )
    values: dict[str, Any] = {"seconds": 1.0}
    for way, top, ratio, pixels, ball in (
        ("o>m", 0.9, 1.1, 0.5, 0.95),
        ("m>o", 0.7, 2.0, float("inf"), 0.5),
    ):
        numbers = (top, ratio, 1.0, pixels, 0.0, ball)
        names = ("top_1", "cross_decode_ratio", "predicted_ratio", "player_pixels")
        names += ("opponent_pixels", "ball_found")
        values |= {f"{way} {name}": value for name, value in zip(names, numbers, strict=True)}
    results = [Result(name, 0, {}, values, 1.0) for name in ("o-m", "not shown")]
    table = Table("Ours", ("cell",), (("o-m",),), ("left",))
    _worlds_figures.draw_mirror_results([table], results, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    expected = (
        [(90, BLUE), (70, RED)],
        [(1.1, BLUE), (1, BLUE), (2, RED), (1, BLUE)],
        [(0.5, BLUE), (0, BLUE), (40, RED), (0, BLUE)],  # no paddle: at the edge
        [(95, BLUE), (50, RED)],
    )
    for axes, dots in zip(drawn[0].axes, expected, strict=True):
        (found,) = axes.collections
        assert [x for x, _ in found.get_offsets()] == pytest.approx([x for x, _ in dots])
        wanted = [colors.to_rgba(colour, 0.6) for _, colour in dots]
        assert [tuple(colour) for colour in found.get_facecolor()] == wanted
