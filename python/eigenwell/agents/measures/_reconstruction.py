"""What an agent keeps on its way through the embedding (bars 1, 4 and 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, cartpole
from eigenwell.agents._decisions import pushes_right, visited_states
from eigenwell.agents._symmetry import shuffled
from eigenwell.agents.measures._intervals import Estimate, bootstrap, determination

if TYPE_CHECKING:
    from eigenwell.agents._population import Population
    from eigenwell.agents.latent import Embeds

_STATES = 64  # visited states of each network that actions are compared in
_SEED = 2 * 10**6  # apart from the seeds of fitting


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """Networks after embedding and decoding, beside what they were.

    Attributes:
        survival_ratio: Sum of the survivals after over that before.
        survival_error: Mean absolute difference of a network's survivals, steps.
        survival_r2: R^2 of survivals after for those before.
        agreement: Share of the states that a network visits in which it acts as before.
    """

    survival_ratio: Estimate
    survival_error: Estimate
    survival_r2: Estimate
    agreement: Estimate


def reconstruction(model: Embeds, held_out: Population, *, episodes: int = 100) -> Reconstruction:
    """Measure the reconstruction of networks (bar 1: ratio >= 0.98, agreement >= 0.95).

    Args:
        model: Embeds and decodes.
        held_out: Networks of runs that were not fitted.
        episodes: Of each network and its reconstruction, from the same starts.
    """
    architecture = model.architecture
    weights = held_out.weights
    decoded = model.decode(model.embed(weights))
    starts = cartpole.starts(episodes, seed=_SEED)
    before, after = (
        survivals(part, architecture, starts, held_out.cap) for part in (weights, decoded)
    )
    states = visited_states(
        weights.astype(np.float32),
        architecture,
        count=_STATES,
        cap=held_out.cap,
        seed=_SEED + 1,
    )
    actions = [
        pushes_right(part.astype(np.float32), architecture, states) for part in (weights, decoded)
    ]
    same = (actions[0] == actions[1]).mean(axis=1)
    runs: Any = {"units": held_out.run}
    return Reconstruction(
        survival_ratio=bootstrap(lambda a, b: float(a.sum() / b.sum()), after, before, **runs),
        survival_error=bootstrap(lambda a, b: float(np.abs(a - b).mean()), after, before, **runs),
        survival_r2=bootstrap(determination, after, before, **runs),
        agreement=bootstrap(lambda a: float(a.mean()), same, **runs),
    )


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Survival predicted for networks of held-out runs.

    Attributes:
        r2: R^2 of the prediction from the embedding.
        tau: Kendall's tau-b of it.
        statistics_r2: R^2 of the baseline: gradient boosting on statistics of the weights.
        statistics_tau: Kendall's tau-b of the baseline.
        ceiling_r2: R^2 of the survival measured from as many other starts: a prediction that
            knows the true mean, and not these starts, is at best half as far off.
        ceiling_tau: Kendall's tau-b of that.
    """

    r2: Estimate
    tau: Estimate
    statistics_r2: Estimate
    statistics_tau: Estimate
    ceiling_r2: Estimate
    ceiling_tau: Estimate


def prediction(
    predict: Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]],
    train: Population,
    held_out: Population,
) -> Prediction:
    """Measure the prediction of survival (bar 4: R^2 >= 0.95, tau >= 0.9).

    Args:
        predict: Returns survivals [n] for weights [n, p].
        train: Networks that the baseline is fitted on.
        held_out: Networks of other runs.

    References:
        Unterthiner et al. 2020, "Predicting neural network accuracy from weights", for the
        statistics: mean, variance and five quantiles of each layer's matrix and bias.
    """
    tau_b: Any = _checks.require("scipy.stats", extra="agents").kendalltau
    ensemble: Any = _checks.require("sklearn.ensemble", extra="agents")
    architecture: Any = train.architecture
    boosted = ensemble.HistGradientBoostingRegressor(max_iter=150, random_state=0)
    limits: Any = _checks.require("threadpoolctl", extra="agents").threadpool_limits
    with limits(1):  # threads that wait for each other on busy cores take far longer
        boosted.fit(statistics(train.weights, architecture), train.survival)
    starts = cartpole.starts(held_out.episodes, seed=_SEED + 2)
    found = {
        "": np.asarray(predict(held_out.weights.astype(np.float32))),
        "statistics_": boosted.predict(statistics(held_out.weights, architecture)),
        "ceiling_": survivals(held_out.weights, architecture, starts, held_out.cap),
    }
    parts: dict[str, Estimate] = {}
    for name, values in found.items():
        # Rounded to a hundredth, what 100 episodes can show: ties that are there are seen as ties.
        arrays = np.round(values, 2), held_out.survival
        runs: Any = {"units": held_out.run}
        parts[f"{name}r2"] = bootstrap(determination, *arrays, **runs)
        parts[f"{name}tau"] = bootstrap(
            lambda a, b: float(tau_b(a, b).statistic), *arrays, resamples=100, **runs
        )
    return Prediction(**parts)


def statistics(weights: npt.NDArray[Any], architecture: cartpole.MLP) -> npt.NDArray[np.float64]:
    """Return mean, variance and quantiles of each matrix and bias, [n, 7 parts]."""
    columns = []
    for layer in architecture.unpack(weights):
        for part in layer:
            flat = part.reshape(len(weights), -1)
            columns += [flat.mean(axis=1), flat.var(axis=1)]
            columns += list(np.quantile(flat, (0, 0.25, 0.5, 0.75, 1), axis=1))
    return np.stack(columns, axis=1).astype(np.float64)


def invariance(model: Embeds, weights: npt.ArrayLike, *, seed: int = 0) -> float:
    """Return by how much embeddings change when hidden units change order and sign (bar 6).

    Args:
        model: Embeds.
        weights: float [n, p].
        seed: Of the orders.

    Returns:
        Largest difference of an element, in standard deviations of that element.
    """
    z = model.embed(weights)
    moved = model.embed(shuffled(weights, model.architecture, seed=seed))
    return float((np.abs(moved - z) / (z.std(axis=0) + 1e-12)).max())


def survivals(
    weights: npt.ArrayLike,
    architecture: cartpole.Architecture,
    starts: npt.NDArray[np.float64],
    cap: int,
) -> npt.NDArray[np.float64]:
    """Return mean steps [n] from common starts."""
    steps = cartpole.rollout(
        weights, architecture=architecture, starts=starts, cap=cap, mode="fast"
    )
    mean: npt.NDArray[np.float64] = steps.mean(axis=1)
    return mean
