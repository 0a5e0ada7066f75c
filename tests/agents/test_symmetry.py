"""Symmetries of hidden units: what canonical forms and matching keep and bring together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell import cartpole
from eigenwell.agents.latent import align, canonical, shuffled
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

NETWORKS = [
    cartpole.MLP(),
    cartpole.MLP((4, 7, 2), activation="relu"),
    cartpole.MLP((4, 5, 6, 3, 2)),
    cartpole.MLP((4, 2)),
]


def weights_of(network: cartpole.MLP, count: int = 20) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(count, network.parameters)).astype(np.float32)


def logits(w: Any, network: cartpole.MLP, x: Any) -> Any:
    y = x
    layers = network.unpack(w.astype(np.float64))
    for matrix, bias in layers[:-1]:
        y = y @ matrix + bias[:, None]
        y = np.tanh(y) if network.activation == "tanh" else np.maximum(y, 0)
    return y @ layers[-1][0] + layers[-1][1][:, None]


X = np.random.default_rng(2).normal(size=(9, 4))


@pytest.mark.parametrize("network", NETWORKS)
def test_symmetries_keep_what_a_network_computes(network: cartpole.MLP) -> None:
    w = weights_of(network)
    expected = logits(w, network, X)
    for moved in (
        canonical(w, network),
        shuffled(w, network, seed=0),
        align(w, w[::-1], network),
    ):
        # float64 sums in another order
        np.testing.assert_allclose(logits(moved, network, X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_canonical_form_is_one_for_all_orders_and_signs(network: cartpole.MLP) -> None:
    w = weights_of(network)
    moved = shuffled(w, network, seed=3)
    assert len(network.sizes) == 2 or not np.array_equal(moved, w)
    np.testing.assert_array_equal(canonical(moved, network), canonical(w, network))


@pytest.mark.parametrize("network", NETWORKS)
def test_matching_finds_a_shuffled_network_again(network: cartpole.MLP) -> None:
    w = weights_of(network)
    moved = shuffled(w, network, seed=4)
    found = align(moved, w, network)
    np.testing.assert_array_equal(found, w)
    # A reference for all, or one for each.
    np.testing.assert_array_equal(
        align(moved[:3], w[0], network)[0], align(moved[:1], w[:1], network)[0]
    )


def test_matching_never_moves_away() -> None:
    network = cartpole.MLP()
    w = weights_of(network, 40)
    found = align(w[:20], w[20:], network)
    before = ((w[:20] - w[20:]) ** 2).sum(axis=1)
    after = ((found - w[20:]) ** 2).sum(axis=1)
    assert (after < before).all()


def test_mistakes() -> None:
    network, w = cartpole.MLP(), weights_of(cartpole.MLP())
    with pytest.raises(ShapeError, match=r"`weights` must have shape \(n, 212\)"):
        canonical(w[:, 1:], network)
    with pytest.raises(ShapeError, match=r"`weights` must have shape \(n, 23\)"):
        align(w, w, cartpole.MLP((4, 3, 2)))
    with pytest.raises(ArgumentError, match="must be finite"):
        canonical(np.where(w > 2, np.nan, w), network)
    with pytest.raises(DTypeError, match="`architecture` must be an MLP to be embedded, got DC"):
        canonical(np.zeros((1, 80)), cartpole.DC(8))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="`reference` must be 1 network or 20, got 3"):
        align(w, w[:3], network)
    assert canonical(w[:0], network).shape == (0, 212)
    assert align(w[:0], w[:1], network).shape == (0, 212)
