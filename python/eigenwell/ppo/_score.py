"""Scores a policy while it is trained, to keep the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell.errors import EigenwellError, TrainingError
from eigenwell.evaluation import evaluate
from eigenwell.ppo._environments import Environments

if TYPE_CHECKING:
    from eigenwell.ppo._policy import TrainedPolicy

# Scores while training are on other seeds than the first ones, which final scores are on.
SCORE_SEED = 1_000_000


def score(policy: TrainedPolicy, *, steps: int) -> npt.NDArray[np.float64]:
    """Return the returns of most likely actions in ``config.evaluate_episodes`` fresh environments.

    By the backend of the run: EnvPool's takes seconds for a hundred episodes, but its terrain
    differs from Gymnasium's, in which final scores are measured.

    Args:
        policy: To score.
        steps: Environment steps it was trained for, for messages.

    Raises:
        TrainingError: An environment threw, or returned NaN.
    """
    config = policy.config
    try:
        if config.backend == "envpool":
            return _side_by_side(policy)
        scores = evaluate(
            policy, config.environment, episodes=config.evaluate_episodes, seed=SCORE_SEED
        )
    except EigenwellError:
        raise
    except Exception as error:
        raise TrainingError(
            f"environment `{config.environment}` raised {type(error).__name__} while the policy of "
            f"step {steps} was scored: {error}"
        ) from error
    return scores.returns


def _side_by_side(policy: TrainedPolicy) -> npt.NDArray[np.float64]:
    """Return the return of the first episode in each environment."""
    config, n = policy.config, policy.config.evaluate_episodes
    environments = Environments(config.environment, n, SCORE_SEED, backend=config.backend)
    returns, running = np.zeros(n), np.ones(n, np.bool_)
    try:
        obs: npt.NDArray[Any] = environments.restart(0)
        while running.any():
            action = policy.actions.greedy(policy.output(policy.normalise(obs)))
            step = environments.step(policy.actions.to_environment(action))
            returns += step.rewards * running
            running &= ~step.done
            obs = step.obs
    finally:
        environments.close()
    return returns
