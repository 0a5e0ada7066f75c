"""Energies, gradients and Hessian products of NumPy arrays against the oracle, and their laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.clouds import SIZES, cloud, relative_error, weights
from tests.helpers.tolerances import HALF_GRADIENT, PAIRWISE, PAIRWISE_SECOND

from eigenwell import _native, backend, pairwise, reference

ISAS = backend.available_isas()
DTYPES = ("float32", "float64")
EXPONENTS = (1.0, -1.0, 2.0, 0.5, -2.5)
PAIRS = ("all", "upper", "different")


@pytest.fixture(params=ISAS)
def isa(request: Any) -> Any:
    with backend.forced_isa(request.param):
        yield request.param


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("d", [1, 2, 3, 5, 17])
@pytest.mark.parametrize("weighted", [False, True])
def test_self_energy_is_the_oracles(isa: str, dtype: str, n: int, d: int, weighted: bool) -> None:
    x = cloud((n, d), dtype)
    options: dict[str, Any] = {"weights": weights((n,), dtype) if weighted else None}
    for exponent in EXPONENTS:
        for pairs in PAIRS:
            options.update(exponent=exponent, pairs=pairs, softening=0.3 if n % 2 else 0.0)
            value, gradient = pairwise.energy_and_gradient(x, **options)
            error = relative_error(value, reference.riesz_energy(x, **options))
            assert error <= PAIRWISE[dtype], options
            error = relative_error(gradient, reference.riesz_gradient(x, **options)[0])
            assert error <= PAIRWISE[dtype], options
            assert gradient.dtype == dtype
            assert pairwise.energy(x, **options) == pytest.approx(value, rel=PAIRWISE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "m"), [(0, 5), (5, 0), (1, 1), (3, 70), (70, 3), (65, 33), (129, 257)]
)
@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_energy_is_the_oracles(
    isa: str, dtype: str, n: int, m: int, d: int, weighted: bool
) -> None:
    x, y = cloud((n, d), dtype), cloud((m, d), dtype, seed=5) + np.ones((), dtype)
    options: dict[str, Any] = {
        "weights": (weights((n,), dtype), weights((m,), dtype)) if weighted else None
    }
    for exponent in EXPONENTS:
        for pairs in PAIRS:
            options.update(exponent=exponent, pairs=pairs, softening=0.3 if d % 2 else 0.0)
            value, gx, gy = pairwise.energy_and_gradient(x, y, **options)
            right = reference.riesz_gradient(x, y, **options)
            energy = reference.riesz_energy(x, y, **options)
            for found, wanted in ((value, energy), (gx, right[0]), (gy, right[1])):
                assert relative_error(found, wanted) <= PAIRWISE[dtype], options
            assert pairwise.energy(x, y, **options) == pytest.approx(value, rel=PAIRWISE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 2, 33, 130])
@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_hessian_products_are_the_oracles(isa: str, dtype: str, n: int, d: int) -> None:
    x, v = cloud((n, d), dtype), cloud((n, d), dtype, seed=2)
    y, u = cloud((40, d), dtype, seed=3), cloud((40, d), dtype, seed=4)
    for exponent in EXPONENTS:
        for pairs in PAIRS:
            options: dict[str, Any] = {"exponent": exponent, "pairs": pairs, "softening": 0.1}
            w = weights((n,), dtype)
            found = pairwise.hessian_vector_product(x, v, weights=w, **options)
            right = reference.riesz_hessian_vector_product(x, v, weights=w, **options)[0]
            assert relative_error(found, right, floor=1.0) <= PAIRWISE_SECOND[dtype], options
            both = pairwise.hessian_vector_product(x, (v, u), y, **options)
            right_both = reference.riesz_hessian_vector_product(x, v, y, u, **options)
            for part, wanted in zip(both, right_both, strict=True):
                assert relative_error(part, wanted, floor=1.0) <= PAIRWISE_SECOND[dtype], options


def test_on_a_line_distances_have_no_curvature(isa: str) -> None:
    x, v = cloud((50, 1), "float32"), cloud((50, 1), "float32", seed=1)
    assert not pairwise.hessian_vector_product(x, v).any()


def test_the_oracle_gradient_is_the_derivative_of_the_oracle_energy() -> None:
    x, v = cloud((9, 3)), cloud((9, 3), seed=1)
    options: dict[str, Any] = {"exponent": -1.5, "weights": weights((9,)), "softening": 0.2}
    step = 1e-5
    ahead, behind = x + step * v, x - step * v
    slope = reference.riesz_energy(ahead, **options) - reference.riesz_energy(behind, **options)
    gradient = reference.riesz_gradient(x, **options)[0]
    assert slope / (2 * step) == pytest.approx((gradient * v).sum(), rel=1e-7)
    change = (
        reference.riesz_gradient(ahead, **options)[0]
        - reference.riesz_gradient(behind, **options)[0]
    )
    product = reference.riesz_hessian_vector_product(x, v, **options)[0]
    assert relative_error(change / (2 * step), product) < 1e-7


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_far_from_the_origin(isa: str, exponent: float) -> None:
    x = (cloud((400, 3), "float64") / 3 + 1000).astype("float32")
    value, gradient = pairwise.energy_and_gradient(x, exponent=exponent)
    energy = reference.riesz_energy(x, exponent=exponent)
    assert value == pytest.approx(float(energy), rel=PAIRWISE["float32"])
    right = reference.riesz_gradient(x, exponent=exponent)[0]
    assert relative_error(gradient, right) <= PAIRWISE["float32"]


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e-3, 1e6, 1e15, 1e30])
@pytest.mark.parametrize("exponent", [1.0, -1.0, 2.0])
def test_any_size(isa: str, size: float, exponent: float) -> None:
    x = (cloud((40, 3), "float64") * size).astype("float32")
    value, gradient = pairwise.energy_and_gradient(x, exponent=exponent)
    assert value == pytest.approx(
        float(reference.riesz_energy(x, exponent=exponent)), rel=PAIRWISE["float32"]
    )
    right = reference.riesz_gradient(x, exponent=exponent)[0]
    representable = 1e-30 < np.abs(right).max() < 1e37
    if representable:
        assert relative_error(gradient, right) <= PAIRWISE["float32"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_coincident_points_contribute_nothing(
    isa: str, dtype: str, d: int, exponent: float
) -> None:
    x = np.ones((70, d), dtype)
    v = cloud((70, d), dtype)
    value, gradient = pairwise.energy_and_gradient(x, exponent=exponent)
    assert value == 0
    assert not gradient.any()
    assert not pairwise.hessian_vector_product(x, v, exponent=exponent).any()
    apart = np.concatenate([x, x + np.ones((), dtype)])
    options: dict[str, Any] = {"exponent": exponent, "weights": weights((140,), dtype)}
    value, gradient = pairwise.energy_and_gradient(apart, **options)
    assert value == pytest.approx(float(reference.riesz_energy(apart, **options)), rel=2e-6)
    right = reference.riesz_gradient(apart, **options)[0]
    assert relative_error(gradient, right) <= 2 * PAIRWISE[dtype]


def test_softening_counts_coincident_points_but_no_point_with_itself(isa: str) -> None:
    x = np.zeros((5, 3))
    assert pairwise.energy(x, exponent=-1, softening=0.5) == pytest.approx(5 * 4 * 2)
    assert pairwise.energy(x, x, exponent=-1, softening=0.5) == pytest.approx(5 * 5 * 2)
    assert pairwise.energy(x, x, exponent=-1, softening=0.5, pairs="different") == pytest.approx(40)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(isa: str, dtype: str) -> None:
    if dtype == "bfloat16":
        ml_dtypes = pytest.importorskip("ml_dtypes")
        dtype_: Any = ml_dtypes.bfloat16
    else:
        dtype_ = np.float16
    x = cloud((130, 3)).astype(dtype_)
    value, gradient = pairwise.energy_and_gradient(x)
    exact = x.astype(np.float64)
    assert value == pytest.approx(float(reference.riesz_energy(exact)), rel=PAIRWISE["float32"])
    assert gradient.dtype == x.dtype
    right = reference.riesz_gradient(exact)[0]
    error = np.abs(gradient.astype(np.float64) - right)
    assert (error <= 1.01 * HALF_GRADIENT[dtype] * np.abs(right) + 1e-5).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [2, 3, 6])
@pytest.mark.parametrize("pairs", PAIRS)
def test_the_same_bits_for_every_number_of_threads(
    isa: str, dtype: str, d: int, pairs: str
) -> None:
    options = {"exponent": 1.0, "softening": 0.0, "pairs": pairs}

    def run(threads: int, n: int) -> list[bytes]:
        m = 700
        x, y, v, u = (cloud((2, k, d), dtype, seed=k) for k in (n, m, n, m))
        sizes = {"batch": 2, "n": n, "m": m, "d": d, "dtype": dtype}
        energies, gx, gy = np.empty(2), np.empty_like(x), np.empty_like(y)
        hx, hy, alone, g = np.empty_like(x), np.empty_like(y), np.empty(2), np.empty_like(x)
        keywords: dict[str, Any] = {**sizes, **options, "threads": threads}
        _native.riesz(x, y, 0, 0, energies, gx, gy, **keywords)
        _native.riesz_hvp(x, y, 0, 0, v, u, hx, hy, **keywords)
        _native.riesz(x, 0, 0, 0, alone, g, 0, **keywords)
        return [array.tobytes() for array in (energies, gx, gy, hx, hy, alone, g)]

    for n in (1100, 2100):
        wanted = run(1, n)
        for threads in (2, 3, 7):
            assert run(threads, n) == wanted


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("n", [2000, 2048, 2049])
def test_pairs_met_once_and_by_rows(isa: str, dtype: str, d: int, n: int) -> None:
    # Small clouds meet every pair once, from 2049 points on from both ends.
    x = cloud((n, d), dtype)
    exact = x.astype(np.float64)
    value, gradient = pairwise.energy_and_gradient(x, pairs="upper")
    assert value == pytest.approx(pairwise.energy(exact, pairs="upper"), rel=PAIRWISE[dtype])
    rows = np.array([0, 1, 63, 64, 1000, n - 1])
    right = reference.riesz_gradient(exact[rows], exact)[0]
    assert relative_error(gradient[rows], right) <= PAIRWISE[dtype]


def test_a_batch_is_each_configuration_by_itself(isa: str) -> None:
    x, y = cloud((2, 3, 70, 3), "float32"), cloud((3, 9, 3), "float32", seed=1)
    w = weights((70,), "float32"), weights((2, 1, 9), "float32")
    value, gx, gy = pairwise.energy_and_gradient(x, y, weights=w)
    assert value.shape == (2, 3)
    assert gy.shape == (2, 3, 9, 3)
    for i in range(2):
        for j in range(3):
            one = pairwise.energy_and_gradient(x[i, j], y[j], weights=(w[0], w[1][i, 0]))
            assert value[i, j] == one[0]
            np.testing.assert_array_equal(gx[i, j], one[1])
            np.testing.assert_array_equal(gy[i, j], one[2])


def test_more_pairs_than_32_bits_count() -> None:
    # s = 2 has a closed form: sum over ordered pairs of |x_i - x_j|^2 = 2 n sum |x_i - mean|^2.
    x = cloud((70_000, 1), "float32")
    exact = x.astype(np.float64)
    wanted = 2 * len(x) * ((exact - exact.mean(0)) ** 2).sum()
    assert pairwise.energy(x, exponent=2.0) == pytest.approx(wanted, rel=PAIRWISE["float32"])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 80),
    st.integers(1, 5),
    st.sampled_from([*EXPONENTS, 3.0, -4.0, 1e-3]),
    st.integers(0, 2**32 - 1),
)
def test_laws(n: int, d: int, exponent: float, seed: int) -> None:
    x = cloud((n, d), seed=seed)
    value, gradient = pairwise.energy_and_gradient(x, exponent=exponent)
    size = np.abs(gradient).sum() + 1e-300
    # Forces add up to zero; Euler's identity; shifts and rotations change nothing.
    assert np.abs(gradient.sum(0)).max() <= 1e-12 * size
    assert (x * gradient).sum() == pytest.approx(exponent * value, rel=1e-9)
    rotation = np.linalg.qr(cloud((d, d), seed=seed + 1))[0]
    moved = pairwise.energy_and_gradient(x @ rotation + 3.0, exponent=exponent)
    assert moved[0] == pytest.approx(value, rel=1e-6)
    assert pairwise.energy(2 * x, exponent=exponent) == pytest.approx(2**exponent * value)
    order = np.random.default_rng(seed).permutation(n)
    shuffled = pairwise.energy_and_gradient(x[order], exponent=exponent)
    assert relative_error(shuffled[1], gradient[order]) <= 1e-9
    # The Hessian is symmetric and of degree s - 2: H x = (s - 1) g.
    product = pairwise.hessian_vector_product(x, x, exponent=exponent)
    assert np.abs(product - (exponent - 1) * gradient).max() <= 1e-9 * size
