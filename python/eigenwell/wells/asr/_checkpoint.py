"""A run's files: settings as TOML, curves as JSON, and a checkpoint to go on from."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _files
from eigenwell._checks import require
from eigenwell.errors import ArgumentError, FormatError

if TYPE_CHECKING:
    from eigenwell.wells.asr._config import ASRConfig

CONFIG, CURVES, LAST = "config.toml", "curves.json", "last.safetensors"
KEY, VERSION = "eigenwell.wells.asr", 1
# What may differ between a run and its continuation: where the same data lie.
FREE = frozenset({"root"})

Arrays = dict[str, npt.NDArray[Any]]


def write(folder: Path, arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any]) -> None:
    """Write a checkpoint: arrays, and an object of JSON in its header.

    Raises:
        ArgumentError: It cannot be written there.
        BackendUnavailableError: safetensors is not installed.
    """
    safetensors = require("safetensors.numpy", extra="learn")
    header = {KEY: json.dumps({"version": VERSION, **about}, sort_keys=True)}
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        plain[name] = plain[name].reshape(array.shape)  # which makes a number a row
    _files.write_atomic(folder / LAST, safetensors.save(plain, metadata=header))


def read(folder: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read a checkpoint.

    Raises:
        ArgumentError: It cannot be read.
        FormatError: It is no checkpoint of this version.
        BackendUnavailableError: safetensors is not installed.
    """
    safetensors = require("safetensors.numpy", extra="learn")
    damaged = require("safetensors", extra="learn").SafetensorError
    path = folder / LAST
    data = _files.read_bytes(path)
    try:
        arrays: Arrays = safetensors.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about: dict[str, Any] = json.loads(header["__metadata__"][KEY])
        version = about["version"]
    except (damaged, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"`{path}` is not a checkpoint of eigenwell.wells.asr: {error}") from None
    if version != VERSION:
        raise FormatError(f"`{path}` must have version {VERSION} to be read here, got {version}")
    return arrays, about


def write_curves(folder: Path, document: Mapping[str, Any]) -> None:
    """Write the curves, in which NaN becomes null."""
    text = json.dumps(_plain(document), indent=1, allow_nan=False)
    _files.write_atomic(folder / CURVES, f"{text}\n".encode())


def read_curves(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :func:`write_curves` wrote.

    Raises:
        ArgumentError: There is nothing to read.
        FormatError: It is something else.
    """
    path = Path(folder) / CURVES
    try:
        document = json.loads(_files.read_bytes(path))
        curves = document["curves"]
        document["curves"] = {
            name: [math.nan if value is None else value for value in curve]
            for name, curve in curves.items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise FormatError(f"`{path}` does not hold the curves of a run: {error!r}") from None
    return dict(document)


def check_same(stored: Mapping[str, Any], config: ASRConfig, folder: Path) -> None:
    """Raise an error that names the first setting which makes a config another run's.

    Raises:
        ArgumentError: They differ.
    """
    for name, value in config.as_json().items():
        theirs = stored.get(name, value)
        if name not in FREE and theirs != value:
            raise ArgumentError(
                f"`{name}` must be {theirs!r} to resume the run in {folder}, got {value!r}: resume "
                "with the config of that run, or choose another folder"
            )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
