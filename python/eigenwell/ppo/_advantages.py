"""Generalised advantage estimation over a rollout with episode boundaries in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ShapeError

Float64 = npt.NDArray[np.float64]


def gae(
    r_t: npt.ArrayLike,
    v_tm1: npt.ArrayLike,
    v_t: npt.ArrayLike,
    done_t: npt.ArrayLike,
    *,
    gamma: float,
    gae_lambda: float,
) -> Float64:
    """Return ``A_t = delta_t + gamma lambda (1 - done_t) A_{t+1}``, delta = r + gamma v' - v.

    What an episode's end means for the bootstrap is in ``v_t`` alone: 0 where the episode
    terminated, the value of its final observation where it was only cut short (Pardo et al. 2018).

    Args:
        r_t: ``(T, n)``, rewards.
        v_tm1: ``(T, n)``, values of the observations acted on.
        v_t: ``(T, n)``, values of the observations that followed, before any reset.
        done_t: ``(T, n)``, bool: the episode ended with this step, either way.
        gamma: Discount.
        gae_lambda: 0 for the one-step advantage, 1 for the Monte Carlo return less the value.

    Returns:
        ``(T, n)``, float64.

    Raises:
        ShapeError: The four are not of one shape ``(T, n)``.

    References:
        Schulman et al. 2016, equation 16.

    Example:
        >>> gae([[1.0], [1.0]], [[0.0], [0.0]], [[0.0], [4.0]], [[0], [1]], gamma=0.5, gae_lambda=1)
        array([[2.5],
               [3. ]])
    """
    rewards, before, after = (np.asarray(a, np.float64) for a in (r_t, v_tm1, v_t))
    done = np.asarray(done_t, np.bool_)
    shapes = {array.shape for array in (rewards, before, after, done)}
    if len(shapes) != 1 or rewards.ndim != 2:
        raise ShapeError(
            "`r_t`, `v_tm1`, `v_t` and `done_t` must have one shape (T, n), got "
            f"{rewards.shape}, {before.shape}, {after.shape} and {done.shape}"
        )
    advantages = rewards + gamma * after - before
    decay = gamma * gae_lambda * ~done
    for t in reversed(range(len(advantages) - 1)):
        advantages[t] += decay[t] * advantages[t + 1]
    return advantages
