"""Particle systems under pytest-benchmark: `simulate` beside the article's loop in the same run.

    make bench ARGS="-k particles"

Both make the same few steps from the same start, float32, two threads, after they have been seen
to agree. The article's loop takes torch's default distances, as the article does.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from eigenwell import particles, reference
from eigenwell.benchmarks import pairwise as contenders

pytestmark = pytest.mark.filterwarnings("default")

SYSTEMS = {
    "sphere, 1,000 points": (particles.sphere(1000), 50),
    "sphere, 10,000 points": (particles.sphere(10_000), 20),
    "polymer, 1,000 of each": (particles.polymer(1000), 50),
    "polymer, 5,000 of each": (particles.polymer(5000), 2),
}
# Ordered pairs of a step: each species with itself, and each two with each other in both ways.
PAIRS = {name: sum(s.count for s in system.species) ** 2 for name, (system, _) in SYSTEMS.items()}
# A few steps from a wide start, float32 by matrix products on the one side.
TOLERANCE = 1e-3


@pytest.fixture(scope="module", autouse=True)
def _two_threads():
    with contenders.threads(2):
        yield


def _ours(system, start, steps):
    return particles.simulate(system, steps=steps, record_every=steps, initial=start).last


def _article(system, start, steps):
    rate = system.species[0].learning_rate
    mode = "use_mm_for_euclid_dist_if_necessary"
    return reference.article_descent(start, learning_rate=rate, steps=steps, compute_mode=mode)


@pytest.mark.parametrize("who", ["eigenwell", "article"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_steps(benchmark, name, who):
    system, steps = SYSTEMS[name]
    benchmark.group = f"{name}, {steps} steps"
    benchmark.extra_info["steps per call"] = steps
    benchmark.extra_info["ordered pairs per call"] = steps * PAIRS[name]
    start = particles.simulate(system, steps=0).last
    right, got = _article(system, start, 1), _ours(system, start, 1)
    for species, x in right.items():
        moved = np.abs(x - start[species]).max()
        assert np.abs(got[species] - x).max() < TOLERANCE * max(moved, np.abs(x).max())
    run = _ours if who == "eigenwell" else _article

    def rested():
        time.sleep(0.05)  # until the threads of the other one sleep
        return (system, start, steps), {}

    slow = who == "article" and PAIRS[name] >= 10**8
    benchmark.pedantic(run, setup=rested, rounds=1 if slow else 7)
