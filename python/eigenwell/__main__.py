"""The entry of the command line: ``eigenwell`` and ``python -m eigenwell``.

Besides the verbs it answers three questions that build systems ask, and those without any extra:
``--version``, ``--cmake-dir`` (for ``CMAKE_PREFIX_PATH`` or ``eigenwell_DIR``) and
``--include-dir`` (for a compiler's ``-I``).
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

# Files that stand for the folder they lie in, relative to the folder that holds the package.
_CMAKE_FILE = PurePosixPath("eigenwell/share/cmake/eigenwell/eigenwellConfig.cmake")
_HEADER = PurePosixPath("eigenwell/include/eigenwell/version.hpp")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        argv: Arguments without the program's name; None reads those of the process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--cmake-dir"]:
        return _print_path(_CMAKE_FILE, parents=1)
    if arguments == ["--include-dir"]:
        return _print_path(_HEADER, parents=2)
    if arguments == ["--version"]:
        print(importlib.metadata.version("eigenwell"))
        return 0

    from eigenwell.cli.main import run

    return run(arguments)


def _print_path(file: PurePosixPath, *, parents: int) -> int:
    """Print the folder ``parents`` levels above an installed file."""
    # Not by __file__: in an editable install the package lies in the source tree and this does not.
    for entry in importlib.metadata.files("eigenwell") or ():
        if entry == file:
            path = Path(str(entry.locate())).resolve()
            if path.is_file():
                print(path.parents[parents - 1])
                return 0
    print(f"eigenwell: {file.name} is not installed: pip install eigenwell again", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
