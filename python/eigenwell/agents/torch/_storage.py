"""Models at rest: safetensors whose header holds a JSON object, versioned, written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eigenwell import _checks, _files
from eigenwell.errors import FormatError

if TYPE_CHECKING:
    import torch

KEY = "eigenwell.agents"
VERSION = 1


def write(
    path: str | os.PathLike[str], state: Mapping[str, torch.Tensor], about: Mapping[str, Any]
) -> None:
    """Write tensors and a JSON object.

    Raises:
        ArgumentError: The file cannot be written.
        BackendUnavailableError: safetensors is not installed.
    """
    save: Any = _checks.require("safetensors.torch", extra="agents").save
    header = {KEY: json.dumps({"version": VERSION, **about}, sort_keys=True)}
    tensors = {name: tensor.detach().contiguous() for name, tensor in state.items()}
    _files.write_atomic(path, save(tensors, metadata=header))


def read(
    path: str | os.PathLike[str], *, kind: str
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read tensors and the JSON object.

    Args:
        path: The file.
        kind: What the object must say under that name.

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It is no model of that kind and of this version.
        BackendUnavailableError: safetensors is not installed.
    """
    load: Any = _checks.require("safetensors.torch", extra="agents").load
    broken: Any = _checks.require("safetensors", extra="agents").SafetensorError
    data = _files.read_bytes(path)
    try:
        state: dict[str, torch.Tensor] = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about: dict[str, Any] = dict(json.loads(header["__metadata__"][KEY]))
        version, found = about["version"], about["kind"]
    except (broken, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"`{os.fspath(path)}` is no model of eigenwell.agents: {error}") from None
    if version != VERSION:
        raise FormatError(
            f"`{os.fspath(path)}` must have version {VERSION} to be read here, got {version}"
        )
    if found != kind:
        raise FormatError(f"`{os.fspath(path)}` must hold a model of kind {kind}, got {found}")
    return state, about
