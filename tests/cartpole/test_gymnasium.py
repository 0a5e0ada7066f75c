"""The exact mode is CartPole-v1: lengths, and every observation to the bit.

``python -m eigenwell.benchmarks.cartpole_exact`` does the same for thousands of pairs.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from eigenwell.benchmarks.cartpole_exact import compare, networks


def test_same_episodes() -> None:
    weights = networks(32, seed=1)
    found = compare(weights, episodes=10, seed=100)
    assert found.survival.size == 320
    assert (found.survival == 500).sum() > 20
    assert (found.survival < 50).sum() > 100
    assert found.equal_lengths == 320
    angles = np.linspace(-0.21, 0.21, 1001)
    if [*np.sin(angles)] == [math.sin(a) for a in angles]:  # NumPy calls the C library, as we do
        assert found.equal_observations == found.survival.sum()
