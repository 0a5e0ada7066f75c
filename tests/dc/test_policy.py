"""Calling a packed policy: every instruction set against the oracle, and every kind of array."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.policies import SIZES, random_policy
from tests.helpers.tolerances import RANDOM_ACTION

from eigenwell import backend, dc
from eigenwell.errors import ArgumentError, DTypeError, ShapeError


@pytest.fixture(params=backend.available_isas())
def isa(request: pytest.FixtureRequest) -> Any:
    with backend.forced_isa(request.param):
        yield request.param


def observations(rows: int, inputs: int = 24, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, inputs)).astype(np.float32)


@pytest.mark.usefixtures("isa")
class TestAgainstTheOracle:
    @pytest.mark.parametrize("rows", [0, *SIZES])
    def test_batch_sizes(self, rows: int) -> None:
        policy = random_policy(quadratic=True, shift=True, scale=True)
        x = observations(rows)
        actions = policy(x)
        assert actions.shape == (rows, 4)
        assert actions.dtype == np.float32
        np.testing.assert_allclose(actions, policy.reference(x), rtol=0, atol=RANDOM_ACTION)
        for row in range(rows):  # the same bits alone and in the batch
            np.testing.assert_array_equal(policy(x[row]), actions[row])

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(0, 2**32 - 1),
        st.sampled_from((*SIZES, 300)),
        st.sampled_from((1, 2, 3, 4, 5, 8, 9, 16, 17, 33)),
        st.integers(1, 9),
        st.integers(2, 8),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.sampled_from((0.5, 10.0, np.inf)),
    )
    def test_shapes(self, seed, n, k, m, bits, quadratic, shift, scale, input_clip) -> None:
        policy = random_policy(
            seed,
            inputs=n,
            neurons=k,
            eigenvalues=m,
            bits=bits,
            quadratic=quadratic,
            shift=shift,
            scale=scale,
            input_clip=input_clip,
        )
        x = observations(37, n, seed)
        wanted = policy.reference(x)
        np.testing.assert_allclose(policy(x), wanted, rtol=0, atol=RANDOM_ACTION * max(1, n / 64))
        policy.self_test()

    def test_action_bounds(self) -> None:
        x = 5 * observations(100)
        free = random_policy(clip=(-np.inf, np.inf))
        narrow = random_policy(clip=(-0.25, 0.5))
        assert np.abs(free(x)).max() > 1
        np.testing.assert_array_equal(narrow(x), np.clip(free(x), -0.25, 0.5))


class TestArrays:
    policy = random_policy(quadratic=True)
    x = observations(40)

    def wanted(self) -> np.ndarray:
        return self.policy(self.x)

    @pytest.mark.parametrize(
        "view",
        [
            pytest.param(np.asfortranarray, id="fortran"),
            pytest.param(lambda x: np.repeat(x, 2, axis=1)[:, ::2], id="columns strided"),
            pytest.param(lambda x: np.repeat(x, 3, axis=0)[::3], id="rows strided"),
            pytest.param(lambda x: x[::-1, ::-1].copy()[::-1, ::-1], id="negative strides"),
            pytest.param(lambda x: x.astype(np.float64), id="float64"),
            pytest.param(lambda x: x.astype(">f4"), id="big-endian"),
            pytest.param(lambda x: x.astype(">f8"), id="big-endian float64"),
            pytest.param(lambda x: x.astype(np.longdouble), id="long double"),
            pytest.param(lambda x: x.tolist(), id="list"),
        ],
    )
    def test_layouts_and_types(self, view: Any) -> None:
        np.testing.assert_array_equal(self.policy(view(self.x)), self.wanted())

    def test_misaligned(self) -> None:
        raw = np.zeros(self.x.nbytes + 1, dtype=np.uint8)
        raw[1:] = np.frombuffer(self.x.tobytes(), dtype=np.uint8)
        shifted = raw[1:].view(np.float32).reshape(self.x.shape)
        assert not shifted.flags.aligned
        np.testing.assert_array_equal(self.policy(shifted), self.wanted())

    def test_read_only_and_broadcast(self) -> None:
        row = self.x[0].copy()
        row.flags.writeable = False
        np.testing.assert_array_equal(self.policy(row), self.wanted()[0])
        rows = np.broadcast_to(row, (5, 24))
        np.testing.assert_array_equal(self.policy(rows), np.repeat(self.wanted()[:1], 5, axis=0))

    @pytest.mark.parametrize("dtype", ["i1", "i4", "u8", "f2"])
    def test_other_numbers_are_converted(self, dtype: str) -> None:
        x = np.arange(24).astype(dtype)
        np.testing.assert_array_equal(self.policy(x), self.policy(x.astype(np.float64)))

    def test_float64_that_passes_through_the_chunks(self) -> None:
        x = observations(3000).astype(np.float64)
        np.testing.assert_array_equal(self.policy(x), self.policy(x.astype(np.float32)))

    def test_out(self) -> None:
        out = np.empty((40, 4), dtype=np.float32)
        assert self.policy(self.x, out=out) is out
        np.testing.assert_array_equal(out, self.wanted())

    @pytest.mark.parametrize("offset", [0, 3, 24, 300, 800])
    def test_out_that_shares_memory_with_obs(self, offset: int) -> None:
        pool = np.concatenate([self.x.ravel(), np.zeros(200, dtype=np.float32)])
        obs = pool[: self.x.size].reshape(self.x.shape)
        out = pool[offset : offset + 160].reshape(40, 4)
        np.testing.assert_array_equal(self.policy(obs, out=out), self.wanted())

    @pytest.mark.parametrize(
        ("out", "error"),
        [
            (np.empty((40, 4)), DTypeError),
            ([0.0], DTypeError),
            (np.empty((40, 5), dtype=np.float32), ShapeError),
            (np.empty((39, 4), dtype=np.float32), ShapeError),
            (np.empty(160, dtype=np.float32), ShapeError),
            (np.empty((4, 40), dtype=np.float32).T, ArgumentError),
            (np.frombuffer(bytes(640), dtype=np.float32).reshape(40, 4), ArgumentError),
        ],
    )
    def test_wrong_out(self, out: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="`out`"):
            self.policy(self.x, out=out)


class TestBadObservations:
    policy = random_policy()

    @pytest.mark.parametrize(
        "shape", [(), (0,), (23,), (25,), (3, 23), (24, 3), (0, 23), (2, 3, 24), (1, 1, 24)]
    )
    def test_shape(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ShapeError, match=r"must have shape \(24,\) or \(batch, 24\), got"):
            self.policy(np.zeros(shape, dtype=np.float32))

    @pytest.mark.parametrize("dtype", ["complex64", "bool", "O", "U3", "S3", "M8[s]", "V4"])
    def test_dtype(self, dtype: str) -> None:
        with pytest.raises(DTypeError, match="`obs` must hold real numbers"):
            self.policy(np.zeros(24, dtype=dtype))

    @pytest.mark.parametrize("value", ["walk", None, {}, object()])
    def test_foreign_objects(self, value: Any) -> None:
        with pytest.raises((DTypeError, ShapeError), match="`obs`"):
            self.policy(value)

    def test_ragged(self) -> None:
        with pytest.raises(ShapeError, match="ragged"):
            self.policy([[1.0, 2.0], [1.0]])

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_not_finite_is_an_error_that_says_where(self, bad: float, dtype: Any) -> None:
        x = observations(2000).astype(dtype)
        x[1234, 7] = bad
        with pytest.raises(ArgumentError, match=r"got -?(nan|inf) at index \(1234, 7\)"):
            self.policy(x)
        with pytest.raises(ArgumentError, match=r"at index \(7,\)"):
            self.policy(x[1234])

    def test_float64_that_overflows_float32(self) -> None:
        x = np.zeros(24)
        x[3] = 1e300
        with pytest.raises(ArgumentError, match=r"finite in float32, got inf at index \(3,\)"):
            self.policy(x)

    @pytest.mark.parametrize("rows", [1, 5, 700])
    def test_propagate_touches_only_its_rows(self, rows: int) -> None:
        x = observations(rows)
        clean = self.policy(x)
        x[rows // 2, 3] = np.inf
        actions = self.policy(x, on_nan="propagate")
        assert np.isnan(actions[rows // 2]).all()
        others = np.arange(rows) != rows // 2
        np.testing.assert_array_equal(actions[others], clean[others])
        np.testing.assert_array_equal(np.isnan(actions), np.isnan(self.policy.reference(x)))

    def test_unknown_on_nan(self) -> None:
        with pytest.raises(ArgumentError, match="`on_nan` must be"):
            self.policy(np.zeros(24), on_nan="ignore")


class TestLipschitzBound:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.booleans())
    def test_is_never_exceeded(self, seed: int, quadratic: bool) -> None:
        policy = random_policy(
            seed, quadratic=quadratic, shift=True, scale=True, clip=(-np.inf, np.inf)
        )
        low, high = np.full(24, -2.0), np.full(24, 2.0)
        bound = policy.lipschitz_bound(np.stack([low, high]))
        rng = np.random.default_rng(seed)
        a, b = rng.uniform(-2, 2, (2, 200, 24))
        change = np.abs(policy.reference(a) - policy.reference(b))
        assert (change <= np.abs(a - b) @ bound.T * (1 + 1e-12)).all()

    def test_is_reached(self) -> None:
        one = dc.PackedPolicy.from_arrays(
            [[0, 1]], [-0.5, 0.25], [0.0, 0.0], eigenvalues=2, scale=[3.0], clip=(-9, 9)
        )
        assert one.lipschitz_bound().tolist() == [[2 * 0.5 * 3]]

    def test_quadratic_needs_a_box(self) -> None:
        policy = random_policy(quadratic=True)
        assert np.isinf(policy.lipschitz_bound()).any()
        assert np.isfinite(policy.lipschitz_bound([[-1.0] * 24, [1.0] * 24])).all()
        assert np.isfinite(policy.without_quadratic().lipschitz_bound()).all()


def test_without_quadratic_is_the_formula_with_zeros() -> None:
    policy = random_policy(quadratic=True, shift=True)
    plain = policy.without_quadratic()
    assert plain.quadratic is None
    np.testing.assert_array_equal(plain.words, policy.words)
    x = observations(50)
    assert not np.array_equal(plain(x), policy(x))


def test_pickle_repr_and_read_only_arrays() -> None:
    policy = random_policy(shift=True)
    again = pickle.loads(pickle.dumps(policy))  # our own object
    assert again.dumps() == policy.dumps()
    assert "24 inputs, 4 neurons of 6 eigenvalues, 5 bits" in repr(policy)
    for name in ("words", "codebook", "biases", "shift", "self_test_inputs"):
        assert not getattr(policy, name).flags.writeable
    codebook = policy.codebook
    before = codebook.copy()
    del policy  # the arrays keep the bytes alive
    np.testing.assert_array_equal(codebook, before)


def test_threads_share_a_policy() -> None:
    policy = random_policy()
    x = observations(5000)
    wanted = policy(x)
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(1 for _ in range(20) if not np.array_equal(policy(x), wanted))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
