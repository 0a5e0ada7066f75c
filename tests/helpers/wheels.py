"""What must be in a wheel of eigenwell, and what must not.

`python -m tests.helpers.wheels FILE...` says what is wrong with each, and exits with 1 if any is.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

# Kernels of five families for three instruction sets (1.6 MB), a sample of agents with its
# embedding (1 MB), and a model of two worlds (1.4 MB): what is more is a mistake.
MAX_BYTES = 4_200_000

# A Python package, a CMake package for embedders, and the bundled policy.
REQUIRED = (
    "eigenwell/__init__.py",
    "eigenwell/py.typed",
    "eigenwell/_native*.so",
    "eigenwell/_native.pyi",
    "eigenwell/dc/article_walker.dcp",
    "eigenwell/dc/trained_walker.dcp",
    "eigenwell/include/eigenwell/eigenwell.h",
    "eigenwell/include/eigenwell/version.hpp",
    "eigenwell/include/eigenwell/dc/*.hpp",
    "eigenwell/lib/libeigenwell.a",
    "eigenwell/share/cmake/eigenwell/eigenwellConfig.cmake",
    "eigenwell/share/cmake/eigenwell/eigenwellTargets.cmake",
    "eigenwell-*.dist-info/licenses/LICENSE",
)
# One folder of our own in site-packages; sources and leftovers of a build stay out.
ALLOWED_FOLDERS = ("eigenwell/*", "eigenwell-*.dist-info/*")
FORBIDDEN = ("*.cpp", "*.o", "*.pyc", "*/tests/*", "*/pybind11/*")


def problems_of_names(names: Iterable[str]) -> list[str]:
    """Say what is missing from, or wrongly among, the file names of a wheel.

    Args:
        names: The archive's members, with forward slashes.

    Returns:
        One sentence per problem, empty for a good wheel.
    """
    names = list(names)
    missing = [want for want in REQUIRED if not any(fnmatchcase(name, want) for name in names)]
    stray = [
        name
        for name in names
        if not any(fnmatchcase(name, folder) for folder in ALLOWED_FOLDERS)
        or any(fnmatchcase(name, pattern) for pattern in FORBIDDEN)
    ]
    return [f"{want} is missing" for want in missing] + [f"{name} is in it" for name in stray]


def problems_of_wheel(wheel: Path) -> list[str]:
    """Say what is wrong with the contents or the size of a wheel file.

    Args:
        wheel: Path of the `.whl`.

    Returns:
        One sentence per problem, empty for a good wheel.
    """
    with zipfile.ZipFile(wheel) as archive:
        problems = problems_of_names(archive.namelist())
    size = wheel.stat().st_size
    if size > MAX_BYTES:
        problems.append(f"it has {size:,} bytes, more than {MAX_BYTES:,}")
    return problems


def main(arguments: list[str]) -> int:
    """Check the wheels named on the command line; returns the exit status."""
    if not arguments:
        print("name at least one wheel")
        return 2
    found = [(name, problem) for name in arguments for problem in problems_of_wheel(Path(name))]
    for name, problem in found:
        print(f"{name}: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
