"""First and second derivatives of the torch operators against finite differences, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.helpers import torch_oracle
from torch.autograd import gradcheck, gradgradcheck

from eigenwell.pairwise import torch as pairwise

EXPONENTS = (1.0, -1.0, 2.0, 0.5, -2.0)
PAIRS = ("all", "upper", "different")


def leaf(*shape: int, seed: int, low: float | None = None) -> torch.Tensor:
    """Random float64 tensor that wants a gradient: normal, or uniform in [low, low + 1)."""
    generator = torch.Generator().manual_seed(seed)
    if low is None:
        values = torch.randn(shape, dtype=torch.float64, generator=generator)
    else:
        values = low + torch.rand(shape, dtype=torch.float64, generator=generator)
    return values.requires_grad_()


X, Y = leaf(2, 5, 3, seed=0), leaf(2, 4, 3, seed=1)
WX, WY = leaf(2, 5, seed=2, low=0.5), leaf(2, 4, seed=3, low=-0.5)


@pytest.mark.parametrize("softening", [0.0, 0.3])
@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_first_and_second_order_of_a_self_energy(
    exponent: float, pairs: str, softening: float
) -> None:
    def energy(x: torch.Tensor, w: torch.Tensor | None = None) -> torch.Tensor:
        return pairwise.energy(x, weights=w, exponent=exponent, pairs=pairs, softening=softening)

    for arguments in ((X,), (X, WX.detach()), (X, WX)):
        assert gradcheck(energy, arguments)
        assert gradgradcheck(energy, arguments)


@pytest.mark.parametrize("softening", [0.0, 0.3])
@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_first_and_second_order_of_a_cross_energy(
    exponent: float, pairs: str, softening: float
) -> None:
    def energy(
        x: torch.Tensor,
        y: torch.Tensor,
        wx: torch.Tensor | None = None,
        wy: torch.Tensor | None = None,
    ) -> torch.Tensor:
        return pairwise.energy(
            x, y, weights=(wx, wy), exponent=exponent, pairs=pairs, softening=softening
        )

    for arguments in ((X, Y), (X.detach(), Y), (X, Y.detach(), WX), (X, Y, WX, WY)):
        assert gradcheck(energy, arguments)
        assert gradgradcheck(energy, arguments)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_every_dimension(d: int) -> None:
    x, y = leaf(6, d, seed=4), leaf(3, d, seed=5)
    assert gradgradcheck(pairwise.energy, (x,))
    assert gradgradcheck(pairwise.energy, (x, y))
    assert gradgradcheck(pairwise.cdist, (x, y))
    assert gradgradcheck(pairwise.pdist, (x,))


def test_the_gradient_is_differentiable_itself() -> None:
    def self_sums(x: torch.Tensor, w: torch.Tensor) -> Any:
        return pairwise.energy_and_gradient(x, weights=w, exponent=-1.0)

    def cross_sums(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> Any:
        return pairwise.energy_and_gradient(x, y, weights=(None, w), exponent=-1.0)

    for check in (gradcheck, gradgradcheck):
        assert check(self_sums, (X, WX))
        assert check(cross_sums, (X, Y, WY))


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_hessian_vector_products_are_differentiable(exponent: float) -> None:
    v, u = leaf(2, 5, 3, seed=6), leaf(2, 4, 3, seed=7)

    def self_product(x: torch.Tensor, v: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        product = pairwise.hessian_vector_product(x, v, weights=w, exponent=exponent)
        assert isinstance(product, torch.Tensor)
        return product

    def cross_product(*args: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, v, y, u, wx, wy = args
        return tuple(
            pairwise.hessian_vector_product(x, (v, u), y, weights=(wx, wy), exponent=exponent)
        )

    assert gradcheck(self_product, (X, v, WX))
    assert gradcheck(cross_product, (X, v, Y, u, WX, WY))
    assert gradgradcheck(self_product, (X[0], v[0], WX[0]))


def test_the_product_is_the_derivative_of_the_gradient() -> None:
    v, u = torch.randn_like(X), torch.randn_like(Y)
    for exponent in EXPONENTS:
        gradient = torch.autograd.grad(
            pairwise.energy(X, exponent=exponent).sum(), X, create_graph=True
        )[0]
        by_autograd = torch.autograd.grad(gradient, X, v)[0]
        product = pairwise.hessian_vector_product(X.detach(), v, exponent=exponent)
        torch.testing.assert_close(product, by_autograd)
        total = torch_oracle.energy(X, Y, exponent=exponent).sum()
        gradients = torch.autograd.grad(total, (X, Y), create_graph=True)
        expected = torch.autograd.grad(gradients, (X, Y), (v, u))
        products = pairwise.hessian_vector_product(X, (v, u), Y, exponent=exponent)
        torch.testing.assert_close(tuple(products), expected)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_coincident_points_have_finite_derivatives_of_every_order(exponent: float) -> None:
    x = X.detach().clone()
    x[:, 1] = x[:, 0]
    x.requires_grad_()
    gradient = torch.autograd.grad(
        pairwise.energy(x, exponent=exponent).sum(), x, create_graph=True
    )
    expected = torch.autograd.grad(torch_oracle.energy(x, exponent=exponent).sum(), x)
    torch.testing.assert_close(gradient, expected)
    second = torch.autograd.grad(gradient[0].square().sum(), x, create_graph=True)[0]
    assert second.isfinite().all()
    third = torch.autograd.grad(second.square().sum(), x)[0]
    assert third.isfinite().all()


def test_weights_get_their_gradient_and_never_a_silent_zero() -> None:
    pairwise.energy(X.detach(), weights=WX).sum().backward()
    expected = torch.autograd.grad(torch_oracle.energy(X.detach(), weights=WX).sum(), WX)[0]
    assert WX.grad is not None
    torch.testing.assert_close(WX.grad, expected)
    WX.grad = None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_gradients_come_in_the_dtype_of_the_points(dtype: torch.dtype) -> None:
    x, w = X.detach().to(dtype).requires_grad_(), WX.detach().to(dtype).requires_grad_()
    energy = pairwise.energy(x, weights=w)
    assert energy.dtype == torch.float32
    gradient, by_weight = torch.autograd.grad(energy.sum(), (x, w), create_graph=True)
    assert gradient.dtype == by_weight.dtype == dtype
    expected = torch.autograd.grad(torch_oracle.energy(x, weights=w).sum(), (x, w))
    allowed = 4 * torch.finfo(dtype).eps  # one rounding of the result, and some of the weights'
    assert torch_oracle.relative_error(gradient, expected[0]) <= allowed
    assert torch_oracle.relative_error(by_weight, expected[1]) <= allowed
    second = torch.autograd.grad(gradient.float().square().sum(), x)[0]
    assert second.dtype == dtype
    assert second.isfinite().all()


def test_distances_twice_differentiable() -> None:
    for check in (gradcheck, gradgradcheck):
        assert check(pairwise.cdist, (X, Y))
        assert check(pairwise.cdist, (X.detach(), Y))
        assert check(pairwise.cdist, (X, Y.detach()))
        assert check(pairwise.cdist, (X, X))
        assert check(pairwise.pdist, (X,))


def test_a_broadcast_batch_sums_its_gradient() -> None:
    y = leaf(4, 3, seed=8)
    w = leaf(5, seed=9, low=0.5)
    assert gradcheck(lambda x, y, w: pairwise.energy(x, y, weights=(w, None)), (X, y, w))
    assert gradcheck(pairwise.cdist, (X, y))
