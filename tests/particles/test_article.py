"""The article's two loops, written anew in torch, against `simulate` step for step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.helpers.clouds import relative_error

from eigenwell import particles

STEPS = 100
# A hundred steps of float64 sums in another order; the descents do not amplify it.
TOLERANCE = 1e-10


def distances(x, y):
    # The exact mode: the default one computes squares by matrix products from 26 points on, and
    # loses half of the digits of small distances, float64 or not.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def descend(start, rate, loss):
    """The plain loop of the article: zero the gradients, sum the loss, step."""
    points = {name: torch.tensor(x, requires_grad=True) for name, x in start.items()}
    optimizer = torch.optim.SGD(points.values(), lr=rate)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(points).backward()
        optimizer.step()
    return {name: x.detach().numpy() for name, x in points.items()}


def sphere_loss(points):
    x = points["points"]
    return (torch.ones(len(x), len(x)).triu(1) * distances(x, x)).sum()


def polymer_loss(mask):
    def loss(points):
        e, p, n = (points[name] for name in ("electrons", "protons", "neutrons"))
        total = 0.0
        for x in (e, p):
            d = distances(x, x)
            total = total - (mask * d / d.detach() ** 2).sum()  # NaN itself, but not its gradient
        for sign, x, y in ((-1, n, n), (1, e, p), (1, n, e), (1, n, p)):
            total = total + sign * (mask * distances(x, y)).sum()
        return total

    return loss


def starts(system, scale):
    start = particles.simulate(system, steps=0, dtype="float64").last
    return {name: scale * x for name, x in start.items()}


def agree(system, rate, loss, scale, backend) -> None:
    start = starts(system, scale)
    right = descend(start, rate, loss)
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
    agree(particles.sphere(80, 1e-3, dimension), 1e-3, sphere_loss, scale, backend)


@pytest.mark.parametrize("backend", ["native", "torch"])
@pytest.mark.parametrize("scale", [1.0, 0.05])
@pytest.mark.parametrize("pairs", ["upper", "all"])
def test_the_polymer(pairs: str, scale: float, backend: str) -> None:
    ones = torch.ones(60, 60)
    mask = ones.triu(1) if pairs == "upper" else 0.5 * ones
    agree(particles.polymer(60, 1e-4, pairs), 1e-4, polymer_loss(mask), scale, backend)


def test_momentum_is_torchs() -> None:
    system = particles.polymer(20, 1e-3)
    one, other = (
        particles.simulate(system, steps=50, dtype="float64", momentum=0.9, backend=backend).last
        for backend in ("native", "torch")
    )
    for name in system.names:
        assert relative_error(one[name], other[name]) < 1e-12
