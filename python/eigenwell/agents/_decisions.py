"""What networks see and decide: visited states, actions there, and how far two agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import cartpole

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_CHUNK = 500  # networks whose visits or hidden activations are held in memory at once
_EPISODES, _EVERY = 8, 3  # pushes alternate: an odd interval sees both kinds


def visited_states(
    weights: Floats, architecture: cartpole.Architecture, *, count: int, cap: int, seed: int
) -> Floats:
    """Return states of each network's own episodes, drawn from all it sees, float32 [n, count, 4].

    Args:
        weights: float32 [n, p].
        architecture: Of all of them.
        count: Of states, drawn with replacement.
        cap: Most steps of an episode.
        seed: Of starts and draws.
    """
    rng = np.random.default_rng(seed)
    parts = [np.empty((0, count, 4), np.float32)]
    starts = cartpole.starts(_EPISODES, seed=seed)
    for at in range(0, len(weights), _CHUNK):
        visits = cartpole.rollout(
            weights[at : at + _CHUNK],
            architecture=architecture,
            starts=starts,
            cap=cap,
            mode="fast",
            states=_EVERY,
        )
        counts = visits.counts.sum(axis=1)
        first = np.cumsum(counts) - counts
        rows = (rng.random((len(counts), count)) * counts[:, None]).astype(np.int64)
        parts.append(visits.observations[first[:, None] + rows])
    return np.concatenate(parts)


def pushes_right(weights: Floats, architecture: cartpole.MLP, states: Floats) -> Bools:
    """Return whether each network pushes to the right in each state, bool [n, m].

    Args:
        weights: float32 [n, p].
        architecture: Of all of them.
        states: float32 [m, 4] for all, or [n, m, 4].
    """
    found = np.empty((len(weights), states.shape[-2]), np.bool_)
    for at in range(0, len(weights), _CHUNK):
        rows = slice(at, at + _CHUNK)
        x: Any = states[rows] if states.ndim == 3 else states
        layers = architecture.unpack(weights[rows])
        for matrix, bias in layers[:-1]:
            x = x @ matrix + bias[:, None]
            x = np.tanh(x) if architecture.activation == "tanh" else np.maximum(x, 0)
        matrix, bias = layers[-1]
        gain, offset = matrix[..., 1] - matrix[..., 0], bias[:, 1] - bias[:, 0]
        found[rows] = (x @ gain[..., None])[..., 0] + offset[:, None] > 0
    return found


def disagreement(one: Bools, other: Bools) -> Floats:
    """Return the share of states in which actions differ, of each pair, float32 [n, k].

    Args:
        one: Actions [n, m].
        other: Actions in the same states [k, m].
    """
    signs = [2 * actions.astype(np.float32) - 1 for actions in (one, other)]
    agreeing = signs[0] @ signs[1].T / np.float32(one.shape[1])
    return ((1 - agreeing) / 2).astype(np.float32)
