"""Plays games and stores what was seen, block by block; a killed run goes on where it was."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.worlds import _policies, atari, pong, variants
from eigenwell.worlds._storage import SIZES, Block, Origin, Store

# Episodes that are played side by side and written together.
_PER_BLOCK = {"pong": 64, "atari": 8}
_MOST = 2**31 - 1


def collect(
    path: str | os.PathLike[str],
    *,
    variant: str = "o",
    game: str = "pong",
    policy: str = "rally",
    episodes: int = 64,
    length: int = 1000,
    seed: int = 0,
    paired: bool = False,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Collect episodes of one world.

    Args:
        path: Folder of the store.
        variant: Name of the world, see :func:`eigenwell.worlds.variants.parse`.
        game: ``"pong"``, ours, or ``"atari"``, by the extra of that name.
        policy: ``"random"``, ``"sticky"`` or ``"rally"``, which returns the ball most of the time.
        episodes: How many.
        length: Most frames of one. Our Pong fills it; Atari's may be over before.
        seed: Of games and policy. Worlds of one seed hold disjoint games.
        paired: Play the same games for every world of that seed instead.
        resume: Go on with the store at ``path``, if there is one.
        progress: Called with episodes done and in all, after each block.

    Returns:
        The path.

    Raises:
        ArgumentError: An argument is out of range, the folder exists, cannot be written, or, of
            ``resume``, holds something else.
        FormatError: The store to resume is damaged.
        BackendUnavailableError: Zarr, or ale-py for Atari, is not installed.

    Note:
        Deterministic: a run that was killed and resumed ends with the same bits.
    """
    if game not in SIZES:
        raise ArgumentError(f"`game` must be one of {', '.join(SIZES)}, got {game!r}")
    if policy not in _policies.POLICIES:
        raise ArgumentError(
            f"`policy` must be one of {', '.join(_policies.POLICIES)}, got {policy!r}"
        )
    name = variants.parse(variant).name
    origin = Origin(
        game=game,
        variant=name,
        policy=policy,
        seed=_checks.integer(seed, "seed", low=0, high=_MOST),
        stream=0 if paired else 1 + zlib.crc32(name.encode()),
        episodes=_checks.integer(episodes, "episodes", low=1, high=10**6),
        length=_checks.integer(length, "length", low=2, high=10**6),
    )
    per_block = _PER_BLOCK[game]
    if resume and Path(path).exists():
        store = Store.open(path)
        _check_same(store.origin, origin, path)
    else:
        store = Store.create(path, origin, per_block)
    # A block is played as a whole: what a killed run left of one is written again.
    complete = store.complete
    begin = episodes if complete == episodes else complete // per_block * per_block
    for first in range(begin, episodes, per_block):
        store.write(first, _play(origin, first, min(per_block, episodes - first)))
        if progress is not None:
            progress(min(first + per_block, episodes), episodes)
    return store.path


def _check_same(found: Origin, wanted: Origin, path: str | os.PathLike[str]) -> None:
    for field, value in vars(wanted).items():
        if getattr(found, field) != value:
            raise ArgumentError(
                f"`{path}` must be resumed with {field} {getattr(found, field)!r}, got {value!r}"
            )


def _play(origin: Origin, first: int, count: int) -> Block:
    """Play the episodes ``first`` to ``first + count`` in lock-step."""
    courts, player = np.random.SeedSequence([origin.seed, origin.stream, first]).spawn(2)
    game: Any = pong.Pong if origin.game == "pong" else atari.AtariPong
    games = game(count, seed=courts)
    act = _policies.make(origin.policy, count, np.random.default_rng(player))
    length = origin.length
    frames = np.zeros((count, length, origin.size**2 // 8), np.uint8)
    actions = np.zeros((count, length), np.uint8)
    rewards = np.zeros((count, length), np.int8)
    labels = np.full((count, length, 3, 2), np.nan, np.float16)
    lengths = np.full(count, length, np.int32)
    for t in range(length):
        going = lengths == length
        seen = games.labels
        chosen = act(seen)
        frames[going, t] = games.frames[going]
        labels[going, t], actions[going, t] = seen[going], chosen[going]
        earned, over = games.step(chosen)
        rewards[going, t] = earned[going]
        if origin.game == "atari":  # our courts go on with the next game
            lengths[going & over] = t + 1
        if (lengths < length).all():
            break
    return Block(frames, actions, rewards, labels, lengths)
