"""The settings of a training run as options, and the grammar of ``--sweep``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_type_hints

from eigenwell.cli._settings import settings_of
from eigenwell.errors import ArgumentError
from eigenwell.ppo import PPOConfig

_HINTS = get_type_hints(PPOConfig)
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
# A sweep of more is a mistake in its range.
_MOST_RUNS = 10_000

if TYPE_CHECKING:
    Settings = dict[str, Any]
else:
    Settings = settings_of(PPOConfig, environment="the preset's")


def configs_of(settings: Mapping[str, Any], preset: str | None) -> PPOConfig:
    """Return the config of a preset, or of none, with changes."""
    if preset is None:
        return PPOConfig.from_mapping(settings)
    return PPOConfig.preset(preset, **settings)


def swept(assignments: Iterable[str]) -> list[dict[str, Any]]:
    """Return the product of assignments such as ``seeds=0..9`` and ``learning_rate=1e-4,3e-4``.

    Raises:
        ArgumentError: One is not of that form; a name is left to the config to judge.
    """
    axes = []
    for assignment in assignments:
        name, equals, words = assignment.partition("=")
        name = {"seeds": "seed"}.get(name.replace("-", "_"), name.replace("-", "_"))
        if not equals or not words:
            raise ArgumentError(
                f"`--sweep` must be like seeds=0..9 or learning_rate=1e-4,3e-4, got {assignment!r}"
            )
        values = [value for word in words.split(",") for value in _values(word, name)]
        axes.append([(name, value) for value in values])
    if (runs := _product(map(len, axes))) > _MOST_RUNS:
        raise ArgumentError(f"`--sweep` must come to at most {_MOST_RUNS:,} runs, got {runs:,}")
    return [dict(choice) for choice in itertools.product(*axes)]


def _product(lengths: Iterable[int]) -> int:
    product = 1
    for length in lengths:
        product *= length
    return product


def _values(word: str, name: str) -> Iterable[Any]:
    """Read a value or a range as what the setting takes; unknown settings as text."""
    hint = _HINTS.get(name, str)
    kinds = {int: int, float: float, float | None: _maybe, bool: _bool, tuple[int, ...]: _widths}
    kind: Any = kinds.get(hint, str)
    ends = _RANGE.fullmatch(word) if hint is int else None
    if ends and int(ends[1]) <= int(ends[2]):
        return range(int(ends[1]), min(int(ends[2]), int(ends[1]) + _MOST_RUNS) + 1)
    try:
        return [kind(word)]
    except (ValueError, KeyError):
        raise ArgumentError(f"`--sweep` cannot read {word!r} as a value of {name}") from None


def _maybe(word: str) -> float | None:
    return None if word.lower() == "none" else float(word)


def _bool(word: str) -> bool:
    return {"true": True, "false": False}[word.lower()]


def _widths(word: str) -> tuple[int, ...]:
    return tuple(int(width) for width in word.split("x"))
