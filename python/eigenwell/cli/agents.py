"""``eigenwell agents collect | fit | explore``: a population, its embedding, and a map of it."""

from __future__ import annotations

from typing import Annotated

import tyro

from eigenwell.cli.agents_collect import Collect
from eigenwell.cli.agents_explore import Explore
from eigenwell.cli.agents_fit import Fit

#: What to do, each a subcommand.
Agents = (
    Annotated[Collect, tyro.conf.subcommand("collect")]
    | Annotated[Fit, tyro.conf.subcommand("fit")]
    | Annotated[Explore, tyro.conf.subcommand("explore")]
)
