"""Gradients by the fast multipole method, O(n) in the number of points, to a requested precision.

``E = sum |x_i - y_j|`` has the gradient ``x_i * sum_j 1/r - sum_j y_j/r``: four Laplace potentials,
of the charges 1 and y. The gradient of ``sum 1/r`` is that of one potential.

References:
    Greengard, Rokhlin 1997, A new version of the fast multipole method for the Laplace equation in
    three dimensions; the library fmm3dpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError

if TYPE_CHECKING:
    from eigenwell.particles._engines import Array
    from eigenwell.particles._system import Interaction, System

_Points = npt.NDArray[np.float64]  # (n, 3)


class FastMultipole:
    """Gradient of a system in three dimensions whose exponents are 1 and -1.

    Args:
        system: What acts.
        precision: Relative precision asked of each potential.

    Raises:
        ArgumentError: The system has what the method cannot do.
        BackendUnavailableError: fmm3dpy is not installed.
    """

    def __init__(self, system: System, precision: float) -> None:
        if system.dimension != 3:
            raise ArgumentError(
                f"`method` fmm needs dimension 3, got {system.dimension}: use method='direct'"
            )
        for pull in system.interactions:
            where = f"`method` fmm cannot do Interaction({pull.first!r}, {pull.second!r})"
            if pull.exponent not in {1.0, -1.0}:
                raise ArgumentError(f"{where}: its exponent must be 1 or -1, got {pull.exponent:g}")
            if pull.pairs == "upper" and pull.first != pull.second:
                raise ArgumentError(
                    f"{where}: pairs='upper' between two species depends on the points' order; "
                    f"use pairs='all' or method='direct'"
                )
        self._laplace = _checks.require("fmm3dpy", extra="fmm").lfmm3d
        self._system = system
        self._precision = precision

    def __call__(self, positions: Sequence[Array]) -> list[Array]:
        """Return dE/dx of each species; computed in float64, returned in the positions' dtype."""
        if not all(np.isfinite(x).all() for x in positions):
            return [np.full_like(x, np.nan) for x in positions]
        # Far from the origin the two halves of the gradient cancel, all but their last digits.
        centre = np.concatenate(positions).mean(axis=0, dtype=np.float64)
        points = dict(
            zip(self._system.names, (np.float64(x) - centre for x in positions), strict=True)
        )
        gradients = {name: np.zeros_like(x) for name, x in points.items()}
        for pull in self._system.interactions:
            if pull.first == pull.second:
                # Both orders of each pair, or one of them.
                weight = pull.weight * (1 if pull.pairs == "upper" else 2)
                x = points[pull.first]
                gradients[pull.first] += weight * self._gradient(pull.exponent, x, None)
            else:
                for own, other in ((pull.first, pull.second), (pull.second, pull.first)):
                    gradients[own] += pull.weight * self._between(pull, points[own], points[other])
        with np.errstate(over="ignore"):
            return [
                gradients[name].astype(x.dtype)
                for name, x in zip(self._system.names, positions, strict=True)
            ]

    def _between(self, pull: Interaction, x: _Points, y: _Points) -> _Points:
        gradient = self._gradient(pull.exponent, x, y)
        if pull.pairs == "different":
            n = min(len(x), len(y))
            away = x[:n] - y[:n]
            r = np.linalg.norm(away, axis=1, keepdims=True)
            factor = pull.exponent * np.power(
                r, pull.exponent - 2, out=np.zeros_like(r), where=r > 0
            )
            gradient[:n] -= factor * away
        return gradient

    def _gradient(self, exponent: float, x: _Points, y: _Points | None) -> _Points:
        """``sum_j s r^(s-2) (x_i - y_j)`` at x of the points y, or of x itself."""
        sources = x if y is None else y
        charges = np.ones(len(sources))  # (n,), or (4, n) for four potentials
        if exponent == 1:
            charges = np.vstack([charges, sources.T])
        wanted = 1 if exponent == 1 else 2  # the potential, or its gradient as well
        options: dict[str, Any] = {"pg": wanted}
        if y is not None:
            options = {"pgt": wanted, "targets": np.asfortranarray(x.T)}
        out = self._laplace(
            eps=self._precision,
            sources=np.asfortranarray(sources.T),
            charges=np.asfortranarray(charges),
            nd=4 if exponent == 1 else 1,
            **options,
        )
        if out.ier:
            raise ArgumentError(f"`method` fmm gave up: fmm3dpy's error {out.ier}")
        # The library's kernel is 1 / (4 pi r).
        if exponent == 1:
            potential = np.reshape(out.pot if y is None else out.pottarg, (4, -1)) * (4 * math.pi)
            return np.asarray(x * potential[0][:, None] - potential[1:].T)
        field = np.reshape(out.grad if y is None else out.gradtarg, (3, -1))
        return np.asarray(4 * math.pi * field.T)
