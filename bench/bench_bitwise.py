"""The bitwise CartPole policy against NumPy and a torch MLP, one thread, in one run.

python -m pytest bench/bench_bitwise.py

Correctness is asserted before anything is timed; the MLP (4-64-64-2, tanh, untrained) stands for
what a PPO library would run, so only its time counts.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eigenwell import reference
from eigenwell.dc import bitwise

POLICY = bitwise.cartpole()
MASKS, INVERTED = POLICY.masks, POLICY.inverted
ROWS = (1, 256, 65536)


def numpy_votes(obs):
    """Parity is linear over xor: one masked word for each feature, one bit count."""
    words = np.bitwise_xor.reduce(obs.view(np.uint32)[:, None, :] & MASKS, axis=2)
    return ((np.bitwise_count(words) & 1) ^ INVERTED).sum(axis=1) > 1


def torch_mlp():
    torch.set_num_threads(1)
    layers = [torch.nn.Linear(4, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64), torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(64, 2)).requires_grad_(False)
    return lambda obs: network(torch.from_numpy(obs)).argmax(dim=1)


CONTENDERS = {"native": POLICY, "numpy": numpy_votes, "torch mlp": torch_mlp()}


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("name", CONTENDERS)
def test_act(benchmark, name, rows):
    benchmark.group = f"{rows} observations"
    obs = np.random.default_rng(0).standard_normal((rows, 4)).astype(np.float32)
    actions = np.asarray(CONTENDERS[name](obs))
    if "mlp" not in name:
        np.testing.assert_array_equal(actions, reference.bitwise(MASKS, INVERTED, obs))
    benchmark.extra_info["actions per call"] = rows
    benchmark(CONTENDERS[name], obs)


def test_one_by_one(benchmark):
    """A call of the interpreter with a single observation, as Gymnasium makes it."""
    benchmark.group = "1 observations"
    benchmark(POLICY, np.zeros(4, dtype=np.float32))
