"""Checkpoints: safetensors, whose header also holds one JSON object, written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _files
from eigenwell._checks import require
from eigenwell.errors import ArgumentError, FormatError

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A family's kind of file.

    Attributes:
        key: Of the object in the header: the family's dotted name.
        extra: That installs safetensors, with what else the family needs.
        noun: What the file is.
        version: Of what is in it.
    """

    key: str
    extra: str
    noun: str = "checkpoint"
    version: int = 1

    def write(
        self,
        path: str | os.PathLike[str],
        arrays: Mapping[str, npt.NDArray[Any]],
        about: Mapping[str, Any],
    ) -> None:
        """Write arrays and a JSON object.

        Raises:
            ArgumentError: The file cannot be written there.
            BackendUnavailableError: safetensors is not installed.
        """
        save: Any = require("safetensors.numpy", extra=self.extra).save
        header = {self.key: json.dumps({"version": self.version, **about}, sort_keys=True)}
        # Not ascontiguousarray, which makes a row of a number.
        plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        _files.write_atomic(path, save(plain, metadata=header))

    def read(self, path: str | os.PathLike[str]) -> tuple[Arrays, dict[str, Any]]:
        """Read the arrays, which are read-only, and the JSON object.

        Raises:
            ArgumentError: The file cannot be read.
            FormatError: It is something else, or of another version.
            BackendUnavailableError: safetensors is not installed.
        """
        load: Any = require("safetensors.numpy", extra=self.extra).load
        damaged: Any = require("safetensors", extra=self.extra).SafetensorError
        data = _files.read_bytes(path)
        try:
            arrays: Arrays = load(data)
            # load() has checked the header, and leaves what else it says to us.
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            about: dict[str, Any] = dict(json.loads(header["__metadata__"][self.key]))
            version = about.pop("version")
        except (damaged, KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"`{os.fspath(path)}` is not a {self.noun} of {self.key}: {error}"
            ) from None
        if version != self.version:
            raise FormatError(
                f"`{os.fspath(path)}` must have version {self.version} to be read here, "
                f"got {version}"
            )
        return arrays, about


def check_same(
    stored: Mapping[str, Any],
    ours: Mapping[str, Any],
    folder: str | os.PathLike[str],
    *,
    free: AbstractSet[str],
) -> None:
    """Raise an error that names the first setting which makes a config another run's.

    Args:
        stored: Settings of the run in the folder, as JSON has them; what is missing is ours.
        ours: Settings to go on with, as JSON would have them.
        folder: Of the run.
        free: Settings that a resumed run may change.

    Raises:
        ArgumentError: They differ in another one.
    """
    for name, value in ours.items():
        theirs = stored.get(name, value)
        if name not in free and theirs != value:
            raise ArgumentError(
                f"`{name}` must be {theirs!r} to resume the run in {os.fspath(folder)}, got "
                f"{value!r}: resume with the config of that run, or choose another folder"
            )
