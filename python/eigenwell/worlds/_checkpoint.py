"""Checkpoints: safetensors, whose header also holds one JSON object, written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _files
from eigenwell._checks import require
from eigenwell.errors import FormatError

KEY = "eigenwell.worlds"
VERSION = 1


def write(
    path: str | os.PathLike[str],
    tensors: Mapping[str, npt.NDArray[Any]],
    about: Mapping[str, Any],
) -> None:
    """Write arrays and a JSON object.

    Raises:
        ArgumentError: The file cannot be written there.
        BackendUnavailableError: safetensors is not installed.
    """
    safetensors = require("safetensors.numpy", extra="worlds")
    header = {KEY: json.dumps({"version": VERSION, **about}, sort_keys=True)}
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    _files.write_atomic(path, safetensors.save(arrays, metadata=header))


def read(path: str | os.PathLike[str]) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Read arrays and the JSON object.

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It is not a checkpoint of this version.
        BackendUnavailableError: safetensors is not installed.
    """
    safetensors = require("safetensors.numpy", extra="worlds")
    broken = require("safetensors", extra="worlds").SafetensorError
    data = _files.read_bytes(path)
    try:
        tensors: dict[str, npt.NDArray[Any]] = safetensors.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about: dict[str, Any] = json.loads(header["__metadata__"][KEY])
        version = about.pop("version")
    except (broken, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"`{os.fspath(path)}` is not a checkpoint of eigenwell.worlds: {error}"
        ) from None
    if version != VERSION:
        raise FormatError(
            f"`{os.fspath(path)}` must have version {VERSION} to be read here, got {version}"
        )
    return tensors, about
