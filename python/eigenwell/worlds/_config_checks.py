"""What both kinds of configs have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from eigenwell import _checks
from eigenwell.errors import ArgumentError, DTypeError

# The greatest count or seed.
_MOST = 2**31 - 1

_Config = TypeVar("_Config")


def from_dict(kind: type[_Config], values: Mapping[str, Any]) -> _Config:
    """Return the config of :func:`dataclasses.asdict`, also after a way through JSON.

    Raises:
        DTypeError: It has fields that no config has.
    """
    fields: Any = kind
    unknown = set(values) - {field.name for field in dataclasses.fields(fields)}
    if unknown:
        raise DTypeError(f"`config` has unknown fields: {', '.join(sorted(unknown))}")
    widths = {"widths": tuple(values["widths"])} if "widths" in values else {}
    return kind(**{**values, **widths})


def check(
    config: Any,
    *,
    choices: Mapping[str, tuple[str, ...]],
    counts: Iterable[str],
    from_three: Iterable[str],
    from_zero: Iterable[str],
    rates: Iterable[str],
    weights: Iterable[str],
) -> None:
    """Check a config's fields, named by kind, its four widths and its first kernel.

    Raises:
        EigenwellError: A value is out of range or of the wrong type.
    """
    for name, allowed in choices.items():
        value = getattr(config, name)
        if value not in allowed:
            raise ArgumentError(f"`{name}` must be {' or '.join(allowed)}, got {value!r}")
    if _checks.integer(config.first_kernel, "first_kernel", low=1, high=_MOST) not in (4, 6):
        raise ArgumentError(f"`first_kernel` must be 4 or 6, got {config.first_kernel!r}")
    for low, names in ((0, from_zero), (1, counts), (3, from_three)):
        for name in names:
            _checks.integer(getattr(config, name), name, low=low, high=_MOST)
    for name in rates:
        _checks.positive(getattr(config, name), name)
    for name in weights:
        _checks.not_negative(getattr(config, name), name)
    if not isinstance(config.widths, tuple) or len(config.widths) != 4:
        raise ArgumentError(f"`widths` must be four numbers, got {config.widths!r}")
    for width in config.widths:
        _checks.integer(width, "widths", low=1, high=2**16)
