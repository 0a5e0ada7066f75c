"""What a vector of weights means: the shapes of a policy's layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from eigenwell import _checks
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

if TYPE_CHECKING:
    import numpy.typing as npt

_INPUTS, _ACTIONS = 4, 2
_MOST_WIDTH = 1024
_MOST_LAYERS = 16


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron from four observations to two logits.

    Attributes:
        sizes: Of the input, the hidden layers and the output; the first is 4, the last 2.
        activation: Of the hidden layers.

    Raises:
        DTypeError: Sizes are no integers.
        ArgumentError: Sizes or activation are none of these.

    Example:
        >>> from eigenwell import cartpole
        >>> cartpole.MLP().parameters
        212
        >>> cartpole.MLP((4, 8, 2), activation="relu").layers
        ((4, 8), (8, 2))
    """

    sizes: tuple[int, ...] = (4, 12, 10, 2)
    activation: Literal["tanh", "relu"] = "tanh"

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, tuple | list):
            raise DTypeError(f"`sizes` must be a tuple, got {type(self.sizes).__name__}")
        sizes = tuple(_checks.integer(s, "sizes", low=1, high=_MOST_WIDTH) for s in self.sizes)
        if not 2 <= len(sizes) <= _MOST_LAYERS + 1 or sizes[0] != 4 or sizes[-1] != 2:
            raise ArgumentError(
                f"`sizes` must start with {_INPUTS}, end with {_ACTIONS} and have at most "
                f"{_MOST_LAYERS} layers, got {sizes}"
            )
        if self.activation not in ("tanh", "relu"):
            raise ArgumentError(f"`activation` must be 'tanh' or 'relu', got {self.activation!r}")
        object.__setattr__(self, "sizes", sizes)

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of each layer."""
        return tuple(zip(self.sizes[:-1], self.sizes[1:], strict=True))

    @property
    def parameters(self) -> int:
        """Length of a vector of weights."""
        return sum(i * o + o for i, o in self.layers)

    def unpack(self, weights: npt.NDArray[Any]) -> list[tuple[npt.NDArray[Any], ...]]:
        """Return views of the layers' matrices, ``(..., in, out)``, and biases, ``(..., out)``."""
        return _unpack(weights, self.parameters, [[(i, o), (o,)] for i, o in self.layers])


@dataclass(frozen=True)
class DC:
    """A difference-of-convex neuron for each of the two actions: logit ``max_e E_e + min_e E_e``.

    ``E = A + L + K L**2`` with ``L = obs B``, as in :mod:`eigenwell.dc`, without a clip: only the
    order of the logits matters. Weights are B, ``(4, 2 m)`` with the m eigenvalues of action 0
    first, then A, ``(2 m)``, then K, ``(2 m)``, where there is one.

    Attributes:
        eigenvalues: m, of each neuron.
        quadratic: There is a K.

    Raises:
        ArgumentError: Less than one eigenvalue, or more than 512.

    Example:
        >>> from eigenwell import cartpole
        >>> cartpole.DC(8).parameters
        80
    """

    eigenvalues: int = 8
    quadratic: bool = False

    def __post_init__(self) -> None:
        m = _checks.integer(self.eigenvalues, "eigenvalues", low=1, high=_MOST_WIDTH // _ACTIONS)
        object.__setattr__(self, "eigenvalues", m)

    @property
    def activation(self) -> Literal["dc"]:
        """What stands in the place of an activation."""
        return "dc"

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Inputs and eigenvalues of the only layer."""
        return ((_INPUTS, _ACTIONS * self.eigenvalues),)

    @property
    def parameters(self) -> int:
        """Length of a vector of weights."""
        return (_INPUTS + 1 + bool(self.quadratic)) * _ACTIONS * self.eigenvalues

    def unpack(self, weights: npt.NDArray[Any]) -> list[tuple[npt.NDArray[Any], ...]]:
        """Return views of B, ``(..., 4, 2 m)``, A, ``(..., 2 m)``, and K if there is one."""
        ((i, o),) = self.layers
        shapes: list[tuple[int, ...]] = [(i, o), (o,)] + [(o,)] * bool(self.quadratic)
        return _unpack(weights, self.parameters, [shapes])


Architecture: TypeAlias = MLP | DC


def _unpack(
    weights: npt.NDArray[Any], parameters: int, layers: list[list[tuple[int, ...]]]
) -> list[tuple[npt.NDArray[Any], ...]]:
    if weights.ndim < 1 or weights.shape[-1] != parameters:
        raise ShapeError(
            f"`weights` must have {parameters} parameters along the last axis, got shape "
            f"{weights.shape}"
        )
    unpacked, begin = [], 0
    for shapes in layers:
        parts = []
        for shape in shapes:
            end = begin + math.prod(shape)
            parts.append(weights[..., begin:end].reshape(*weights.shape[:-1], *shape))
            begin = end
        unpacked.append(tuple(parts))
    return unpacked
