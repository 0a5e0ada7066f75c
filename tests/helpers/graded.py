"""A small population of pole-balancers of graded skill, made without training."""

from __future__ import annotations

import numpy as np

from eigenwell import agents, cartpole

SMALL = cartpole.MLP((4, 5, 2))


def graded(count: int = 160, *, seed: int = 0, episodes: int = 20) -> agents.Population:
    """Mix random networks with one unit that balances; four snapshots to a run."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(count, SMALL.parameters)) * 0.4
    skill = rng.uniform(0, 1.5, count)
    matrix, _ = SMALL.unpack(weights)[0]
    out, offset = SMALL.unpack(weights)[1]
    matrix[:, :, 0] += skill[:, None] * np.array([0.1, 0.3, 3.0, 1.0])
    out[:, 0, 1] += 2 * skill
    offset[:, 1] += 0.3 * rng.normal(size=count)
    starts = cartpole.starts(episodes, seed=11)
    narrow = weights.astype(np.float32)
    y = cartpole.rollout(narrow, architecture=SMALL, starts=starts, cap=200).mean(axis=1)
    return agents.Population(
        weights=narrow,
        survival=y,
        survival_low=y,
        survival_high=y,
        survival_long=np.full(count, np.nan),
        behaviour=np.zeros((count, 3)),
        run=np.arange(count) // 4,
        step=np.arange(count) % 4,
        seed=np.zeros(count, np.int64),
        algorithm=np.full(count, "random"),
        architecture=SMALL,
        episodes=episodes,
    )
