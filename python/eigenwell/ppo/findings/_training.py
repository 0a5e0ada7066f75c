"""Training runs that the study needs, and scores of runs that were made elsewhere."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from eigenwell.ppo._config import PPOConfig
from eigenwell.ppo._policy import TrainedPolicy
from eigenwell.ppo._state import BEST, LAST
from eigenwell.ppo._train import train
from eigenwell.ppo.findings._walkers import EPISODES
from eigenwell.ppo.findings._walks import FIRST_SEED, identity, walk
from eigenwell.studies import Experiment, Measured

TRAINING_SEEDS = 3
TOTAL_STEPS = 3_000_000
#: Eigenvalues of a neuron and the rule of its gradient, of each training run.
CELLS = (
    (2, "softmax"),
    (4, "softmax"),
    (6, "softmax"),
    (12, "softmax"),
    (6, "sparsemax"),
    (6, "hard"),
)
# A number of points that any curve can be drawn from.
_CURVE_POINTS = 100


def measure_training(
    runs: str, seed: int, *, settings: Mapping[str, Any], episodes: int
) -> Measured:
    """Train, or go on with a run that was killed, and score what it ends with.

    Args:
        runs: Where the runs' folders go.
        seed: Of the run.
        settings: Of :class:`eigenwell.ppo.PPOConfig`, without the seed.
        episodes: Of the score.
    """
    config = PPOConfig.from_mapping({**settings, "seed": seed})
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode()).hexdigest()[:8]
    name = f"{config.eigenvalues}-{config.backward}-{digest}-{seed}"
    folder = Path(runs) / name
    result = train(config, output=folder, resume=(folder / LAST).exists())
    walks = [
        walk(result.policy, FIRST_SEED + i, env_id=config.environment) for i in range(episodes)
    ]
    returns = [each.episode_return for each in walks]
    kept = [row for row in result.metrics if math.isfinite(row.episode_return)]
    kept = kept[:: max(1, len(kept) // _CURVE_POINTS)]
    return {
        "return": float(np.mean(returns)),
        "fell": float(np.mean([each.fell for each in walks])),
        "returns": returns,
        "curve_steps": [float(row.steps) for row in kept],
        "curve": [row.episode_return for row in kept],
    }


def training_experiments(
    runs: str, *, total_steps: int = TOTAL_STEPS, backend: str = "envpool"
) -> list[Experiment]:
    """Return the sweep over eigenvalues and rules of the gradient: hours of training.

    Args:
        runs: Folder for the runs' folders; a run that was killed goes on from there.
        total_steps: Of each run.
        backend: What steps the environments.
    """
    found = []
    for eigenvalues, backward in CELLS:
        config = PPOConfig.preset(
            "walker",
            backend=backend,
            total_steps=total_steps,
            eigenvalues=eigenvalues,
            backward=backward,
        )
        settings = dataclasses.asdict(config)
        del settings["seed"]
        found.append(
            Experiment(
                f"training-{eigenvalues}-{backward}",
                f"{eigenvalues} eigenvalues, {backward}, {total_steps:,} steps",
                partial(measure_training, runs, settings=settings, episodes=EPISODES),
                TRAINING_SEEDS,
            )
        )
    return found


def measure_run(folder: str, seed: int, *, policy: str, **_: Any) -> Measured:
    """Score a run's best policy in one episode; what else is given is kept beside the result."""
    trained = _policy(folder, policy)
    found = walk(trained, FIRST_SEED + seed, env_id=trained.config.environment)
    return {"return": found.episode_return}


def run_experiments(folders: Sequence[str]) -> list[Experiment]:
    """Return what scores the best policies of runs, each over 100 fresh episodes.

    Args:
        folders: Of the runs; each has a ``best.safetensors``.

    Raises:
        EigenwellError: One cannot be read.
    """
    found = []
    for folder in folders:
        policy = identity(folder)
        config = _policy(folder, policy).config
        about: dict[str, Any] = {
            "environment": config.environment,
            "actor": config.actor,
            "training_seed": config.seed,
            "training_steps": config.total_steps,
        }
        found.append(
            Experiment(
                f"run-{config.environment}-{config.actor}-{config.seed}-{policy}",
                f"{config.environment}, actor {config.actor}, seed {config.seed}, "
                f"{config.total_steps:,} steps",
                partial(measure_run, folder, policy=policy, **about),
                EPISODES,
            )
        )
    return found


@lru_cache(maxsize=8)
def _policy(folder: str, policy: str) -> TrainedPolicy:
    """Read a run's best policy; its identity is there for the cache."""
    assert identity(folder) == policy
    return TrainedPolicy.load(Path(folder) / BEST)
