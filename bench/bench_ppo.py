"""Training by PPO under pytest-benchmark: ours beside Stable-Baselines3's in the same run.

    make bench ARGS="-k ppo"

``eigenwell bench ppo`` prints the same contenders as a table of steps per second, without what a
training needs to begin; here a call is a whole short training. Before anything is timed, the
networks must be of one size; that an update moves them to the same place is asserted by
``tests/ppo/test_against_sb3.py``. Extra ``sb3``, and ``fast-envs`` for EnvPool.

The update alone is an epoch over the walker preset's rollout in torch, with one thread, and in C++.
Each minibatch of 1024 has 34 million floating-point operations in its matrix products (see
``cpp/src/ppo/update.hpp``): ``peak_fma.cpp`` says what the processor could do.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eigenwell.benchmarks import ppo
from eigenwell.ppo import PPOConfig
from eigenwell.ppo._spaces import Actions
from eigenwell.ppo.torch import Learner
from eigenwell.ppo.torch._update_native import NativeUpdate
from eigenwell.ppo.torch._update_torch import Batch, TorchUpdate

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


def an_update(actor, kind):
    """An update of the walker's preset, and the learner that it moves."""
    config = PPOConfig.preset("walker", actor=actor)
    learner = Learner(config, 24, Actions(4, discrete=False, low=(-1,) * 4, high=(1,) * 4))
    rng, count = np.random.default_rng(0), config.steps_per_update
    x, actions = (rng.standard_normal((count, n)).astype(np.float32) for n in (24, 4))
    batch = Batch(x, actions, *rng.standard_normal((2, count)).astype(np.float32))
    return learner, kind(config, learner.networks, learner._adam, batch)


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.benchmark(group="update, 16 minibatches of 1024")
@pytest.mark.parametrize("actor", ["dc", "mlp"])
@pytest.mark.parametrize("kind", [TorchUpdate, NativeUpdate], ids=["torch", "native"])
@pytest.mark.usefixtures("one_thread")
def test_update(benchmark, kind, actor):
    order, ends = np.random.default_rng(1).permutation(16384), []
    for either in (TorchUpdate, NativeUpdate):
        learner, update = an_update(actor, either)
        update.epoch(order, learning_rate=1e-3, rng=np.random.default_rng(2))
        ends.append(learner.weights())
    for name, weights in ends[0].items():
        np.testing.assert_allclose(weights, ends[1][name], rtol=0, atol=5e-6)
    _, update = an_update(actor, kind)
    rng = np.random.default_rng(3)
    benchmark.pedantic(
        update.epoch, (order,), {"learning_rate": 1e-4, "rng": rng}, rounds=20, warmup_rounds=2
    )
    benchmark.extra_info["ms per minibatch"] = benchmark.stats.stats.median / 16 * 1e3
