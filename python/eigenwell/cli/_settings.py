"""The settings of a config as options: names, types, defaults and help from the config alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Annotated, Any, TypedDict, get_type_hints

import tyro


def settings_of(config: type[Any], *, without: Collection[str] = (), **defaults: object) -> Any:
    """Return the type of a dictionary with the settings that were given, and no others.

    Args:
        config: A dataclass whose docstring lists its attributes; what was not given is its default.
        without: Settings that are no options.
        defaults: What the help says instead of a setting's default.
    """
    hints = get_type_hints(config)
    shown = {field.name: field.default for field in fields(config)} | defaults
    make: Any = TypedDict  # which mypy wants to be written out
    settings = make(
        "Settings",
        {
            name: Annotated[
                hints[name],
                tyro.conf.FlagConversionOff,
                tyro.conf.arg(help_behavior_hint=f"(default: {default})"),
            ]
            for name, default in shown.items()
            if name not in without
        },
        total=False,
    )
    settings.__doc__ = (config.__doc__ or "").replace("``", "")
    return settings
