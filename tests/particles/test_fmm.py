"""The fast multipole method against direct sums."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers.clouds import cloud, relative_error

from eigenwell import particles
from eigenwell.errors import ArgumentError
from eigenwell.pairwise import energy_and_gradient
from eigenwell.particles import Interaction, Species, System, simulate
from eigenwell.particles._fmm import FastMultipole

N, M = 500, 400  # enough for the tree to have levels at 1e-3; more digits are summed directly


def system(*interactions: Interaction, dimension: int = 3) -> System:
    return System((Species("a", N, 1e-3), Species("b", M, 1e-3)), interactions, dimension)


@pytest.mark.parametrize(
    "act",
    [
        Interaction("a", "a", exponent, 1.5, pairs)
        for exponent in (1.0, -1.0)
        for pairs in ("upper", "all", "different")
    ]
    + [
        Interaction("a", "b", exponent, -0.5, pairs)
        for exponent in (1.0, -1.0)
        for pairs in ("all", "different")
    ],
)
def test_the_gradient_is_as_precise_as_was_asked(act: Interaction) -> None:
    x, y = cloud((N, 3)), cloud((M, 3), seed=1)
    gradients = FastMultipole(system(act), 1e-3)([x, y])
    other = None if act.first == act.second else y
    _, *right = energy_and_gradient(x, other, exponent=act.exponent, pairs=act.pairs)
    for gradient, wanted in zip(gradients, right, strict=False):
        assert relative_error(gradient, act.weight * wanted) < 1e-3
    if other is None:
        assert not gradients[1].any()


def test_far_from_the_origin_nothing_is_lost() -> None:
    """There the two halves of the gradient cancel, all but their last digits."""
    x = cloud((N, 3)) + 1e9
    gradient, _ = FastMultipole(system(Interaction("a", "a")), 1e-12)([x, x[:M]])
    _, right = energy_and_gradient(x, pairs="upper")
    assert relative_error(gradient, right) < 1e-11


def test_points_that_lie_together_do_not_act_on_each_other() -> None:
    x, y = cloud((N, 3)), cloud((M, 3), seed=1)
    y[:5] = x[:5]
    for exponent, pairs in ((1.0, "all"), (-1.0, "different")):
        act = Interaction("a", "b", exponent, 1.0, pairs)
        gradients = FastMultipole(system(act), 1e-3)([x, y])
        _, *right = energy_and_gradient(x, y, exponent=exponent, pairs=pairs)
        assert max(map(relative_error, gradients, right)) < 1e-3


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_run_is_the_direct_one(momentum: float) -> None:
    options = {"steps": 4, "record_every": 2, "momentum": momentum, "dtype": "float64"}
    for preset in (particles.sphere(300), particles.polymer(100, 1e-4, "all")):
        fast = simulate(preset, method="fmm", precision=1e-9, **options)
        direct = simulate(preset, **options)
        assert fast.steps.tolist() == [0, 2, 4]
        for name, states in direct.positions.items():
            assert relative_error(fast.positions[name], states) < 1e-9


def test_float32_stays_float32() -> None:
    run = simulate(particles.sphere(50), steps=2, method="fmm")
    gradient = FastMultipole(particles.sphere(50), 1e-6)([run.last["points"]])[0]
    assert run.last["points"].dtype == gradient.dtype == np.float32
    direct = simulate(particles.sphere(50), steps=2)
    assert relative_error(run.last["points"], direct.last["points"]) < 1e-6  # float32's rounding


@pytest.mark.parametrize(
    ("act", "dimension", "message"),
    [
        (Interaction("a", "a"), 2, "`method` fmm needs dimension 3, got 2: use method='direct'"),
        (Interaction("a", "a", 2.0), 3, "its exponent must be 1 or -1, got 2"),
        (
            Interaction("a", "b"),
            3,
            "pairs='upper' between two species depends on the points' order",
        ),
    ],
)
def test_what_it_cannot_do_is_a_sentence(act: Interaction, dimension: int, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        simulate(system(act, dimension=dimension), steps=1, method="fmm")
