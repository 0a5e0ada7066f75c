"""The policy: to and from the packed format, the codebook, untied layers made packable."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.policies import random_policy
from tests.helpers.tolerances import RANDOM_ACTION

from eigenwell import dc
from eigenwell.dc.torch import (
    DCLayer,
    DCPolicy,
    Quantised,
    TridiagonalLayer,
    fit_codebook,
    quantise,
)
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, ShapeError

# The bar for actions of the packed walker and its torch twin, sums of order 1 to 10.
ROUND_TRIP = 1e-5


def observations(rows: int, inputs: int = 24, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, inputs)).astype(np.float32)


def actions(policy: DCPolicy, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return policy(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("quadratic", [True, False])
def test_the_articles_walker_there_and_back(quadratic: bool) -> None:
    packed = dc.walker() if quadratic else dc.walker().without_quadratic()
    x = observations(5000)
    policy = DCPolicy.from_packed(packed)
    assert np.abs(actions(policy, x) - packed(x)).max() < ROUND_TRIP
    again = policy.pack(codebook=packed.codebook)
    np.testing.assert_array_equal(again.words, packed.words)
    np.testing.assert_array_equal(again(x), packed(x))
    assert (again.quadratic is not None) is quadratic


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 24]),
    st.integers(1, 4),
    st.integers(1, 7),
    st.integers(2, 8),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.5, math.inf]),
)
def test_any_packed_policy_there_and_back(seed, n, k, m, bits, bent, moved, input_clip) -> None:
    packed = random_policy(
        seed,
        inputs=n,
        neurons=k,
        eigenvalues=m,
        bits=bits,
        quadratic=bent,
        shift=moved,
        scale=moved,
        input_clip=input_clip,
    )
    x = observations(30, n, seed)
    policy = DCPolicy.from_packed(packed)
    assert np.abs(actions(policy, x) - packed(x)).max() <= 2 * RANDOM_ACTION
    again = policy.pack(bits=bits, codebook=packed.codebook)
    np.testing.assert_array_equal(again.weights, packed.weights)
    np.testing.assert_array_equal(again(x), packed(x))


def test_unpacking_leaves_torchs_generator_alone() -> None:
    state = torch.get_rng_state()
    DCPolicy.from_packed(dc.walker())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_packing_what_was_trained(bits: int) -> None:
    layer = DCLayer(24, 4, quadratic=True, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.quadratic.fill_(0.1)
        layer.weights[:, 3] = 0
    policy = DCPolicy(layer, shift=np.ones(24), scale=np.full(24, 0.5), input_clip=3.0)
    x = observations(400)
    packed = policy.pack(bits=bits, metadata={"environment": "none"})
    assert packed.metadata == {"environment": "none"}
    assert packed.codebook.size == 2**bits
    assert (packed.weights[:, 3] == 0).all()
    # What was packed is the policy with its weights rounded, nothing else.
    rounded = DCPolicy.from_packed(packed)
    np.testing.assert_array_equal(rounded.layer.biases.detach(), layer.biases.detach())
    assert np.abs(actions(rounded, x) - packed(x)).max() < ROUND_TRIP
    assert np.abs(packed(x) - actions(policy, x)).max() < 4 * 2.0**-bits
    plain = policy.pack(bits=bits, quadratic=False)
    assert plain.quadratic is None
    np.testing.assert_array_equal(plain.words, packed.words)


def test_an_untied_layer_packs_once_it_is_tied_on_its_box() -> None:
    for quadratic in (False, True):
        generator = torch.Generator().manual_seed(1)
        layer = DCLayer(6, 3, 3, tied=False, quadratic=quadratic, generator=generator)
        with torch.no_grad():
            for parameter in layer.parameters():  # no initial gap between the pieces
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        x = torch.randn(2000, 6, generator=generator).clamp(-2, 2)
        tied = layer.tie([[-2.0] * 6, [2.0] * 6])
        assert tied.tied
        assert tied.eigenvalues == 6
        # Biases grew to about 10, of which float32 keeps 1e-6.
        torch.testing.assert_close(tied(x), layer(x), rtol=0, atol=1e-5)
        assert tied.tie([[-2.0] * 6, [2.0] * 6]) is tied
        packed = DCPolicy(tied, input_clip=2.0).pack(bits=8)
        assert np.abs(packed(x.numpy()) - layer(x).clamp(-1, 1).detach().numpy()).max() < 0.1


def test_gradients_pass_through_the_policy_and_the_buffers_are_not_trained() -> None:
    policy = DCPolicy.from_packed(dc.walker())
    policy.unclipped(torch.from_numpy(observations(5))).sum().backward()
    assert all(p.grad is not None for p in policy.parameters())
    assert {name for name, _ in policy.named_buffers()} == {"shift", "scale"}
    other = DCPolicy(DCLayer(24, 4, quadratic=True))
    other.load_state_dict(policy.state_dict())
    assert policy.double()(torch.zeros(24).double()).dtype == torch.float64


def test_bounds_on_actions_and_inputs() -> None:
    generator = torch.Generator().manual_seed(0)
    layer = DCLayer(3, 2, generator=generator)
    policy = DCPolicy(layer, clip=(-0.01, 0.02), input_clip=0.5, scale=[4.0] * 3)
    x = torch.randn((200, 3), generator=generator)
    assert (policy(x).min().item(), policy(x).max().item()) == pytest.approx((-0.01, 0.02))
    assert policy.normalise(x).abs().max() == 0.5
    torch.testing.assert_close(policy(x), policy.unclipped(x).clamp(-0.01, 0.02))


class TestCodebook:
    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(1, 300))
    def test_is_an_affine_grid_and_an_exact_zero(self, seed: int, bits: int, size: int) -> None:
        weights = np.random.default_rng(seed).standard_t(3, size)
        weights[::4] = 0
        fitted = fit_codebook(weights, bits=bits)
        assert fitted.codebook.dtype == np.float32
        assert len(fitted.codebook) in (2**bits - 1, 2**bits)
        assert fitted.codebook[-1] == 0
        steps = np.diff(fitted.codebook[:-1].astype(float))
        np.testing.assert_allclose(steps, steps[0], rtol=1e-3, atol=1e-6)
        assert (fitted.weights[::4] == 0).all()
        # Never worse than the plain grid from the least to the greatest.
        plain = np.append(np.linspace(weights.min(), weights.max(), 2**bits - 1), 0)
        error = np.square(fitted.weights - weights).sum()
        assert error <= np.square(quantise(weights, plain).weights - weights).sum() * (1 + 1e-6)

    @pytest.mark.parametrize("levels", [30, 31])
    def test_finds_the_grid_that_weights_are_on(self, levels: int) -> None:
        grid = np.append(np.linspace(-1.0, 2.0, levels), 0.0)
        weights = grid[np.random.default_rng(0).integers(0, levels + 1, (24, 24))]
        np.testing.assert_allclose(fit_codebook(weights).weights, weights, rtol=0, atol=1e-6)

    def test_the_walker_in_its_file_loses_nothing(self) -> None:
        published = dc.walker()
        weights = published.codebook[published.indices]
        fitted = fit_codebook(weights, bits=published.bits)
        # A line fitted to 576 weights in float64, then rounded to float32.
        np.testing.assert_allclose(fitted.weights, weights, rtol=0, atol=1e-6)
        assert len(fitted.codebook) == len(published.codebook)

    def test_outliers_are_given_up_for_a_finer_grid(self) -> None:
        weights = np.append(np.random.default_rng(0).normal(0, 0.1, 5000), 0.8)
        fitted = fit_codebook(weights, bits=4)
        low, high = weights.min(), weights.max()
        errors = []
        for span in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):
            inset = (1 - span) * (high - low) / 2
            grid = np.append(np.linspace(low + inset, high - inset, 15), 0)
            errors.append(np.square(quantise(weights, grid).weights - weights).sum())
        # Better than the widest grid by far, and than every centred one.
        found = np.square(fitted.weights - weights).sum()
        assert found < 0.8 * errors[0]
        assert found < 0.95 * min(errors)

    @pytest.mark.parametrize("value", [0.0, 0.3, -2.0])
    def test_one_value_only(self, value: float) -> None:
        fitted = fit_codebook(np.full((3, 4), value))
        np.testing.assert_allclose(fitted.weights, value, rtol=1e-7)

    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(1, 256))
    def test_nearest_entry(self, seed: int, entries: int) -> None:
        rng = np.random.default_rng(seed)
        book, weights = rng.normal(size=entries).astype(np.float32), rng.normal(size=(4, 5))
        found = quantise(weights, book)
        assert isinstance(found, Quantised)
        nearest = np.abs(weights[..., None] - book).min(-1)
        np.testing.assert_allclose(np.abs(found.weights - weights), nearest, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: DCPolicy(torch.nn.Linear(3, 4)), DTypeError, "`layer` must be a layer of DC neu"),  # type: ignore[arg-type]
        (lambda: DCPolicy(DCLayer(3, 4), shift=[1.0]), ShapeError, r"`shift` must have shape \(3,"),
        (lambda: DCPolicy(DCLayer(3, 4), scale=[1, 2, math.nan]), ArgumentError, "`scale` must be"),
        (lambda: DCPolicy(DCLayer(3, 4), clip=(1, -1)), ArgumentError, "`clip` must be"),
        (lambda: DCPolicy(DCLayer(3, 4), input_clip=0), ArgumentError, "`input_clip` must be pos"),
        (
            lambda: DCPolicy(DCLayer(3, 4))(torch.ones(2)),
            ShapeError,
            r"`obs` must have shape \(..., 3\), got \(2,\)",
        ),
        (lambda: DCPolicy(DCLayer(3, 4))(None), DTypeError, "`obs` must be a torch tensor"),
        (lambda: DCPolicy.from_packed(b""), DTypeError, "`packed` must be a PackedPolicy, got by"),  # type: ignore[arg-type]
        (
            lambda: DCPolicy(TridiagonalLayer(3, 4)).pack(),
            DTypeError,
            "`layer` must be a DCLayer to be packed, got TridiagonalLayer",
        ),
        (
            lambda: DCPolicy(DCLayer(3, 4, tied=False)).pack(),
            ArgumentError,
            r"`layer` must be tied to be packed: layer.tie\(box\)",
        ),
        (lambda: DCPolicy(DCLayer(3, 4)).pack(bits=9), ArgumentError, "`bits` must be between 2"),
        (
            lambda: DCPolicy(DCLayer(3, 4)).pack(bits=2, codebook=range(5)),
            ArgumentError,
            "`codebook size` must be between 1 and 4, got 5",
        ),
        (lambda: fit_codebook([]), ArgumentError, "`weights` must be finite, and at least one"),
        (lambda: fit_codebook([math.nan]), ArgumentError, "`weights` must be finite"),
        (lambda: fit_codebook(["a"]), DTypeError, "`weights` must hold real numbers"),
        (lambda: quantise([1.0], []), ArgumentError, "`codebook size`"),
        (lambda: quantise([1.0], [math.inf]), ArgumentError, "`codebook` must be finite"),
        (lambda: quantise([1.0], [[1.0]]), ShapeError, "`codebook` must have shape"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[EigenwellError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
