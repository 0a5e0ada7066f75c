"""From the command line to a verb's dataclass."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Annotated, Any, Union

import tyro

from eigenwell.cli._options import Options
from eigenwell.cli.agents import Agents
from eigenwell.cli.bench import Bench
from eigenwell.cli.distil import Distil
from eigenwell.cli.evaluate import Evaluate
from eigenwell.cli.export import Export
from eigenwell.cli.findings import Findings
from eigenwell.cli.info import Info
from eigenwell.cli.inspect import Inspect
from eigenwell.cli.particles import Particles
from eigenwell.cli.train import Train
from eigenwell.cli.walk import Walk
from eigenwell.cli.wells import Wells
from eigenwell.cli.worlds import Worlds
from eigenwell.errors import ArgumentError

#: The verbs in the order of the help; those with subcommands are the union of these.
VERBS: dict[str, Any] = {
    "walk": Walk,
    "train": Train,
    "eval": Evaluate,
    "distil": Distil,
    "inspect": Inspect,
    "export": Export,
    "particles": Particles,
    "wells": Wells,
    "agents": Agents,
    "worlds": Worlds,
    "findings": Findings,
    "bench": Bench,
    "info": Info,
}

# Of the verbs that are no class with a docstring of its own.
_SUMMARIES = {
    "particles": "Run the article's systems of particles and look at them.",
    "agents": "Collect pole-balancing agents, embed them, and look at a map of them.",
    "worlds": "Collect, train and test worlds that look different and act alike.",
    "wells": "Look at gravity wells of the softmax: maps, escape times, certificates, remedies.",
}
_DESCRIPTION = "Small learning systems whose geometry can be looked at."
# Borders and rules of tyro's boxes, which are of ASCII where stdout cannot take better ones.
_RULE = re.compile("[\u2500-\u257f+-]{4,}")
_EDGES = "\u2502| "


def parse(arguments: list[str]) -> Options:
    """Return the verb with its options.

    Raises:
        ArgumentError: The arguments do not make sense.
        SystemExit: With 0, after ``--help``.
    """
    known = ", ".join(VERBS)
    if not arguments:
        arguments = ["--help"]
    elif not arguments[0].startswith("-") and arguments[0] not in VERBS:
        raise ArgumentError(f"unknown verb `{arguments[0]}`: expected one of {known}")
    choices = tuple(
        Annotated[verb, tyro.conf.subcommand(name, description=_SUMMARIES.get(name))]
        for name, verb in VERBS.items()
    )
    verbs: Any = Union[choices]  # noqa: UP007 - built at run time
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            command: Any = tyro.cli(
                verbs,
                args=arguments,
                prog="eigenwell",
                description=_DESCRIPTION,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if stop.code in (None, 0):
            raise
        raise ArgumentError(_sentence(captured.getvalue(), arguments)) from None
    assert isinstance(command, Options)
    return command


def _sentence(usage_error: str, arguments: list[str]) -> str:
    """Return the message of tyro's boxed usage error as a sentence that names the help.

    The box has its title in the top border and the pointer to the help below a rule; what lies
    between is the message. Were the box to change, only the wording would suffer.
    """
    message: list[str] = []
    for line in usage_error.splitlines()[1:]:
        inner = line.strip(_EDGES)
        if _RULE.fullmatch(inner):
            if message:
                break
            continue  # the rule below an ASCII box's title
        message.append(inner)
    words = " ".join(" ".join(message).split()).rstrip(".") or "the arguments do not make sense"
    near = re.search(r"Perhaps you meant.*?(--[\w-]+)", usage_error, re.DOTALL)
    words += f": did you mean {near[1]}?" if near else ""
    verb = f"{arguments[0]} " if arguments[0] in VERBS else ""
    return f"{words[0].lower()}{words[1:]} (see eigenwell {verb}--help)"
