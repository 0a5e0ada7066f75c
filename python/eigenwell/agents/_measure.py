"""How long networks survive, with intervals, and how they behave while they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, cartpole

if TYPE_CHECKING:
    from eigenwell.agents._networks import Array

# Networks whose visited states are held in memory at the same time.
_BATCH = 512
# Episodes that the behaviour is a mean over.
_WATCHED = 8
# Episodes at the long cap, which take as long as a thousand at the short one.
_LONG_EPISODES = 20


def bootstrap_interval(
    steps: npt.ArrayLike, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[Array, Array]:
    """Return the ends of the percentile bootstrap interval of each row's mean.

    Args:
        steps: Of the episodes of each network, [n, episodes].
        level: Of the interval, in (0, 1).
        resamples: Of the episodes, the same ones for all networks, whose starts are paired.
        seed: Of the resamples.

    Returns:
        Lower and upper ends, float32 [n].

    References:
        Efron 1979, "Bootstrap methods: another look at the jackknife".
    """
    values = np.asarray(steps, dtype=np.float64)
    episodes = values.shape[1]
    shares = np.full(episodes, 1 / episodes)
    counts = np.random.default_rng(seed).multinomial(episodes, shares, size=resamples)
    tail = (1 - _checks.positive(level, "level")) / 2
    low, high = np.empty((2, len(values)), np.float32)
    for begin in range(0, len(values), 4096):  # the means of all resamples are many
        part = slice(begin, begin + 4096)
        means = values[part] @ (counts.T / episodes)
        low[part], high[part] = np.quantile(means, [tail, 1 - tail], axis=1)
    return low, high


def measure(
    weights: npt.NDArray[Any],
    *,
    architecture: cartpole.Architecture,
    starts: npt.NDArray[np.float64],
    cap: int,
    long_cap: int = 0,
    threads: int | None = None,
) -> dict[str, Any]:
    """Measure networks from paired starts, as the columns of a :class:`Population`.

    Args:
        weights: Float32 [n, p].
        architecture: Of the networks.
        starts: The same for all networks, [episodes, 4].
        cap: Steps after which an episode ends.
        long_cap: The same for `survival_long`, of networks that survive three quarters of the cap,
            from the first 20 starts; 0 measures none.
        threads: Of the rollouts.

    Returns:
        ``survival``, ``survival_low``, ``survival_high``, ``survival_long``, float32 [n], and
        ``behaviour``, float32 [n, 3].
    """
    task: dict[str, Any] = {"architecture": architecture, "mode": "fast", "threads": threads}
    steps = cartpole.rollout(weights, starts=starts, cap=cap, **task)
    mean = steps.mean(axis=1).astype(np.float32)
    low, high = bootstrap_interval(steps)
    long = np.full(len(weights), np.nan, np.float32)
    strong = mean > 0.75 * cap
    if long_cap and strong.any():
        few = starts[:_LONG_EPISODES]
        found = cartpole.rollout(weights[strong], starts=few, cap=long_cap, **task)
        long[strong] = found.mean(axis=1)
    return {
        "survival": mean,
        "survival_low": low,
        "survival_high": high,
        "survival_long": long,
        "behaviour": behaviour(
            weights, architecture=architecture, starts=starts, cap=cap, threads=threads
        ),
    }


def behaviour(
    weights: npt.NDArray[Any],
    *,
    architecture: cartpole.Architecture,
    starts: npt.NDArray[np.float64],
    cap: int,
    threads: int | None = None,
) -> Array:
    """Return means over visited states: cart position, pole angle, share of pushes to the right.

    Args:
        weights: Float32 [n, p].
        architecture: Of the networks.
        starts: The first 8 are played, [episodes, 4].
        cap: Steps after which an episode ends.
        threads: Of the rollout.

    Returns:
        Metres, radians and a share, float32 [n, 3].
    """
    found = np.empty((len(weights), 3), np.float32)
    for begin in range(0, len(weights), _BATCH):
        part = slice(begin, begin + _BATCH)
        played = cartpole.rollout(
            weights[part],
            architecture=architecture,
            starts=starts[:_WATCHED],
            cap=cap,
            mode="fast",
            states=True,
            threads=threads,
        )
        agents, _, _ = played.where
        count = np.bincount(agents, minlength=len(played.steps))
        angle, position = played.observations[:, 2], played.observations[:, 0]
        seen: tuple[npt.NDArray[Any], ...] = (position, angle, played.actions)
        for column, values in enumerate(seen):
            found[part, column] = np.bincount(agents, values, len(played.steps)) / count
    return found
