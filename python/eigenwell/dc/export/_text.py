"""Numbers, tables and foreign text as they stand in generated source code: always plain ASCII."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

WIDTH = 100

# Everything else could end a comment, splice a line or start a trigraph in one of the languages.
_UNSAFE_IN_COMMENT = re.compile(r"[^0-9A-Za-z .,:;_+\-=()\[\]<>#%&'!~^|{}/@$]")
_COMMENT_LENGTH = 240


def float32(value: float | np.float32, suffix: str = "") -> str:
    """Return the shortest decimal literal that reads back as exactly this float32.

    Args:
        value: Finite, representable in float32.
        suffix: ``"f"`` for C and C++; a Python reader rounds to float64 first, so there the
            literal is also checked to survive rounding twice.
    """
    single = np.float32(value)
    text = repr(float(str(single)))
    if np.float32(float(text)) != single:
        text = repr(float(single))
    return text + suffix


def floats(values: npt.ArrayLike, suffix: str = "") -> list[str]:
    """Literals of all numbers of an array, in C order."""
    return [float32(value, suffix) for value in np.asarray(values, dtype=np.float32).ravel()]


def words(values: npt.NDArray[np.uint64], bits: int, suffix: str = "") -> list[str]:
    """Hexadecimal literals of 64-bit words, with as many digits as their indices fill."""
    digits = -(-(64 // bits * bits) // 4)
    return [f"0x{word:0{digits}x}{suffix}" for word in values.tolist()]


def lines(items: Iterable[str], *, first: str, rest: str) -> list[str]:
    """Set literals, each with a comma, in lines of at most 100 columns.

    Args:
        items: The literals.
        first: What the first line begins with.
        rest: What every other line begins with.
    """
    done: list[str] = []
    line, fresh = first, True
    for item in items:
        if len(line) + len(item) + 1 > WIDTH and not fresh:
            done.append(line.rstrip())
            line = rest
        line += item + ", "
        fresh = False
    return [*done, line.rstrip()]


def table(items: Iterable[str], indent: str = "    ") -> str:
    """Set literals as the lines between the braces of an initialiser."""
    return "\n".join(lines(items, first=indent, rest=indent))


def rows(matrix: npt.NDArray[np.float32], suffix: str = "", indent: str = "    ") -> str:
    """Set a matrix with each of its rows on a line of its own, as far as 100 columns reach."""
    return "\n".join(table(floats(row, suffix), indent) for row in matrix)


def comment(value: Any) -> str:
    """Return text from a policy's metadata so that no language can read it as anything but text."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict):
        text = ", ".join(f"{key} {json.dumps(item)}" for key, item in value.items())
    else:
        text = json.dumps(value)
    safe = _UNSAFE_IN_COMMENT.sub("_", text)
    return safe if len(safe) <= _COMMENT_LENGTH else safe[: _COMMENT_LENGTH - 3] + "..."


def entry(start: str, key: str, value: Any) -> str:
    """Set a key and foreign text as lines of a comment that all begin with ``start``."""
    return textwrap.fill(
        comment(value),
        WIDTH,
        initial_indent=f"{start}{key:<12} ",
        subsequent_indent=start + 13 * " ",
    )
