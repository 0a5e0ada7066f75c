"""Which names an export can carry into C, C++ and Python alike."""

from __future__ import annotations

import keyword
import os
import re
from pathlib import Path

from eigenwell.errors import ArgumentError

# Leading, trailing and double underscores are reserved or would become so with a suffix; C99 keeps
# 63 characters of an internal identifier apart, and 40 leaves room for the longest suffix.
_IDENTIFIER = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
_MAX_LENGTH = 40

_WORDS_OF_C_AND_CPP = """
    alignas alignof and and_eq asm atomic_cancel auto bitand bitor bool break case catch char
    char16_t char32_t char8_t class co_await co_return co_yield compl concept const const_cast
    consteval constexpr constinit continue decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if import inline int long main module
    mutable namespace new noexcept not not_eq nullptr operator or or_eq posix private protected
    public reflexpr register reinterpret_cast requires restrict return short signed sizeof static
    static_assert static_cast std struct switch synchronized template this thread_local throw true
    try typedef typeid typename typeof union unsigned using virtual void volatile wchar_t while xor
    xor_eq
"""
_RESERVED = frozenset(keyword.kwlist) | frozenset(_WORDS_OF_C_AND_CPP.split())


def is_identifier(name: str) -> bool:
    """Whether an export can be called ``name`` in each of the languages."""
    fits = len(name) <= _MAX_LENGTH and _IDENTIFIER.fullmatch(name) is not None
    return fits and name not in _RESERVED


def identifier(name: str) -> str:
    """Return ``name`` if an export can be called so.

    Raises:
        ArgumentError: It is no identifier, too long or a reserved word.
    """
    if not is_identifier(name):
        raise ArgumentError(
            "`name` must be a C identifier of at most 40 characters, without leading, trailing or "
            f"double underscore and no reserved word, got {name[:60]!a}"
        )
    return name


def from_path(path: str | os.PathLike[str] | None) -> str:
    """Return the name that an export to a file has by default, ``"policy"`` if that makes none."""
    if path is None:
        return "policy"
    stem = re.sub(r"[^0-9A-Za-z]+", "_", Path(path).name.partition(".")[0]).strip("_")
    return stem if is_identifier(stem) else "policy"
