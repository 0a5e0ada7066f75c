"""`cdist` and `pdist`: what torch's own tests ask of theirs for p = 2, written anew; and precision.

torch's tests with zero coordinates are not among them: d = 0 is an error here.
"""

from __future__ import annotations

import math

import pytest
import torch
from tests.helpers import torch_oracle
from tests.helpers.tolerances import PAIRWISE
from torch.autograd import gradcheck, gradgradcheck

from eigenwell.pairwise import torch as pairwise


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def assert_distances(x: torch.Tensor, y: torch.Tensor) -> None:
    found, expected = pairwise.cdist(x, y), torch_oracle.cdist(x, y)
    assert found.dtype == x.dtype
    assert found.shape == torch.cdist(x, y).shape
    torch.testing.assert_close(found.double(), expected, rtol=PAIRWISE["float32"], atol=0)


@pytest.mark.parametrize("shapes", [((0, 5), (4, 5)), ((2, 5), (0, 5)), ((0, 5), (0, 5))])
def test_cdist_of_nothing(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    x, y = (torch.randn(shape, requires_grad=True) for shape in shapes)
    distances = pairwise.cdist(x, y)
    assert distances.shape == torch.cdist(x, y).shape
    distances.sum().backward()
    for leaf in (x, y):
        assert leaf.grad is not None
        assert torch.equal(leaf.grad, torch.zeros_like(leaf))
    assert pairwise.cdist(torch.randn(0, 4, 3), torch.randn(0, 2, 3)).shape == (0, 4, 2)
    assert pairwise.cdist(torch.randn(5, 0, 3), torch.randn(5, 2, 3)).shape == (5, 0, 2)


@pytest.mark.parametrize("n", [1, 2, 3, 24, 25, 26, 40])  # torch's mode changes at 25
@pytest.mark.parametrize("m", [1, 5, 26])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 9, 32])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cdist_norm(n: int, m: int, d: int, dtype: torch.dtype) -> None:
    assert_distances(normal(n, d, dtype=dtype), normal(m, d, seed=1, dtype=dtype))


@pytest.mark.parametrize("batch", [(3,), (2, 3), (1,), (2, 1, 3)])
def test_cdist_norm_batch(batch: tuple[int, ...]) -> None:
    assert_distances(normal(*batch, 7, 3), normal(*batch, 5, 3, seed=1))
    assert_distances(normal(*batch, 30, 10), normal(*batch, 31, 10, seed=1))


@pytest.mark.parametrize("d", [3, 10])
def test_cdist_large(d: int) -> None:
    assert_distances(normal(1000, d), normal(1000, d, seed=1))
    assert_distances(normal(4, 3, 100, d), normal(4, 3, 100, d, seed=1))


