"""Models at rest: one format for all kinds of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from eigenwell._checkpoint import Format
from eigenwell.errors import FormatError

_FORMAT = Format(key="eigenwell.agents", extra="agents", noun="model")


def write(
    path: str | os.PathLike[str], state: Mapping[str, torch.Tensor], about: Mapping[str, Any]
) -> None:
    """Write a state dict and a JSON object.

    Raises:
        ArgumentError: The file cannot be written.
        BackendUnavailableError: safetensors is not installed.
    """
    _FORMAT.write(path, {name: tensor.numpy() for name, tensor in state.items()}, about)


def read(
    path: str | os.PathLike[str], *, kind: str
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read the state dict and the JSON object, which must say that it is of this kind.

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It is not a model of that kind and of this version.
        BackendUnavailableError: safetensors is not installed.
    """
    arrays, about = _FORMAT.read(path)
    if about.get("kind") != kind:
        raise FormatError(
            f"`{os.fspath(path)}` must hold a model of kind {kind}, got {about.get('kind')}"
        )
    return {name: torch.tensor(array) for name, array in arrays.items()}, about
