"""DC neurons with diagonal pencils: the layer that packs into a ``.dcp`` policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

import torch

from eigenwell.dc.torch._neurons import Neurons

if TYPE_CHECKING:
    from eigenwell.dc.torch._extremes import Rule


class DCLayer(Neurons):
    """Neurons ``y = max_e E_e + min_e E_e``, ``E = A + L + K L**2``, ``L = x B``.

    The model of the walker article and of :class:`eigenwell.dc.PackedPolicy`, whose arrays the
    parameters are. Without K a neuron is piecewise affine; a tied one of two eigenvalues is affine.
    The untied form ``max_e E_e + min_e F_e`` is the linear dilation-erosion regressor; on a bounded
    box a tied layer with twice the eigenvalues is the same function, see :meth:`tie`.

    The maximum is exact; only its gradient is smooth (:mod:`eigenwell.dc.torch`).

    Args:
        in_features: n.
        out_features: k, neurons.
        eigenvalues: m, pieces of each maximum and minimum.
        quadratic: Whether there is a K, zero at first.
        tied: Whether maximum and minimum are of the same pieces.
        backward: Rule of the gradient: ``"softmax"``, ``"sparsemax"`` or ``"hard"``.
        temperature: Of that rule, in units of an eigenvalue; may be changed while training.
        generator: Source of the initial parameters, on the CPU; None is torch's own.
        device: Where the parameters lie.
        dtype: Of the parameters.

    Attributes:
        weights: B, ``(n, k * p)``; p is m, or 2 m untied, the convex pieces first.
        biases: A, ``(k, p)``.
        quadratic: K, ``(k, p)``, or None.

    Raises:
        DTypeError: A size is not an integer, or the temperature no number.
        ArgumentError: A size is below 1, the rule unknown, or the temperature not above 0.

    References:
        A. Shtoff, "Eigenvalues as models"; arXiv 2107.05682 for the untied form.

    Example:
        >>> import torch
        >>> from eigenwell.dc.torch import DCLayer
        >>> layer = DCLayer(24, 4, eigenvalues=6)
        >>> layer(torch.zeros(10, 24)).shape
        torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: SupportsIndex,
        out_features: SupportsIndex,
        eigenvalues: SupportsIndex = 6,
        *,
        quadratic: bool = False,
        tied: bool = True,
        backward: Rule = "softmax",
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_features,
            out_features,
            eigenvalues,
            tied=tied,
            backward=backward,
            temperature=temperature,
        )
        n, k, pieces = self.in_features, self.out_features, self.pencils * self.eigenvalues
        self.weights = torch.nn.Parameter(torch.empty((n, k * pieces), device=device, dtype=dtype))
        self.biases = torch.nn.Parameter(torch.empty((k, pieces), device=device, dtype=dtype))
        self.quadratic = torch.nn.Parameter(torch.empty_like(self.biases)) if quadratic else None
        self.reset_parameters(generator)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights and biases, and set K to zero; see the base class."""
        super().reset_parameters(generator)
        if self.quadratic is not None:
            self.quadratic.zero_()

    def spectrum(self, x: torch.Tensor) -> torch.Tensor:
        """Pieces E, ``(..., k, pencils, m)``, for x ``(..., n)``."""
        self.check(x)
        linear = self._diagonals(x)
        values = self._split(self.biases.flatten()) + linear
        if self.quadratic is not None:
            values = values + self._split(self.quadratic.flatten()) * linear.square()
        return values

    @torch.no_grad()
    def alive(self, x: torch.Tensor) -> torch.Tensor:
        """Say which pieces are the largest or the smallest of their neuron for any row of x.

        Args:
            x: ``(..., n)``.

        Returns:
            ``(k, pencils, m)``, bool; a piece that is False has no share in any output of these x.
        """
        spectrum = self.spectrum(x).flatten(0, -4) if x.dim() > 1 else self.spectrum(x)[None]
        top, bottom = spectrum[..., :1, :], spectrum[..., -1:, :]
        wins = torch.zeros_like(spectrum, dtype=torch.bool)
        wins[..., :1, :] |= top == top.amax(-1, keepdim=True)
        wins[..., -1:, :] |= bottom == bottom.amin(-1, keepdim=True)
        return wins.any(0)

    @torch.no_grad()
    def tie(self, box: Any) -> DCLayer:
        """Return a tied layer that is the same function on a box.

        Raising every convex piece and lowering every concave one by the same amount changes no
        output; far enough apart, neither can stand in for the other.

        Args:
            box: ``(2, n)``, lowest and highest x.

        Returns:
            A layer of ``2 * eigenvalues`` tied pieces, or this one if it is tied.

        Raises:
            ShapeError: The box does not have two rows of n.
            ArgumentError: The box is not finite, or its rows are in the wrong order.
        """
        if self.tied:
            return self
        low, high = self._ranges(self.box(box))
        convex, concave = low[:, 0], high[:, 1]
        gap = torch.maximum(
            concave.amax(-1) - convex.amax(-1), concave.amin(-1) - convex.amin(-1)
        ).clamp_min(0)
        tied = DCLayer(
            self.in_features,
            self.out_features,
            2 * self.eigenvalues,
            quadratic=self.quadratic is not None,
            backward=self.backward,
            temperature=self.temperature,
            device=self.weights.device,
            dtype=self.weights.dtype,
        )
        raised = self._split(self.biases.double().flatten())
        sign = torch.tensor([1.0, -1.0], dtype=torch.float64, device=raised.device)[:, None]
        tied.weights.copy_(self.weights)
        tied.biases.copy_((raised + sign * gap[:, None, None] / 2).flatten(1))
        if tied.quadratic is not None and self.quadratic is not None:
            tied.quadratic.copy_(self.quadratic)
        return tied

    def _ranges(self, box: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Bounds on each piece in a box, ``(k, pencils, m)``, float64."""
        low, high = self._linear_ranges(box)
        bias = self._split(self.biases.double().flatten())
        if self.quadratic is None:
            return bias + low, bias + high
        k = self._split(self.quadratic.double().flatten())
        # L + K L**2 is extreme at the ends or at its vertex, where that lies between them.
        vertex = torch.where(k == 0, low, -0.5 / k).clamp(low, high)
        ends = torch.stack([ell + k * ell.square() for ell in (low, high, vertex)])
        return bias + ends.amin(0), bias + ends.amax(0)

    def _linear_ranges(self, box: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Bounds on L in a box, ``(k, pencils, m)``, float64."""
        products = box[:, :, None] * self.weights.double()
        return (
            self._split(products.amin(0).sum(0)),
            self._split(products.amax(0).sum(0)),
        )

    def _slopes(self, box: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        slopes = self._split(self.weights.double())
        if self.quadratic is None:
            return slopes, slopes
        twice_k = 2 * self._split(self.quadratic.double().flatten())
        if box is None:
            bent = (slopes != 0) & (twice_k != 0)
            return slopes.masked_fill(bent, -torch.inf), slopes.masked_fill(bent, torch.inf)
        ends = torch.stack([slopes * (1 + twice_k * ell) for ell in self._linear_ranges(box)])
        return ends.amin(0), ends.amax(0)
