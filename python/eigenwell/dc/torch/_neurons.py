"""What every layer of DC neurons shares: arguments, initialisation, the sum of extremes, the bound.

A neuron owns a pencil, ``A + sum_i x_i B_i`` with symmetric matrices, and adds the largest and the
smallest eigenvalue of it: the first is convex in x, the second concave. The untied form takes them
from two pencils. How full the matrices are is what the layers differ in.
"""

from __future__ import annotations

import abc
import math
from typing import Any, SupportsIndex

import torch

from eigenwell import _checks
from eigenwell.dc.torch._extremes import RULES, Rule, largest, smallest
from eigenwell.errors import ArgumentError, DeviceError, DTypeError, ShapeError

GAIN = 0.5
# How far the convex and the concave pieces start apart, over n. Of twelve pieces of one variable
# 35% win somewhere without it and 99% with it (measured); in many dimensions none needs it.
OFFSET = 3.0
MAX_SIZE = 2**31 - 1


class Neurons(torch.nn.Module, abc.ABC):
    """A layer of neurons ``y = max(spectrum) + min(spectrum)``.

    Attributes:
        weights: The diagonals of B, ``(n, k * p)``; p is ``eigenvalues``, or twice that for two
            pencils, the convex one first.
        biases: The diagonals of A, ``(k, p)``.
    """

    weights: torch.nn.Parameter
    biases: torch.nn.Parameter

    def __init__(
        self,
        in_features: SupportsIndex,
        out_features: SupportsIndex,
        eigenvalues: SupportsIndex,
        *,
        tied: bool,
        backward: Rule,
        temperature: float,
    ) -> None:
        super().__init__()
        self.in_features = _checks.integer(in_features, "in_features", low=1, high=MAX_SIZE)
        self.out_features = _checks.integer(out_features, "out_features", low=1, high=MAX_SIZE)
        self.eigenvalues = _checks.integer(eigenvalues, "eigenvalues", low=1, high=MAX_SIZE)
        self.tied = bool(tied)
        self.backward = backward
        self.temperature = temperature

    @property
    def backward(self) -> Rule:
        """Rule of the gradient: ``"softmax"``, ``"sparsemax"`` or ``"hard"``."""
        return self._backward

    @backward.setter
    def backward(self, rule: Rule) -> None:
        if rule not in RULES:
            raise ArgumentError(f"`backward` must be one of {', '.join(RULES)}, got {rule!r}")
        self._backward: Rule = rule

    @property
    def temperature(self) -> float:
        """Temperature of the gradient's smooth maximum, in units of an eigenvalue."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._temperature = _checks.positive(value, "temperature")

    @property
    def pencils(self) -> int:
        """Pencils of a neuron: 1 tied, 2 untied."""
        return 1 if self.tied else 2

    @abc.abstractmethod
    def spectrum(self, x: torch.Tensor) -> torch.Tensor:
        """Eigenvalues of every pencil, ``(..., k, pencils, m)``, for x ``(..., n)``."""

    @abc.abstractmethod
    def _slopes(self, box: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Lowest and highest slope of each eigenvalue, ``(n, k, pencils, m)``, float64."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``max_e E_e + min_e E_e`` of every neuron, ``(..., k)``, for x ``(..., n)``.

        Raises:
            DTypeError: x is no tensor, or not of the weights' dtype.
            ShapeError: Its last axis is not n long.
            DeviceError: It is on another device.
        """
        spectrum = self.spectrum(x)
        high = largest(spectrum[..., 0, :], self.backward, self.temperature)
        return high + smallest(spectrum[..., -1, :], self.backward, self.temperature)

    @torch.no_grad()
    def lipschitz_bound(self, box: Any = None) -> torch.Tensor:
        """Bound on ``|dy_k / dx_i|``, from the parameters alone.

        The largest and the smallest eigenvalue of one pencil belong to different pieces (or to
        orthogonal eigenvectors) almost everywhere, so the two slopes add to no more than the two
        highest, no less than the two lowest (Ky Fan 1949). That is at most ``2 max_e |B_ie|``.

        Args:
            box: ``(2, n)``, lowest and highest x; needed only with a quadratic term.

        Returns:
            ``(k, n)``, float64, so that ``|y(a) - y(b)| <= bound @ |a - b|``; infinite where a
            quadratic term has no box.

        Raises:
            ShapeError: The box does not have two rows of n.
            ArgumentError: The box is not finite, or its rows are in the wrong order.
        """
        low, high = self._slopes(None if box is None else self.box(box))
        if self.tied:
            count = min(2, self.eigenvalues)
            factor = 2 / count
            up = factor * high[..., 0, :].topk(count).values.sum(-1)
            down = factor * low[..., 0, :].topk(count, largest=False).values.sum(-1)
        else:
            up = high.amax(-1).sum(-1)
            down = low.amin(-1).sum(-1)
        return torch.maximum(up, -down).mT

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new parameters, so that nearly every piece wins somewhere on standard normal inputs.

        Half of the pieces are tangent planes of ``|x|^2 / 2`` at points p with ``|p|`` about 1, the
        other half of ``-|x|^2 / 2``; both are multiplied by 0.5. A tangent plane of a convex
        function wins where it touches.

        Args:
            generator: On the CPU; None is torch's own.
        """
        n, k, m = self.in_features, self.out_features, self.eigenvalues
        points = torch.randn((n, k, self.pencils, m), generator=generator) / math.sqrt(n)
        if self.tied:
            sign = torch.where(torch.arange(m) < (m + 1) // 2, 1.0, -1.0)
        else:
            sign = torch.tensor([[1.0], [-1.0]])
        heights = sign * (OFFSET / n - points.square().sum(0) / 2)
        self.weights.copy_(GAIN * points.flatten(1))
        self.biases.copy_(GAIN * heights.flatten(1))

    def _diagonals(self, x: torch.Tensor) -> torch.Tensor:
        """``x B`` of the diagonals, ``(..., k, pencils, m)``."""
        return self._split(x @ self.weights)

    def _split(self, columns: torch.Tensor) -> torch.Tensor:
        """``(..., k * pencils * c)`` to ``(..., k, pencils, c)``."""
        k, pencils = self.out_features, self.pencils
        return columns.reshape(*columns.shape[:-1], k, pencils, columns.shape[-1] // (k * pencils))

    def check(self, x: torch.Tensor, name: str = "x") -> None:
        """Raise the error that a wrong input deserves; ``name`` is what the message calls it."""
        n, weights = self.in_features, self.weights
        if not isinstance(x, torch.Tensor):
            raise DTypeError(f"`{name}` must be a torch tensor, got {type(x).__name__}")
        if x.dim() == 0 or x.shape[-1] != n:
            raise ShapeError(f"`{name}` must have shape (..., {n}), got {tuple(x.shape)}")
        if x.dtype != weights.dtype and not torch.is_autocast_enabled(x.device.type):
            raise DTypeError(
                f"`{name}` must have the layer's dtype, {weights.dtype}, got {x.dtype}: "
                f"convert it with .to({weights.dtype})"
            )
        if x.device != weights.device:
            raise DeviceError(
                f"`{name}` must be on the layer's device, {weights.device}, got {x.device}"
            )

    def box(self, box: Any) -> torch.Tensor:
        """Return checked corners of inputs, ``(2, n)``, float64."""
        rows = torch.as_tensor(box, dtype=torch.float64, device=self.weights.device)
        if rows.shape != (2, self.in_features):
            raise ShapeError(f"`box` must have shape (2, {self.in_features}), got {(*rows.shape,)}")
        if not bool(rows.isfinite().all() & (rows[0] <= rows[1]).all()):
            raise ArgumentError("`box` must be finite, its first row nowhere above its second")
        return rows

    def extra_repr(self) -> str:
        """Say what the layer is, inside of its repr."""
        return (
            f"{self.in_features}, {self.out_features}, eigenvalues={self.eigenvalues}, "
            f"tied={self.tied}, backward={self.backward!r}, temperature={self.temperature:g}"
        )
