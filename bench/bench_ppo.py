"""Training by PPO under pytest-benchmark: ours beside Stable-Baselines3's in the same run.

    make bench ARGS="-k ppo"

``eigenwell bench ppo`` prints the same contenders as a table of steps per second, without what a
training needs to begin; here a call is a whole short training. Before anything is timed, the
networks must be of one size; that an update moves them to the same place is asserted by
``tests/ppo/test_against_sb3.py``. Extra ``sb3``, and ``fast-envs`` for EnvPool.
"""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell.benchmarks import ppo

# The competitor's warnings are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

CONFIG = ppo.settings(rollout_steps=256)
UPDATES = 3
TRAINERS = list(ppo.contenders(CONFIG, threads=2))


@pytest.mark.benchmark(group=f"{CONFIG.environment}, {UPDATES * CONFIG.steps_per_update} steps")
@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda trainer: trainer.name)
def test_train(benchmark, trainer):
    ppo.check(TRAINERS)
    rates = benchmark.pedantic(trainer.train, args=(0, UPDATES), rounds=3, warmup_rounds=1)
    benchmark.extra_info["steps per second"] = float(np.median(rates))
