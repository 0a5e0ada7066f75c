"""Finds the verb, runs it, and turns what goes wrong into one sentence and an exit status.

The statuses stand in :mod:`eigenwell.cli._status`.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import TextIO

from eigenwell._checks import require
from eigenwell.cli import _status
from eigenwell.errors import EigenwellError, TrainingError
from eigenwell.report import printable


def run(arguments: Sequence[str]) -> int:
    """Run ``eigenwell ARGUMENTS...`` and return the exit status.

    Args:
        arguments: The command line without the program's name.
    """
    # A file name or a policy's metadata may hold what this terminal's encoding does not.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _warnings_on_one_line():
            status = _dispatch(list(arguments))
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _status.INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more on its way out, which would fail aloud.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _status.BROKEN_PIPE
    except EigenwellError as error:
        status = _status.DEFECT if isinstance(error, TrainingError) else _status.MISTAKE
        sentence = "; ".join([str(error), *getattr(error, "__notes__", ())])
        return _fail(sentence, arguments, status)
    except Exception as error:  # noqa: BLE001 - the last line of defence against a bare traceback
        sentence = f"unexpected {type(error).__name__}: {error} (run again with --debug)"
        return _fail(sentence, arguments, _status.DEFECT)
    return status


def _dispatch(arguments: list[str]) -> int:
    """Parse the arguments and run the verb."""
    for module in ("tyro", "rich"):
        require(module, extra="walk")

    from eigenwell.cli._arguments import parse
    from eigenwell.cli._output import Output

    command = parse(arguments)
    return command.run(Output(json=command.json, quiet=command.quiet))


def _fail(sentence: str, arguments: Sequence[str], status: int) -> int:
    if "--debug" in arguments:
        traceback.print_exc()
    else:
        print(f"eigenwell: {printable(' '.join(sentence.split()))}", file=sys.stderr)
    return status


@contextlib.contextmanager
def _warnings_on_one_line() -> Iterator[None]:
    """Show each warning once, as one line on stderr and without the source line behind it."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: object, file: TextIO | None = None, **__: object) -> None:
        text = " ".join(_without_colours(str(message)).split())
        if text not in shown:
            shown.add(text)
            print(f"eigenwell: warning: {printable(text)}", file=file or sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _without_colours(text: str) -> str:
    """Remove the escape sequences that Gymnasium puts around its warnings, and its own prefix."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).removeprefix("WARN: ")
