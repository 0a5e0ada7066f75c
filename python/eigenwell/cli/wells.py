"""``eigenwell wells map | explore | escape | plane | compare | exponent | asr``: look at wells."""

from __future__ import annotations

from typing import Annotated

import tyro

from eigenwell.cli.wells_asr import Asr
from eigenwell.cli.wells_compare import Compare, Exponent
from eigenwell.cli.wells_escape import Escape
from eigenwell.cli.wells_map import Explore, Map
from eigenwell.cli.wells_plane import Plane

#: The views, each a subcommand.
Wells = (
    Annotated[Map, tyro.conf.subcommand("map")]
    | Annotated[Explore, tyro.conf.subcommand("explore")]
    | Annotated[Escape, tyro.conf.subcommand("escape")]
    | Annotated[Plane, tyro.conf.subcommand("plane")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Exponent, tyro.conf.subcommand("exponent")]
    | Annotated[
        Asr,
        tyro.conf.subcommand(
            "asr", description="Adaptive sampling with reward: metric learning's gravity well."
        ),
    ]
)
