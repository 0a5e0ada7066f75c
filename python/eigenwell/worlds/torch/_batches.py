"""Sequences of several worlds as tensors, and what of an episode is kept for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from eigenwell.errors import ArgumentError

if TYPE_CHECKING:
    from eigenwell.worlds import _storage
    from eigenwell.worlds._config import MetaConfig
    from eigenwell.worlds._staged_config import StagedConfig

# The last episodes of a world are never trained on.
_HELD_OUT = 10


@dataclass(frozen=True)
class Batch:
    """Sequences of each world.

    Attributes:
        frames: ``(worlds, b, T, 64, 64)`` from 0 to 1.
        actions: ``(worlds, b, T)``, int64.
    """

    frames: Tensor
    actions: Tensor


def check_worlds(worlds: Sequence[_storage.World], config: MetaConfig | StagedConfig) -> None:
    """See that worlds can be trained on together.

    Raises:
        ArgumentError: They are fewer than two, differ in game or actions, show the same variant,
            hold the same games, or are too short.
    """
    if len(worlds) < 2:
        raise ArgumentError(f"`worlds` must be at least two, got {len(worlds)}")
    names = [world.origin.variant for world in worlds]
    if len(set(names)) < len(names):
        raise ArgumentError(f"`worlds` must be different variants, got {', '.join(names)}")
    first = worlds[0].origin
    for world in worlds:
        origin = world.origin
        if origin.actions != first.actions:
            raise ArgumentError(
                f"`worlds` must have the same number of actions, got {first.actions} in "
                f"{first.variant!r} and {origin.actions} in {origin.variant!r}"
            )
        if origin.game != first.game:
            raise ArgumentError(
                f"`worlds` must be of one game, got {first.game!r} and {origin.game!r}"
            )
        training_episodes(world)
        if not len(_starts(world, config.length)):
            raise ArgumentError(
                f"`worlds` must have episodes of at least `length` = {config.length} frames to "
                f"train on, got {world.block.lengths.max()} in {origin.variant!r}: collect longer "
                f"ones"
            )
    games = {(w.origin.policy, w.origin.seed, w.origin.stream) for w in worlds}
    if len(games) < len(worlds) and not config.paired:
        raise ArgumentError(
            "`worlds` must hold different games: collect them unpaired, or set `paired`"
        )


class Sampler:
    """Draws batches; the same seed and number give the same batch.

    Args:
        worlds: Checked worlds.
        config: Batch size, length, and whether actions are shuffled.
    """

    def __init__(self, worlds: Sequence[_storage.World], config: MetaConfig) -> None:
        self.worlds, self.config = worlds, config
        self._starts = [_starts(world, config.length) for world in worlds]

    def draw(self, *numbers: int) -> Batch:
        """Return the batch of these numbers."""
        config = self.config
        rng = np.random.default_rng([config.seed, *numbers])
        frames, actions = [], []
        for world, starts in zip(self.worlds, self._starts, strict=True):
            chosen = starts[rng.integers(len(starts), size=config.sequences)]
            episodes = chosen[:, :1]
            times = chosen[:, 1:] + np.arange(config.length)
            frames.append(world.frames(episodes, times))
            taken = world.block.actions[episodes, times]
            if config.shuffle_actions:
                order = np.random.default_rng([config.seed, *numbers, 1]).permutation(taken.size)
                taken = taken.ravel()[order].reshape(taken.shape)
            actions.append(taken)
        return Batch(
            torch.from_numpy(np.stack(frames)),
            torch.from_numpy(np.stack(actions).astype(np.int64)),
        )


def usual_picture(world: _storage.World, frames: int = 512) -> Tensor:
    """Return the median frame ``(64, 64)``: what does not move, background in both colours."""
    held, length = training_episodes(world), world.block.lengths.min()
    rng = np.random.default_rng(0)
    episodes = rng.integers(held, size=frames)
    median = np.median(world.frames(episodes, rng.integers(length, size=frames)), axis=0)
    return torch.from_numpy(median.astype(np.float32))


def held_out(
    world: _storage.World,
    count: int,
    seed: int,
    *,
    before: int = 0,
    after: int = 0,
    or_fewer: bool = False,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return episodes and times of distinct held-out pictures and of the frames around them.

    Args:
        world: Where they are from.
        count: How many.
        seed: Of their choice.
        before: How many frames before each.
        after: How many frames after each.
        or_fewer: Return what there is, if that is less.

    Returns:
        Episodes ``(count, 1)`` and times ``(count, before + 1 + after)``.

    Raises:
        ArgumentError: There are fewer.
    """
    first = training_episodes(world)
    places = np.concatenate(
        [
            np.stack(np.broadcast_arrays(episode, np.arange(before, frames - after)), axis=1)
            for episode, frames in enumerate(world.block.lengths)
            if episode >= first
        ]
    )
    # By the hash of their bytes: sorting 60,000 pictures takes some hundred times as long.
    first_of: dict[bytes, int] = {}
    for index, picture in enumerate(world.block.frames[places[:, 0], places[:, 1]]):
        first_of.setdefault(picture.tobytes(), index)
    distinct = np.fromiter(first_of.values(), np.intp)
    if len(distinct) < count and not or_fewer:
        raise ArgumentError(
            f"`worlds` must hold {count} distinct frames for validation, got {len(distinct)} in "
            f"{world.origin.variant!r}: collect more episodes"
        )
    chosen = places[np.random.default_rng(seed).permutation(distinct)[:count]]
    return chosen[:, :1], chosen[:, 1:] + np.arange(-before, after + 1)


def training_episodes(world: _storage.World) -> int:
    """Return how many episodes, the first ones, are trained on; the others are for validation."""
    episodes = len(world.block.lengths)
    if episodes < 2:
        raise ArgumentError(
            f"`worlds` must have at least two episodes, one of them for validation, got "
            f"{episodes} in {world.origin.variant!r}"
        )
    return episodes - max(1, episodes // _HELD_OUT)


def _starts(world: _storage.World, length: int) -> npt.NDArray[np.intp]:
    """Return episode and first time ``(n, 2)`` of every sequence that may be trained on."""
    parts = [
        np.stack(np.broadcast_arrays(episode, np.arange(frames - length + 1)), axis=1)
        for episode, frames in enumerate(world.block.lengths[: training_episodes(world)])
        if frames >= length
    ]
    return np.concatenate(parts) if parts else np.empty((0, 2), np.intp)
