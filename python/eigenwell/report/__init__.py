"""Shows results: tables for terminals, logs and pipes, and animated pictures.

Dataclasses and arrays in, text and bytes out. Nothing here computes a result. The packages that
draw are extras and are imported by the call that needs them.
"""

from __future__ import annotations

from eigenwell.report._functions import Curve, Span, draw_curves, draw_spans
from eigenwell.report._gif import GifRecorder
from eigenwell.report._scaling import draw_scaling
from eigenwell.report._tables import Alignment, Table, printable, show_table

__all__ = [
    "Alignment",
    "Curve",
    "GifRecorder",
    "Span",
    "Table",
    "draw_curves",
    "draw_scaling",
    "draw_spans",
    "printable",
    "show_table",
]
