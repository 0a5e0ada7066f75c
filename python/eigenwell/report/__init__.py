"""Shows results: tables for terminals, logs and pipes, and animated pictures.

Dataclasses and arrays in, text and bytes out. Nothing here computes a result. The packages that
draw are extras and are imported by the call that needs them.
"""

from __future__ import annotations

from eigenwell.report._agents_examples import (
    check_agent_pictures,
    telling_pairs,
    write_agent_pictures,
)
from eigenwell.report._agents_figures import (
    draw_agent_map,
    draw_generated,
    draw_patterns,
    draw_prompts,
)
from eigenwell.report._agents_page import AgentsPage, DenseLayer, agents_page
from eigenwell.report._agents_tables import measures_table, patterns_table, repairs_table
from eigenwell.report._findings_figures import draw_polymer_findings, draw_sphere_findings
from eigenwell.report._findings_page import findings_page
from eigenwell.report._findings_pictures import Portrait, draw_portraits
from eigenwell.report._functions import Curve, Span, draw_curves, draw_spans
from eigenwell.report._gif import GifRecorder
from eigenwell.report._particle_movie import check_particle_pictures, write_particle_movie
from eigenwell.report._particle_sheet import write_particle_sheet
from eigenwell.report._particle_viewer import write_particle_viewer
from eigenwell.report._scaling import draw_scaling
from eigenwell.report._tables import Alignment, Table, printable, show_table
from eigenwell.report._walker_figures import (
    Gait,
    draw_bits,
    draw_cuts,
    draw_synchrony,
    draw_training,
)
from eigenwell.report._walker_tables import cut_table, progress_table, run_table, training_table
from eigenwell.report._wells_explorer import write_well_explorer
from eigenwell.report._wells_map import draw_escape_map
from eigenwell.report._wells_remedies import draw_exponents, draw_remedies
from eigenwell.report._wells_runs import draw_escape, draw_plane
from eigenwell.report._worlds_page import write_worlds_page

__all__ = [
    "AgentsPage",
    "Alignment",
    "Curve",
    "DenseLayer",
    "Gait",
    "GifRecorder",
    "Portrait",
    "Span",
    "Table",
    "agents_page",
    "check_agent_pictures",
    "check_particle_pictures",
    "cut_table",
    "draw_agent_map",
    "draw_bits",
    "draw_curves",
    "draw_cuts",
    "draw_escape",
    "draw_escape_map",
    "draw_exponents",
    "draw_generated",
    "draw_patterns",
    "draw_plane",
    "draw_polymer_findings",
    "draw_portraits",
    "draw_prompts",
    "draw_remedies",
    "draw_scaling",
    "draw_spans",
    "draw_sphere_findings",
    "draw_synchrony",
    "draw_training",
    "findings_page",
    "measures_table",
    "patterns_table",
    "printable",
    "progress_table",
    "repairs_table",
    "run_table",
    "show_table",
    "telling_pairs",
    "training_table",
    "write_agent_pictures",
    "write_particle_movie",
    "write_particle_sheet",
    "write_particle_viewer",
    "write_well_explorer",
    "write_worlds_page",
]
