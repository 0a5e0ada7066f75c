"""Hidden units have no order, and those of tanh no sign: a canonical form, and matching of two.

A unit that changes its place takes its incoming weights, its bias and its outgoing weights along;
one that changes its sign negates all of them. Neither changes what the network computes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, cartpole
from eigenwell.errors import DTypeError, ShapeError

Floats = npt.NDArray[np.float32]
_ANGLE = 2  # the observation by whose gain units are ordered


def checked(weights: npt.ArrayLike, architecture: cartpole.Architecture) -> Floats:
    """Return weights as float32 [n, p] of a multilayer perceptron.

    Raises:
        DTypeError: The architecture is not an MLP, or weights are no real numbers.
        ShapeError: They do not fit the architecture.
        ArgumentError: One is not finite.
    """
    if not isinstance(architecture, cartpole.MLP):
        raise DTypeError(
            f"`architecture` must be an MLP to be embedded, got {type(architecture).__name__}"
        )
    array = np.asarray(weights)
    if array.ndim != 2 or array.shape[1] != architecture.parameters:
        raise ShapeError(
            f"`weights` must have shape (n, {architecture.parameters}) for {architecture}, "
            f"got {array.shape}"
        )
    return _checks.finite_float32(array, "weights", array.shape)


def canonical(weights: npt.ArrayLike, architecture: cartpole.MLP) -> Floats:
    """Return the same networks with hidden units in the order of their gain from the pole's angle.

    The gain is of the network without its activations, a sum over paths, so that it does not
    depend on the units of the layers before. A tanh unit gets the sign that makes it positive.

    Args:
        weights: float [n, p].
        architecture: Of all of them.

    Returns:
        float32 [n, p]. Networks that differ by a symmetry become equal, unless two of a layer's
        gains are.

    Raises:
        DTypeError: The architecture is not an MLP.
        ShapeError: Weights do not fit it.
        ArgumentError: One is not finite.
    """
    array = checked(weights, architecture)
    layers = _copies(array, architecture)
    gain = np.zeros((len(array), 1, architecture.sizes[0]))
    gain[..., _ANGLE] = 1
    for at, (matrix, _) in enumerate(layers[:-1]):
        gain = gain @ matrix.astype(np.float64)
        sign = np.where(gain[:, 0] < 0, -1.0, 1.0)
        if architecture.activation != "tanh":
            sign = np.ones_like(sign)
        order = np.argsort(-gain[:, 0] * sign, axis=1, kind="stable")
        _move(layers, at, order, sign)
        gain = np.take_along_axis(gain * sign[:, None], order[:, None], axis=2)
    return _flat(layers)


def shuffled(weights: npt.ArrayLike, architecture: cartpole.MLP, *, seed: int) -> Floats:
    """Return the same networks with hidden units in random order and, of tanh, of random sign.

    Args:
        weights: float [n, p].
        architecture: Of all of them.
        seed: Of the order.

    Raises:
        DTypeError: The architecture is not an MLP.
        ShapeError: Weights do not fit it.
        ArgumentError: One is not finite.
    """
    array = checked(weights, architecture)
    layers, rng = _copies(array, architecture), np.random.default_rng(seed)
    for at, width in enumerate(architecture.sizes[1:-1]):
        order = rng.permuted(np.tile(np.arange(width), (len(array), 1)), axis=1)
        sign = np.ones(order.shape)
        if architecture.activation == "tanh":
            sign = rng.choice((-1.0, 1.0), order.shape)
        _move(layers, at, order, sign)
    return _flat(layers)


def align(
    weights: npt.ArrayLike,
    reference: npt.ArrayLike,
    architecture: cartpole.MLP,
    *,
    sweeps: int = 20,
) -> Floats:
    """Return the same networks with hidden units in the places where they resemble a reference.

    Layer by layer the units are assigned so that the sum of the products of all weights with those
    of the reference is largest; for tanh with the sign of each unit chosen too. Sweeps over the
    layers go on until none changes, from two starts, of which the better end is returned.

    Args:
        weights: float [n, p].
        reference: Network to align with, [p], or one for each, [n, p].
        architecture: Of all of them.
        sweeps: At most so many.

    Returns:
        float32 [n, p].

    Raises:
        DTypeError: The architecture is not an MLP.
        ShapeError: Weights or reference do not fit it.
        ArgumentError: One is not finite.
        BackendUnavailableError: SciPy is not installed.

    References:
        Ainsworth, Hayase and Srinivasa 2023, "Git Re-Basin", section 3.2; the sign is ours.
    """
    array = checked(weights, architecture)
    target = checked(np.atleast_2d(np.asarray(reference)), architecture)
    if len(target) not in (1, len(array)):
        raise ShapeError(f"`reference` must be 1 network or {len(array)}, got {len(target)}")
    _checks.integer(sweeps, "sweeps", low=1, high=10**6)
    target = np.broadcast_to(target, array.shape)
    pairs = zip(array, target, strict=True)
    rows = [_aligned(one, other, architecture, sweeps) for one, other in pairs]
    return np.stack(rows) if rows else array


def _aligned(one: Floats, other: Floats, architecture: cartpole.MLP, sweeps: int) -> Floats:
    # A second start, from what the layers before say alone, finds moved copies at once.
    found = [_swept(one, other, architecture, sweeps, forward=forward) for forward in (False, True)]
    return max(found, key=lambda w: float(w @ other))


def _swept(
    one: Floats, other: Floats, architecture: cartpole.MLP, sweeps: int, *, forward: bool
) -> Floats:
    assignment: Any = _checks.require("scipy.optimize", extra="agents").linear_sum_assignment
    layers, wanted = _copies(one[None], architecture), _copies(other[None], architecture)
    tanh = architecture.activation == "tanh"
    for sweep in range(sweeps):
        changed = False
        for at in range(len(layers) - 1):
            (into, bias), (out, _) = layers[at], layers[at + 1]
            (into_w, bias_w), (out_w, _) = wanted[at], wanted[at + 1]
            similar = into_w[0].T @ into[0] + np.outer(bias_w[0], bias[0])
            if sweep or not forward:
                similar += out_w[0] @ out[0].T
            _, order = assignment(-np.abs(similar) if tanh else -similar)
            chosen = similar[np.arange(len(order)), order]
            sign = np.ones(len(order))
            if tanh:  # of the unit where it stood
                sign[order] = np.where(chosen < 0, -1.0, 1.0)
            _move(layers, at, order[None], sign[None])
            changed |= bool((order != np.arange(len(order))).any() or (sign < 0).any())
        if not changed and (sweep or not forward):
            break
    found: Floats = _flat(layers)[0]
    return found


def _copies(array: Floats, architecture: cartpole.MLP) -> list[list[npt.NDArray[Any]]]:
    return [[part.copy() for part in layer] for layer in architecture.unpack(array)]


def _move(
    layers: list[list[npt.NDArray[Any]]],
    at: int,
    order: npt.NDArray[np.intp],  # [n, width], where the unit in each place comes from
    sign: npt.NDArray[np.float64],  # [n, width], before they move
) -> None:
    narrow = sign.astype(np.float32)
    into, bias = layers[at]
    out = layers[at + 1][0]
    layers[at][0] = np.take_along_axis(into * narrow[:, None], order[:, None], axis=2)
    layers[at][1] = np.take_along_axis(bias * narrow, order, axis=1)
    layers[at + 1][0] = np.take_along_axis(out * narrow[..., None], order[..., None], axis=1)


def _flat(layers: list[list[npt.NDArray[Any]]]) -> Floats:
    parts = [
        part.reshape(len(part), math.prod(part.shape[1:])) for layer in layers for part in layer
    ]
    return np.concatenate(parts, axis=1, dtype=np.float32)
