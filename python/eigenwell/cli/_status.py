"""Exit statuses of the command line."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
#: A defect of ours, an environment that raised, or training that failed.
DEFECT: Final = 1
#: The user's mistake or a missing extra: one sentence on stderr.
MISTAKE: Final = 2
#: Ctrl-C (128 + SIGINT); what was done until then is printed.
INTERRUPTED: Final = 130
#: The reader of stdout went away (128 + SIGPIPE).
BROKEN_PIPE: Final = 141
