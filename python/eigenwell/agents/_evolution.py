"""Evolution strategies, many runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import cartpole
from eigenwell.agents._networks import Adam, Array

if TYPE_CHECKING:
    from collections.abc import Iterator


def evolve(
    weights: Array,
    *,
    architecture: cartpole.Architecture,
    learning_rate: npt.ArrayLike,
    sigma: npt.ArrayLike,
    pairs: int,
    episodes: int,
    cap: int,
    rng: np.random.Generator,
    threads: int | None = None,
) -> Iterator[Array]:
    """Yield the centres of all runs after each generation of an evolution strategy, without end.

    Each run moves its centre along ``mean_k (u_k+ - u_k-) e_k``: e_k are Gaussian, and u_k+ and
    u_k- are the ranks, within the run and scaled to [-1/2, 1/2], of the survivals at the centre
    plus and minus ``sigma e_k``.

    Args:
        weights: First centres, float32 [runs, p].
        architecture: Of the networks.
        learning_rate: Of each run, for Adam, [runs].
        sigma: Standard deviation of the perturbations of each run, [runs].
        pairs: Perturbations of a run in a generation; each is tried with both signs.
        episodes: Of each perturbed network, from starts that a generation has in common.
        cap: Steps after which an episode ends.
        rng: Source of perturbations and starts.
        threads: Of the rollouts.

    Yields:
        float32 [runs, p], an array of its own each time.

    References:
        Salimans et al. 2017, "Evolution strategies as a scalable alternative to reinforcement
        learning": antithetic pairs and rank shaping.
    """
    runs, parameters = weights.shape
    spread = np.asarray(sigma, dtype=np.float32)[:, None, None, None]
    adam = Adam(learning_rate, parameters)
    signs = np.array([[1], [-1]], np.float32)
    while True:
        noise = rng.standard_normal((runs, pairs, parameters), dtype=np.float32)
        tried = weights[:, None, None] + spread * noise[:, :, None] * signs
        steps = cartpole.rollout(
            tried.reshape(-1, parameters),
            architecture=architecture,
            starts=cartpole.starts(episodes, seed=int(rng.integers(2**31))),
            cap=cap,
            mode="fast",
            threads=threads,
        )
        utility = _ranks(steps.sum(axis=1).reshape(runs, -1)).reshape(runs, pairs, 2)
        difference = utility[..., 0] - utility[..., 1]
        gradient = np.einsum("rk,rkp->rp", difference, noise) / pairs
        weights = weights + adam.step(gradient.astype(np.float32))
        yield weights


def _ranks(fitness: npt.NDArray[Any]) -> Array:
    """Return ranks within each row, scaled to [-1/2, 1/2]; equal values share their mean rank."""
    below = (fitness[:, None, :] < fitness[:, :, None]).sum(axis=2)
    upto = (fitness[:, None, :] <= fitness[:, :, None]).sum(axis=2)
    middle = (below + upto - 1) / 2
    return np.asarray(middle / (fitness.shape[1] - 1) - 0.5, dtype=np.float32)
