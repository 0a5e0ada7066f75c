"""Small checkpoints: a model in half precision with its own mirror test, ready to be shown."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from eigenwell.errors import ArgumentError, FormatError
from eigenwell.worlds import _checkpoint, _demo, _storage
from eigenwell.worlds.mirror import Mirror
from eigenwell.worlds.torch._evaluate import Judgement, mirror_test
from eigenwell.worlds.torch._train import LAST, _about, load

if TYPE_CHECKING:
    from eigenwell.worlds.torch._model import Trained


def shrink(
    trained: Trained,
    worlds: Sequence[_storage.World],
    path: str | os.PathLike[str],
    *,
    frames: int = 1000,
    seed: int = 0,
) -> Judgement:
    """Write a model in half precision, with the mirror test of what is written.

    :func:`eigenwell.worlds.torch.load` reads it; it cannot be trained further.

    Args:
        trained: The model.
        worlds: Those that it was trained on.
        path: The file, two bytes a weight.
        frames: Held-out frames of the mirror test.
        seed: Of their choice.

    Returns:
        The mirror test, measured with the rounded weights.

    Raises:
        ArgumentError: A weight is too large, the worlds are others, or the file cannot be written.
    """
    model, halves = copy.deepcopy(trained.model), {}
    for name, tensor in model.state_dict().items():
        half = tensor.half()
        if not torch.isfinite(half).all():
            raise ArgumentError(
                f"`trained` must have weights up to 65504, `{name}` has larger ones"
            )
        tensor.copy_(half)
        halves[f"model.{name}"] = half.numpy()
    small = dataclasses.replace(trained, model=model, rows=())
    judgement = mirror_test(small, worlds, frames=frames, seed=seed)
    about = _about(small, worlds, 0.0) | {"mirror": dataclasses.asdict(judgement)}
    _checkpoint.write(path, halves, about)
    return judgement


@dataclasses.dataclass(frozen=True)
class Shown:
    """A model to be shown without any data at hand.

    Attributes:
        trained: The model.
        worlds: Games that it has never seen.
        mirror: Its mirror test as its maker measured it, where the file has one.
    """

    trained: Trained
    worlds: tuple[_storage.World, ...]
    mirror: Judgement | None


def demo(path: str | os.PathLike[str] | None = None) -> Shown:
    """Load a model, by default the one that comes with eigenwell, and play games for it.

    Raises:
        ArgumentError: There is no such model, or it is not one of our own Pong.
        FormatError: The file is damaged.
    """
    file = Path(_demo.shipped() if path is None else path)
    trained = load(file)
    file = file / LAST if file.is_dir() else file
    _, about = _checkpoint.read(file)
    try:
        origins = [_storage.Origin(**origin) for origin in about["worlds"]]
        mirror = _judgement(about["mirror"]) if "mirror" in about else None
    except (KeyError, TypeError) as error:
        raise FormatError(f"`{file}` is damaged: {type(error).__name__} {error}") from None
    return Shown(trained, _demo.games(origins), mirror)


def _judgement(document: Mapping[str, Any]) -> Judgement:
    pairs = tuple(Mirror(**pair) for pair in document["pairs"])
    return Judgement(pairs, document["cycle"], document["prediction"])
