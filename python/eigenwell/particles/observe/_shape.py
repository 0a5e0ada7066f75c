"""The gyration tensor: how large a cloud is, and how far from round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell.particles.observe._points import cloud, ratio


@dataclass(frozen=True)
class Gyration:
    """What the second moments of a cloud say about its shape.

    Attributes:
        eigenvalues: Of the gyration tensor ``mean of (x - c)(x - c)^T``, descending, ``(d,)``, in
            squared units of the positions.
        radius: Radius of gyration, root of their sum.
        asphericity: The largest minus the mean of the others; 0 for a ball.
        acylindricity: In three dimensions the second minus the third, otherwise None.
        anisotropy: Relative shape anisotropy, 0 for a ball to 1 for a straight line.
    """

    eigenvalues: npt.NDArray[np.float64]
    radius: float
    asphericity: float
    acylindricity: float | None
    anisotropy: float


def gyration(positions: npt.ArrayLike) -> Gyration:
    """Return the gyration tensor's eigenvalues and the shape descriptors made of them.

    Args:
        positions: ``(n, d)``, n at least 1.

    Returns:
        Eigenvalues, radius, asphericity, acylindricity, relative shape anisotropy.

    Raises:
        EigenwellError: They are not finite points, at least one.

    References:
        Theodorou and Suter 1985, "Shape of unperturbed linear polymers".

    Example:
        >>> gyration([[-1.0, 0.0], [1.0, 0.0]]).anisotropy
        1.0
    """
    points = cloud(positions, "positions")
    n, d = points.shape
    singular = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    values = np.zeros(d)
    values[: len(singular)] = singular**2 / n
    total = float(values.sum())
    deviation = float(((values - total / d) ** 2).sum())
    return Gyration(
        values,
        float(np.sqrt(total)),
        float(values[0] - values[1:].mean()) if d > 1 else 0.0,
        float(values[1] - values[2]) if d == 3 else None,
        ratio(d / (d - 1) * deviation, total**2) if d > 1 else ratio(total, total),
    )
