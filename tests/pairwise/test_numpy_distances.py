"""Matrices of distances and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.clouds import SIZES, cloud, relative_error
from tests.helpers.tolerances import DISTANCE, PAIRWISE

from eigenwell import _native, backend, pairwise, reference
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

DTYPES = ("float32", "float64")


@pytest.fixture(params=backend.available_isas())
def isa(request: Any) -> Any:
    with backend.forced_isa(request.param):
        yield request.param


def gradients(x: Any, y: Any, loss: Any) -> tuple[Any, Any]:
    """The formula in float64."""
    r = reference.distances(x, y)
    c = np.where(r > 0, loss / np.where(r > 0, r, 1), 0)[..., None]
    pull = c * (np.float64(x)[..., :, None, :] - np.float64(y)[..., None, :, :])
    return pull.sum(-2), -pull.sum(-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 3, 7, 130])
@pytest.mark.parametrize("m", SIZES)
def test_cdist(isa: str, dtype: str, d: int, m: int) -> None:
    x, y = cloud((67, d), dtype), cloud((m, d), dtype, seed=1)
    found, wanted = pairwise.cdist(x, y), reference.distances(x, y)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, wanted, rtol=DISTANCE[dtype])
    loss = cloud((67, m), dtype, seed=2)
    for given in (None, found):
        for part, right in zip(
            pairwise.cdist_gradient(x, y, loss, distances=given), gradients(x, y, loss), strict=True
        ):
            assert relative_error(part, right) <= PAIRWISE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 3, 7])
@pytest.mark.parametrize("n", SIZES)
def test_pdist(isa: str, dtype: str, d: int, n: int) -> None:
    x = cloud((2, n, d), dtype)
    i, j = np.triu_indices(n, 1)
    wanted = reference.distances(x, x)[:, i, j]
    np.testing.assert_allclose(pairwise.pdist(x), wanted, rtol=DISTANCE[dtype])
    loss = cloud((2, len(i)), dtype, seed=3)
    full = np.zeros((2, n, n))
    full[:, i, j] = loss
    right = np.add(*gradients(x, x, full))
    assert relative_error(pairwise.pdist_gradient(x, loss), right) <= PAIRWISE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_several_tiles_parts_and_threads(isa: str, dtype: str) -> None:
    n, m, d = 1500, 2100, 3
    x, y, loss = cloud((n, d), dtype), cloud((m, d), dtype, seed=1), cloud((n, m), dtype, seed=2)
    sizes: dict[str, Any] = {"batch": 1, "n": n, "d": d, "dtype": dtype}

    def run(threads: int) -> list[Any]:
        r, gx, gy = np.empty((n, m), dtype), np.empty_like(x), np.empty_like(y)
        p, gp = np.empty(n * (n - 1) // 2, dtype), np.empty_like(x)
        _native.cdist(x, y, r, m=m, threads=threads, **sizes)
        _native.cdist_backward(x, y, loss, r, gx, gy, m=m, threads=threads, **sizes)
        _native.pdist(x, p, threads=threads, **sizes)
        _native.pdist_backward(x, p, p, gp, threads=threads, **sizes)
        return [r, gx, gy, p, gp]

    first = run(1)
    r = reference.distances(x, y)
    np.testing.assert_allclose(first[0], r, rtol=DISTANCE[dtype])
    right = gradients(x, y, loss)
    assert relative_error(first[1], right[0]) <= PAIRWISE[dtype]
    assert relative_error(first[2], right[1]) <= PAIRWISE[dtype]
    # With each distance weighing itself: sum_j (x_i - x_j) = n (x_i - mean).
    exact = x.astype(np.float64)
    assert relative_error(first[4], n * (exact - exact.mean(0))) <= PAIRWISE[dtype]
    for threads in (2, 3, 7):
        for found, wanted in zip(run(threads), first, strict=True):
            assert found.tobytes() == wanted.tobytes()


def test_coincident_points_have_distance_and_gradient_zero(isa: str) -> None:
    x = np.ones((20, 3), "float32")
    assert not pairwise.cdist(x, x).any()
    assert not pairwise.pdist(x).any()
    assert not any(g.any() for g in pairwise.cdist_gradient(x, x, np.ones((20, 20), "float32")))
    assert not pairwise.pdist_gradient(x, np.ones(190, "float32")).any()


def test_far_from_the_origin_nothing_cancels(isa: str) -> None:
    x = (cloud((90, 3)) + 1000).astype("float32")
    np.testing.assert_allclose(pairwise.cdist(x, x), reference.distances(x, x), rtol=4e-7)


def test_only_one_gradient_may_be_wanted(isa: str) -> None:
    x, y, loss = cloud((30, 2)), cloud((40, 2), seed=1), cloud((30, 40), seed=2)
    wanted = pairwise.cdist_gradient(x, y, loss)
    r = pairwise.cdist(x, y)
    for which in (0, 1):
        found = [np.zeros_like(x), np.zeros_like(y)]
        asked: list[Any] = [0, 0]
        asked[which] = found[which]
        sizes: dict[str, Any] = {"batch": 1, "n": 30, "m": 40, "d": 2, "dtype": "float64"}
        _native.cdist_backward(x, y, loss, r, *asked, threads=1, **sizes)
        np.testing.assert_array_equal(found[which], wanted[which])


def test_half_precision_and_broadcasting(isa: str) -> None:
    x, y = cloud((4, 1, 9, 3), "float16"), cloud((2, 8, 3), "float16", seed=1)
    found = pairwise.cdist(x, y)
    assert found.shape == (4, 2, 9, 8)
    assert found.dtype == np.float16
    wanted = reference.distances(np.broadcast_to(x, (4, 2, 9, 3)), np.broadcast_to(y, (4, 2, 8, 3)))
    np.testing.assert_allclose(found, wanted, rtol=2.0**-11 * 1.01)


def test_mistakes() -> None:
    x, y = cloud((3, 2)), cloud((4, 2))
    with pytest.raises(ShapeError, match="`y` must have as many coordinates"):
        pairwise.cdist(x, cloud((4, 3)))
    with pytest.raises(DTypeError, match="`y` must have the dtype of `x`"):
        pairwise.cdist(x, y.astype("float32"))
    with pytest.raises(ShapeError, match="leading axes"):
        pairwise.cdist(np.zeros((2, 3, 2)), np.zeros((3, 4, 2)))
    with pytest.raises(ShapeError, match=r"`weights` must have shape \(3, 4\)"):
        pairwise.cdist_gradient(x, y, np.ones((4, 3)))
    with pytest.raises(ArgumentError, match=r"`x` must be finite, got nan at index \(1, 0\)"):
        pairwise.pdist([[0.0], [np.nan]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_derivatives_that_are_not_finite(isa: str, value: float) -> None:
    x, y = cloud((20, 3)), cloud((30, 3), seed=1)
    loss, r = np.ones((20, 30)), pairwise.cdist(x, y)
    loss[4, 7] = value
    with pytest.raises(
        ArgumentError, match=rf"`weights` must be finite, got {value} at .*\(4, 7\)"
    ):
        pairwise.cdist_gradient(x, y, loss, distances=r)
    loss[4, 7], r[4, 7] = 1.0, np.nan
    with pytest.raises(ArgumentError, match=r"`distances` must be finite, got nan at .*\(4, 7\)"):
        pairwise.cdist_gradient(x, y, loss, distances=r)
    condensed = np.ones(190)
    condensed[-1] = value
    with pytest.raises(ArgumentError, match=r"`weights` must be finite, .* at index \(189,\)"):
        pairwise.pdist_gradient(x, condensed)
    # Of a point and itself there is no direction, whatever the weight.
    diagonal = np.ones((20, 20))
    np.fill_diagonal(diagonal, value)
    assert np.isfinite(pairwise.cdist_gradient(x, x, diagonal)).all()
