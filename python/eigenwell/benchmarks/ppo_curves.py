"""Learning curves of ours and of Stable-Baselines3 with the same settings, over seeds.

A curve is what both report after every update: the mean return of the last 100 episodes of
training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell.benchmarks._sb3 import sb3_ppo
from eigenwell.errors import ArgumentError
from eigenwell.ppo import PPOConfig, train
from eigenwell.studies import Experiment, Interval, Measured, Result

Float64 = npt.NDArray[np.float64]

OURS, THEIRS = "eigenwell", "stable-baselines3"


@dataclass(frozen=True)
class Comparison:
    """Our curves beside the band of theirs.

    Attributes:
        steps: ``(t,)``, environment steps, from the update on after which every run has a return.
        ours: ``(t,)``, median of our runs.
        theirs: ``(t,)``, median of their runs.
        low: ``(t,)``, lower edge of their band: the 10 % quantile of their runs.
        high: ``(t,)``, upper edge: the 90 % quantile.
        our_mean: Mean of a run's whole curve, over our runs.
        their_mean: The same over theirs.
        seeds: Runs of each.
    """

    steps: Float64
    ours: Float64
    theirs: Float64
    low: Float64
    high: Float64
    our_mean: Interval
    their_mean: Interval
    seeds: int

    @property
    def inside(self) -> float:
        """Share of the updates at which our median is in their band."""
        return float(((self.ours >= self.low) & (self.ours <= self.high)).mean())


def settings(**changes: Any) -> PPOConfig:
    """Return what both train: rl-baselines3-zoo's CartPole-v1, which normalises nothing.

    Args:
        **changes: Settings that shall be others.
    """
    zoo = {"normalise_observations": False, "normalise_returns": False, "actor": "mlp"}
    return PPOConfig.preset("cartpole", **{**zoo, "evaluate_every": 0, **changes})


def experiments(config: PPOConfig) -> list[Experiment]:
    """Return the two experiments, to be run by :func:`eigenwell.studies.run_study`."""
    keep = {**dataclasses.asdict(config), "seed": 0, "evaluate_episodes": 1}
    return [
        Experiment(OURS, "eigenwell.ppo", partial(our_curve, settings=keep)),
        Experiment(THEIRS, "Stable-Baselines3's PPO", partial(their_curve, settings=keep)),
    ]


def our_curve(seed: int, *, settings: dict[str, Any]) -> Measured:
    """Train ours and return its curve."""
    result = train(PPOConfig.from_mapping({**settings, "seed": seed}))
    return _curve([(row.steps, row.episode_return) for row in result.metrics])


def their_curve(seed: int, *, settings: dict[str, Any]) -> Measured:
    """Train theirs, on as many threads as ours, and return its curve."""
    import torch
    from stable_baselines3.common.callbacks import BaseCallback

    class Notes(BaseCallback):
        def __init__(self) -> None:
            super().__init__()
            self.points: list[tuple[int, float]] = []

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            recent = [episode["r"] for episode in self.model.ep_info_buffer or ()]
            self.points.append((self.num_timesteps, float(np.mean(recent or [np.nan]))))

    config = PPOConfig.from_mapping({**settings, "seed": seed})
    threads, notes, model = torch.get_num_threads(), Notes(), sb3_ppo(config)
    torch.set_num_threads(1)
    try:
        model.learn(config.total_steps, callback=notes, log_interval=None)
    finally:
        torch.set_num_threads(threads)
        model.get_env().close()
    return _curve(notes.points)


def compare(results: Sequence[Result]) -> Comparison:
    """Lay our curves over theirs.

    Args:
        results: Of :func:`experiments`, with the same seeds for both.

    Raises:
        ArgumentError: There are fewer than two seeds of either.
    """
    curves = {
        name: [np.asarray(r.values["returns"]) for r in results if r.experiment == name]
        for name in (OURS, THEIRS)
    }
    count = min(len(runs) for runs in curves.values())
    if count < 2:
        raise ArgumentError(f"`seeds` must be at least 2 for a band, got {count} of both")
    ours, theirs = np.stack(curves[OURS]), np.stack(curves[THEIRS])
    known = np.isfinite(ours).all(0) & np.isfinite(theirs).all(0)
    steps = np.asarray(results[0].values["steps"])[known]
    ours, theirs = ours[:, known], theirs[:, known]
    low, high = np.quantile(theirs, [0.1, 0.9], axis=0)
    return Comparison(
        steps=steps,
        ours=np.median(ours, axis=0),
        theirs=np.median(theirs, axis=0),
        low=low,
        high=high,
        our_mean=Interval.of(ours.mean(1).tolist()),
        their_mean=Interval.of(theirs.mean(1).tolist()),
        seeds=count,
    )


def _curve(points: Sequence[tuple[int, float]]) -> Measured:
    return {"steps": [float(s) for s, _ in points], "returns": [float(r) for _, r in points]}
