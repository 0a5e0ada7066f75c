"""Neurons with fuller pencils: tridiagonal and dense symmetric matrices instead of diagonal ones.

Their extreme eigenvalues are smooth functions between the kinks, and the pieces are coupled, which
a diagonal pencil lacks (A. Shtoff, "Eigenvalues as models"; the spectral neuron, arXiv 2608.08003).
They cost an eigenvalue decomposition of every pencil and every row, O(m^3), and do not pack.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, SupportsIndex

import torch

from eigenwell.dc.torch._neurons import GAIN, Neurons

if TYPE_CHECKING:
    from eigenwell.dc.torch._extremes import Rule


class _Spectral(Neurons):
    """Pencils whose diagonals are those of a DC layer, and that have entries beside them."""

    def __init__(
        self,
        in_features: SupportsIndex,
        out_features: SupportsIndex,
        eigenvalues: SupportsIndex = 6,
        *,
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
        n, pencils, m = self.in_features, self.out_features * self.pencils, self.eigenvalues
        rows, columns = self._entries(m)
        c = len(rows)

        def parameter(*shape: int) -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.empty(shape, device=device, dtype=dtype))

        self.weights = parameter(n, pencils * m)
        self.biases = parameter(self.out_features, self.pencils * m)
        self.coupling_weights = parameter(n, pencils * c)
        self.coupling_biases = parameter(self.out_features, self.pencils * c)
        # Where in (diagonal, couplings, zero) each entry of a matrix comes from.
        places = torch.full((m, m), m + c)
        places.fill_diagonal_(0)
        places += torch.diag(torch.arange(m))
        places[rows, columns] = places[columns, rows] = m + torch.arange(c)
        self.register_buffer("_places", places.to(device), persistent=False)
        self._places: torch.Tensor
        self.reset_parameters(generator)

    @staticmethod
    def _entries(m: int) -> torch.Tensor:
        """Rows and columns of the free entries above the diagonal, ``(2, c)``."""
        raise NotImplementedError

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new parameters; couplings are small and not zero, where they would have no slope."""
        super().reset_parameters(generator)
        std = GAIN / math.sqrt(self.in_features * self.eigenvalues)
        for couplings in (self.coupling_weights, self.coupling_biases):
            couplings.copy_(std * torch.randn(couplings.shape, generator=generator))

    def spectrum(self, x: torch.Tensor) -> torch.Tensor:
        """Eigenvalues in ascending order, ``(..., k, pencils, m)``, for x ``(..., n)``."""
        self.check(x)
        diagonals = self._split(self.biases.flatten()) + self._diagonals(x)
        couplings = self._split(self.coupling_biases.flatten()) + self._split(
            x @ self.coupling_weights
        )
        values: torch.Tensor = torch.linalg.eigvalsh(self._matrices(diagonals, couplings))
        return values

    def _matrices(self, diagonals: torch.Tensor, couplings: torch.Tensor) -> torch.Tensor:
        """``(..., m, m)`` from ``(..., m)`` and ``(..., c)``."""
        zero = torch.zeros_like(diagonals[..., :1])
        return torch.cat([diagonals, couplings, zero], -1)[..., self._places]

    def _slopes(self, box: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ARG002
        diagonals = self._split(self.weights.double())
        couplings = self._split(self.coupling_weights.double())
        # The slope of an eigenvalue is v.B_i.v with a unit vector v.
        slopes = torch.linalg.eigvalsh(self._matrices(diagonals, couplings))
        return slopes, slopes


class TridiagonalLayer(_Spectral):
    """Neurons ``y = max spec(P) + min spec(P)``, ``P = A + sum_i x_i B_i`` tridiagonal symmetric.

    A drop-in for :class:`DCLayer`, with ``2 m - 1`` parameters a pencil and input instead of m.
    With zero couplings it is a DC layer without the quadratic term.

    Args:
        in_features: n.
        out_features: k, neurons.
        eigenvalues: m, size of the matrices.
        tied: Whether maximum and minimum are of the same matrix.
        backward: Rule of the gradient by the eigenvalues, as in :class:`DCLayer`.
        temperature: Of that rule.
        generator: Source of the initial parameters, on the CPU; None is torch's own.
        device: Where the parameters lie.
        dtype: Of the parameters.

    Attributes:
        weights: Diagonals of B, ``(n, k * p)``; p is m, or 2 m untied.
        biases: Diagonals of A, ``(k, p)``.
        coupling_weights: Entries of B above the diagonal, ``(n, k * pencils * c)``.
        coupling_biases: Those of A, ``(k, pencils * c)``.

    Raises:
        EigenwellError: As :class:`DCLayer`.
    """

    @staticmethod
    def _entries(m: int) -> torch.Tensor:
        rows = torch.arange(m - 1)
        return torch.stack([rows, rows + 1])


class SymmetricLayer(_Spectral):
    """Neurons ``y = max spec(P) + min spec(P)``, ``P = A + sum_i x_i B_i`` dense symmetric.

    As :class:`TridiagonalLayer`, with ``m (m + 1) / 2`` parameters a pencil and input.
    """

    @staticmethod
    def _entries(m: int) -> torch.Tensor:
        return torch.triu_indices(m, m, 1)
