"""DC neurons whose weights are entries of a codebook, and learn all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import numpy.typing as npt
import torch

from eigenwell.dc.torch import DCLayer, fit_codebook
from eigenwell.ppo.distil._kmeans import kmeans_codebook

if TYPE_CHECKING:
    from eigenwell.ppo._policy import TrainedPolicy
    from eigenwell.ppo._spaces import Float32


class QuantisedLayer(DCLayer):
    """Neurons ``E = A + x Q(B)``, where Q takes the nearest entry of a learnt codebook.

    The gradient passes straight through the rounding to B, and by the entries that were chosen to
    the codebook: to both ends of an affine grid, or to every entry of a free one. The zero stays.

    Args:
        weights: B, ``(n, k * m)``.
        biases: A, ``(k, m)``.
        codebook: ``(c,)``, zero last; of an affine one ascending in equal steps before it.
        affine: Whether it stays equally spaced.

    Attributes:
        entries: ``(2,)``, both ends of the grid, or ``(c - 1,)``.
    """

    def __init__(
        self,
        weights: npt.NDArray[np.floating],
        biases: npt.NDArray[np.floating],
        codebook: npt.NDArray[np.floating],
        *,
        affine: bool,
    ) -> None:
        # The exact gradient: there is no piece to be revived so near to where it has to go.
        super().__init__(len(weights), *biases.shape, backward="hard", generator=torch.Generator())
        self.affine = affine
        with torch.no_grad():
            self.weights.copy_(torch.from_numpy(weights))
            self.biases.copy_(torch.from_numpy(biases))
        start = torch.from_numpy(codebook[:-1].astype(np.float32))
        self.entries = torch.nn.Parameter(start[[0, -1]] if affine else start)
        self.register_buffer("_ramp", torch.linspace(0, 1, len(start)), persistent=False)
        self._ramp: torch.Tensor

    @classmethod
    def of(cls, policy: TrainedPolicy, *, bits: int, codebook: Literal["affine", "kmeans"]) -> Self:
        """Return the layer of a policy with a codebook fitted to its weights."""
        weights, biases = policy.weights["weights"], policy.weights["biases"]
        affine = codebook == "affine"
        book = (
            fit_codebook(weights, bits=bits).codebook
            if affine
            else kmeans_codebook(weights, bits=bits)
        )
        return cls(weights, biases, book, affine=affine)

    def codebook(self) -> torch.Tensor:
        """Entries ``(c,)``, zero last."""
        entries: torch.Tensor = self.entries
        if self.affine:
            entries = entries[0] + (entries[1] - entries[0]) * self._ramp
        return torch.cat([entries, entries.new_zeros(1)])

    @torch.no_grad()
    def indices(self) -> torch.Tensor:
        """Nearest entry of every weight, ``(n, k * m)``."""
        return (self.weights[..., None] - self.codebook()).abs().argmin(-1)

    def quantised(self) -> torch.Tensor:
        """``Q(B)``, ``(n, k * m)``, with the gradients of B and of the codebook."""
        chosen: torch.Tensor = self.codebook()[self.indices()]
        return chosen + (self.weights - self.weights.detach())

    def arrays(self) -> tuple[npt.NDArray[np.uint8], Float32, Float32]:
        """Return indices, codebook and biases."""
        return (
            self.indices().numpy().astype(np.uint8),
            self.codebook().detach().numpy().copy(),
            self.biases.detach().numpy().copy(),
        )

    def acting(self, policy: TrainedPolicy) -> dict[str, Float32]:
        """Return the arrays that act, by the names that ``policy.weights`` has them under."""
        indices, book, biases = self.arrays()
        return {**policy.weights, "weights": book[indices], "biases": biases}

    def _diagonals(self, x: torch.Tensor) -> torch.Tensor:
        return self._split(x @ self.quantised())
