"""The article's two loops, written anew in torch, against `simulate` step for step."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers.clouds import relative_error

from eigenwell import particles, reference

STEPS = 100
# A hundred steps of float64 sums in another order; the descents do not amplify it.
TOLERANCE = 1e-10


def agree(system: particles.System, scale: float, backend: str, pairs: str = "upper") -> None:
    start = particles.simulate(system, steps=0, dtype="float64").last
    start = {name: scale * x for name, x in start.items()}
    rate = system.species[0].learning_rate
    right = reference.article_descent(start, learning_rate=rate, steps=STEPS, pairs=pairs)
    run = particles.simulate(
        system, steps=STEPS, record_every=STEPS, initial=start, dtype="float64", backend=backend
    )
    for name, x in right.items():
        moved = np.abs(x - start[name]).max()
        assert moved > 1e-3 * np.abs(x).max()  # or nothing was compared
        assert relative_error(run.last[name], x) < TOLERANCE


@pytest.mark.parametrize("backend", ["native", "torch"])
@pytest.mark.parametrize("scale", [1.0, 1e-3])  # on its way, and flickering
@pytest.mark.parametrize("dimension", [2, 3])
def test_the_sphere(dimension: int, scale: float, backend: str) -> None:
    agree(particles.sphere(80, 1e-3, dimension), scale, backend)


@pytest.mark.parametrize("backend", ["native", "torch"])
@pytest.mark.parametrize("scale", [1.0, 0.05])
@pytest.mark.parametrize("pairs", ["upper", "all"])
def test_the_polymer(pairs: str, scale: float, backend: str) -> None:
    agree(particles.polymer(60, 1e-4, pairs), scale, backend, pairs)


def test_momentum_is_torchs() -> None:
    system = particles.polymer(20, 1e-3)
    one, other = (
        particles.simulate(system, steps=50, dtype="float64", momentum=0.9, backend=backend).last
        for backend in ("native", "torch")
    )
    for name in system.names:
        assert relative_error(one[name], other[name]) < 1e-12