@pytest.mark.parametrize(
    ("x_shape", "y_shape"),
    [
        ((2, 1, 7, 3), (1, 4, 5, 3)),
        ((7, 3), (4, 5, 3)),
        ((2, 4, 7, 3), (5, 3)),
        ((3, 1, 2, 30, 5), (4, 1, 26, 5)),
    ],
)
def test_cdist_broadcasts_its_batch(x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> None:
    assert_distances(normal(*x_shape), normal(*y_shape, seed=1))
    x = normal(*x_shape, dtype=torch.float64).requires_grad_()
    y = normal(*y_shape, seed=1, dtype=torch.float64).requires_grad_()
    weight = torch.randn_like(pairwise.cdist(x, y))
    torch.testing.assert_close(
        torch.autograd.grad(pairwise.cdist(x, y), (x, y), weight),
        torch.autograd.grad(torch_oracle.cdist(x, y), (x, y), weight),
    )


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_cdist_non_contiguous(batch: tuple[int, ...]) -> None:
    x, y = normal(*batch, 5, 7).mT, normal(*batch, 5, 4, seed=1).mT
    assert not x.is_contiguous()
    assert_distances(x, y)
    assert_distances(x, y.contiguous())
    assert_distances(x.contiguous(), y)
    assert_distances(normal(*batch, 9, 10)[..., ::2, ::2], normal(*batch, 3, 5))
    expanded = normal(5).expand(*batch, 6, 5)
    assert_distances(expanded, expanded.flip(-2))


def test_cdist_takes_a_non_contiguous_gradient() -> None:
    x = normal(7, 3, dtype=torch.float64).requires_grad_()
    y = normal(4, 3, seed=1, dtype=torch.float64).requires_grad_()
    gradient = normal(4, 7, dtype=torch.float64).mT
    for weight in (gradient, gradient[:1].expand(7, 4), torch.ones((), dtype=x.dtype).expand(7, 4)):
        torch.testing.assert_close(
            torch.autograd.grad(pairwise.cdist(x, y), (x, y), weight),
            torch.autograd.grad(torch_oracle.cdist(x, y), (x, y), weight),
        )


@pytest.mark.parametrize("n", [1, 27, 29])
def test_cdist_same_inputs(n: int) -> None:
    x = normal(n, 27, dtype=torch.float32).requires_grad_()
    distances = pairwise.cdist(x, x.detach().clone())
    assert torch.equal(distances.diagonal(), torch.zeros(n))
    distances.backward(normal(n, n, seed=1))
    assert x.grad is not None
    assert x.grad.isfinite().all()
    same = pairwise.cdist(x, x)
    assert torch.equal(same.diagonal(), torch.zeros(n))
    torch.testing.assert_close(same, same.mT)
    (gradient,) = torch.autograd.grad(same.sum(), x)
    (expected,) = torch.autograd.grad(torch_oracle.cdist(x, x).sum(), x)
    assert torch_oracle.relative_error(gradient, expected) <= PAIRWISE["float32"] or n == 1


def test_where_a_distance_is_zero_so_is_its_gradient_in_every_order() -> None:
    x = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    for distances in (pairwise.cdist(x, x), pairwise.pdist(x)):
        assert torch.equal(distances, torch.zeros_like(distances))
        (gradient,) = torch.autograd.grad(distances.sum(), x, create_graph=True)
        assert torch.equal(gradient, torch.zeros_like(x))
        (second,) = torch.autograd.grad(gradient.sum(), x, create_graph=True)
        assert torch.equal(second, torch.zeros_like(x))
        (third,) = torch.autograd.grad(second.sum(), x)
        assert torch.equal(third, torch.zeros_like(x))


def test_cdist_grad_of_grad() -> None:
    x = normal(2, 5, 3, dtype=torch.float64).requires_grad_()
    y = normal(2, 4, 3, seed=1, dtype=torch.float64).requires_grad_()
    assert gradcheck(pairwise.cdist, (x, y))
    assert gradgradcheck(pairwise.cdist, (x, y))
    # torch.cdist has no second derivative; its place is taken by the square root of squares.
    expected = torch.autograd.functional.hessian(lambda x: torch_oracle.cdist(x, y).sum(), x)
    found = torch.autograd.functional.hessian(lambda x: pairwise.cdist(x, y).sum(), x)
    torch.testing.assert_close(found, expected)


def test_near_duplicates_keep_their_distance_where_a_matrix_product_loses_it() -> None:
    x = normal(200, 3)
    y = x + 2**-16 * normal(200, 3, seed=1)
    expected = torch_oracle.cdist(x, y).diagonal()
    ours = torch_oracle.relative_error(pairwise.cdist(x, y).diagonal(), expected)
    matmul = torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist").diagonal()
    assert ours <= PAIRWISE["float32"]
    assert torch_oracle.relative_error(matmul, expected) > 1  # nothing of it is right


def test_far_from_the_origin(record_property: pytest.RecordProperty) -> None:
    """The issue's cloud: radius 1 at (1000, 1000, 1000), against float64 of the same points."""
    directions = normal(1000, 3, dtype=torch.float64)
    x = (1000 + directions / directions.norm(dim=1, keepdim=True)).float().requires_grad_()
    expected = torch_oracle.energy(x)
    (gradient,) = torch.autograd.grad(expected, x)

    value, found = pairwise.energy_and_gradient(x.detach())
    errors = {
        "energy": torch_oracle.relative_error(value, expected),
        "gradient": torch_oracle.relative_error(found, gradient),
    }
    distances = pairwise.cdist(x, x)
    errors["cdist"] = torch_oracle.relative_error(distances, torch_oracle.cdist(x, x))
    errors["cdist's gradient"] = torch_oracle.relative_error(
        torch.autograd.grad(distances.sum(), x)[0], gradient
    )
    by_torch = torch.cdist(x, x)  # takes a matrix product over 25 points
    torch_errors = {
        "energy": torch_oracle.relative_error(by_torch.double().sum(), expected),
        "gradient": torch_oracle.relative_error(
            torch.autograd.grad(by_torch.sum(), x)[0], gradient
        ),
        "cdist": torch_oracle.relative_error(by_torch, torch_oracle.cdist(x, x)),
    }
    for name, error in {**errors, **{f"torch's {k}": v for k, v in torch_errors.items()}}.items():
        record_property(name, error)
        print(f"{name}: {error:.2e}")
    assert max(errors.values()) <= PAIRWISE["float32"]
    assert min(torch_errors.values()) > 100 * PAIRWISE["float32"]


@pytest.mark.parametrize("n", [0, 1])
def test_pdist_of_nothing(n: int) -> None:
    x = torch.randn(n, 3, requires_grad=True)
    distances = pairwise.pdist(x)
    assert distances.shape == torch.pdist(x).shape == (0,)
    distances.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.zeros(n, 3))
    assert pairwise.pdist(torch.randn(4, n, 3)).shape == (4, 0)


