"""The Lipschitz bound: never exceeded, sometimes reached, tighter than twice the steepest piece."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell import dc
from eigenwell.dc.torch import DCLayer, DCPolicy, SymmetricLayer, TridiagonalLayer
from eigenwell.errors import ArgumentError, ShapeError

DOUBLE: Any = {"dtype": torch.float64}
KINDS: list[tuple[Any, dict[str, Any]]] = [
    (DCLayer, {}),
    (DCLayer, {"quadratic": True}),
    (TridiagonalLayer, {}),
    (SymmetricLayer, {}),
]


def random_layer(kind: Any, seed: int, n: int, m: int, **options: Any) -> Any:
    generator = torch.Generator().manual_seed(seed)
    layer = kind(n, 2, m, generator=generator, **DOUBLE, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.5 * torch.randn(parameter.shape, generator=generator, **DOUBLE)
    return layer


@pytest.mark.parametrize(("kind", "options"), KINDS)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 4),
    m=st.integers(1, 5),
    tied=st.booleans(),
    points=st.lists(st.lists(st.floats(-2, 2), min_size=8, max_size=8), min_size=1, max_size=10),
)
def test_is_never_exceeded(kind, options, seed, n, m, tied, points) -> None:
    layer = random_layer(kind, seed, n, m, tied=tied, **options)
    a, b = torch.tensor(points, **DOUBLE)[:, : 2 * n].split(n, -1)
    bound = layer.lipschitz_bound([[-2.0] * n, [2.0] * n])
    with torch.no_grad():
        change = (layer(a) - layer(b)).abs()
    # Rounding of outputs of order 10, or 100 with a quadratic term.
    assert (change <= (a - b).abs() @ bound.mT * (1 + 1e-12) + 1e-12).all()


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("tied", [True, False])
def test_finite_differences_stay_below_and_come_near(kind: Any, options: Any, tied: bool) -> None:
    near = 0.0
    for seed in range(8):
        layer = random_layer(kind, seed, 2, 3, tied=tied, **options)
        x = 4 * torch.rand((1000, 2), generator=torch.Generator().manual_seed(seed), **DOUBLE) - 2
        bound = layer.lipschitz_bound([[-2.0, -2.0], [2.0, 2.0]])
        step = 1e-6
        with torch.no_grad():
            for i in range(2):
                moved = x.clone()
                moved[:, i] += torch.where(x[:, i] > 0, -step, step)
                slopes = ((layer(moved) - layer(x)) / step).abs().amax(0)
                assert (slopes <= bound[:, i] + 1e-8).all()  # rounding over the step
                near = max(near, float((slopes / bound[:, i]).max()))
    assert near > 0.9


def test_is_the_sum_of_the_two_steepest_of_one_sign() -> None:
    layer = DCLayer(1, 1, 3, **DOUBLE)
    with torch.no_grad():
        layer.weights.copy_(torch.tensor([[3.0, -2.0, -4.0]]))
    assert layer.lipschitz_bound().tolist() == [[6.0]]
    untied = DCLayer(1, 1, 2, tied=False, **DOUBLE)
    with torch.no_grad():
        untied.weights.copy_(torch.tensor([[3.0, -2.0, -4.0, 1.0]]))
    assert untied.lipschitz_bound().tolist() == [[6.0]]
    single = DCLayer(1, 1, 1, **DOUBLE)
    with torch.no_grad():
        single.weights.fill_(-1.5)
    assert single.lipschitz_bound().tolist() == [[3.0]]


def test_is_nowhere_above_that_of_the_packed_policy() -> None:
    packed = dc.walker().without_quadratic()
    ours = DCPolicy.from_packed(packed).lipschitz_bound().numpy()
    theirs = packed.lipschitz_bound()
    assert (ours <= theirs * (1 + 1e-12)).all()
    assert np.mean(ours / theirs) < 0.85  # measured: 0.79


def test_quadratic_needs_a_box_or_a_clip() -> None:
    layer = random_layer(DCLayer, 0, 3, 4, quadratic=True)
    assert layer.lipschitz_bound().isinf().all()
    assert layer.lipschitz_bound([[-1.0] * 3, [1.0] * 3]).isfinite().all()
    assert DCPolicy(layer, input_clip=5.0).lipschitz_bound().isfinite().all()
    with torch.no_grad():
        layer.weights[1] = 0  # an input that nothing depends on has no slope without a box either
    assert (layer.lipschitz_bound()[:, 1] == 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.7, math.inf]))
def test_of_a_policy_is_in_units_of_the_observation(seed: int, input_clip: float) -> None:
    layer = random_layer(DCLayer, seed, 3, 4, quadratic=True)
    rng = np.random.default_rng(seed)
    policy = DCPolicy(
        layer,
        shift=rng.normal(size=3),
        scale=rng.normal(size=3),
        input_clip=input_clip,
        clip=(-math.inf, math.inf),
    )
    bound = policy.lipschitz_bound([[-2.0] * 3, [2.0] * 3]).numpy()
    a, b = rng.uniform(-2, 2, (2, 200, 3))
    with torch.no_grad():
        change = (policy(torch.tensor(a)) - policy(torch.tensor(b))).abs().numpy()
    assert (change <= np.abs(a - b) @ bound.T * (1 + 1e-12) + 1e-12).all()


def test_a_scale_multiplies_the_bound() -> None:
    layer = random_layer(DCLayer, 0, 3, 4)
    scale = [2.0, -3.0, 0.5]
    bound = DCPolicy(layer, scale=scale).lipschitz_bound()
    torch.testing.assert_close(bound, layer.lipschitz_bound() * torch.tensor(scale, **DOUBLE).abs())


def test_wrong_boxes() -> None:
    layer = DCLayer(3, 2)
    with pytest.raises(ShapeError, match=r"`box` must have shape \(2, 3\), got \(3,\)"):
        layer.lipschitz_bound([1.0, 2.0, 3.0])
    with pytest.raises(ArgumentError, match="`box` must be finite, its first row nowhere above"):
        layer.lipschitz_bound([[1.0] * 3, [0.0] * 3])
    with pytest.raises(ArgumentError, match="`box` must be finite"):
        layer.lipschitz_bound([[-math.inf] * 3, [0.0] * 3])