@pytest.mark.parametrize("shape", [(2, 1), (4, 5), (100, 3), (33, 17), (257, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pdist_norm(shape: tuple[int, int], dtype: torch.dtype) -> None:
    x = normal(*shape, dtype=dtype)
    for points in (x, x.mT.contiguous().mT, torch.stack([x, x], 2)[..., 0]):
        found = pairwise.pdist(points)
        torch.testing.assert_close(found, torch.pdist(points))
        torch.testing.assert_close(
            found.double(), torch_oracle.pdist(points), rtol=PAIRWISE["float32"], atol=0
        )


def test_pdist_backward_and_its_backward() -> None:
    x = normal(6, 3, dtype=torch.float64).requires_grad_()
    weight = normal(15, seed=1, dtype=torch.float64)
    torch.testing.assert_close(
        torch.autograd.grad(pairwise.pdist(x), x, weight),
        torch.autograd.grad(torch.pdist(x), x, weight),
    )
    assert gradcheck(pairwise.pdist, (x,))
    assert gradgradcheck(pairwise.pdist, (x,))


def test_pdist_has_a_batch() -> None:
    x = normal(2, 3, 6, 4, dtype=torch.float64).requires_grad_()
    rows = [torch.pdist(row) for row in x.flatten(0, 1)]
    expected = torch.stack(rows).unflatten(0, (2, 3))
    torch.testing.assert_close(pairwise.pdist(x), expected)
    weight = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(pairwise.pdist(x), x, weight), torch.autograd.grad(expected, x, weight)
    )
    assert gradgradcheck(pairwise.pdist, (x[0],))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_rounds_once(dtype: torch.dtype) -> None:
    x, y = normal(40, 5, dtype=dtype), normal(30, 5, seed=1, dtype=dtype)
    distances = pairwise.cdist(x, y)
    assert distances.dtype == dtype
    assert torch.equal(distances, torch_oracle.cdist(x, y).float().to(dtype))
    assert torch.equal(pairwise.pdist(x), torch_oracle.pdist(x).float().to(dtype))
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(pairwise.cdist(x, y).sum(), x)
    (expected,) = torch.autograd.grad(torch_oracle.cdist(x, y).sum(), x)
    assert gradient.dtype == dtype
    assert torch_oracle.relative_error(gradient, expected) <= 2 * torch.finfo(dtype).eps


def test_what_is_not_finite_propagates() -> None:
    x = normal(5, 3)
    x[1, 0], x[3, 2] = math.nan, math.inf
    distances = pairwise.cdist(x, normal(4, 3))
    assert distances[1].isnan().all()
    assert distances[3].isinf().all()
    assert distances[[0, 2, 4]].isfinite().all()
    assert pairwise.pdist(x)[0].isnan()
