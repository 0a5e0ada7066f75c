"""The flicker of the sphere: its two configurations, how exactly they return, how they drift."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from eigenwell.particles.observe._points import pair, radii, ratio, records, rigid_motion, rms


@dataclass(frozen=True)
class Alternation:
    """Distances of the points from their centre, in two successive states a and b.

    Attributes:
        mean: Over points, (a, b), in units of the positions.
        median: Over points; a few interior points do not move it.
        maximum: The outermost point: the edge of a disc.
        spread: Standard deviation over points.
    """

    mean: tuple[float, float]
    median: tuple[float, float]
    maximum: tuple[float, float]
    spread: tuple[float, float]

    @property
    def radius(self) -> float:
        """``(a + b) / 2`` of the means: what theory predicts, as the scale itself is neutral."""
        return sum(self.mean) / 2

    @property
    def imbalance(self) -> float:
        """``|a - b| / (a + b)`` of the means: 0 for a flicker between equal sizes."""
        return ratio(abs(self.mean[0] - self.mean[1]), sum(self.mean))


def alternation(a: npt.ArrayLike, b: npt.ArrayLike) -> Alternation:
    """Measure the radii of two successive states, each about its own centre.

    Args:
        a: Positions ``(n, d)`` of a state, n at least 1.
        b: Positions of the same points one step later.

    Returns:
        Mean, median, maximum and spread of both.

    Raises:
        EigenwellError: They are not finite points of one shape.

    Example:
        >>> alternation([[-1.0], [1.0]], [[2.0], [-2.0]]).radius
        1.5
    """
    r, s = (radii(points) for points in pair(a, b, ("a", "b")))
    return Alternation(
        (float(r.mean()), float(s.mean())),
        (float(np.median(r)), float(np.median(s))),
        (float(r.max()), float(s.max())),
        (float(r.std()), float(s.std())),
    )


@dataclass(frozen=True)
class Return:
    """How nearly a state comes back two steps later.

    Attributes:
        residual: Root mean square displacement over the root mean square radius: 0 is a cycle.
        residual_rigid: The same after the best rotation and translation, which cost no energy.
        rotation: Angle of that rotation, in radians.
        translation: How far the centre went, in units of the positions.
    """

    residual: float
    residual_rigid: float
    rotation: float
    translation: float


def period_two(before: npt.ArrayLike, after: npt.ArrayLike) -> Return:
    """Compare a state with the one two steps later.

    Args:
        before: Positions ``(n, d)`` at step k, n at least 1.
        after: Positions of the same points at step k + 2.

    Returns:
        The residuals with and without rigid motion, and that motion.

    Raises:
        EigenwellError: They are not finite points of one shape.

    References:
        Kabsch 1976, the rotation of least squares.
    """
    x, y = pair(before, after, ("before", "after"))
    scale = rms(x - x.mean(axis=0))
    motion = rigid_motion(x, y)
    return Return(
        ratio(rms(y - x), scale),
        ratio(motion.residual, scale),
        motion.angle,
        float(np.linalg.norm(y.mean(axis=0) - x.mean(axis=0))),
    )


@dataclass(frozen=True)
class Drift:
    """How a flickering cloud wanders, per step.

    Attributes:
        centre: Net speed of the centre, in units of the positions per step.
        rotation: Mean angle between records over the steps between them, in radians per step.
    """

    centre: float
    rotation: float


def drift(steps: npt.ArrayLike, positions: npt.ArrayLike) -> Drift:
    """Measure how far the centre and the orientation go per step.

    Args:
        steps: Ascending step numbers ``(r,)``, r at least 2.
        positions: ``(r, n, d)``. Records an odd number of steps apart are compared after the
            reflection in the centre that the flicker does at every step.

    Returns:
        The two rates. A rotation is seen modulo a full turn between two records.

    Raises:
        EigenwellError: The shapes do not fit, steps do not ascend, or a coordinate is not finite.
    """
    numbers, points = records(steps, positions, least=1)
    centres = points.mean(axis=1)
    shapes = (points - centres[:, None]) * np.where(numbers % 2, -1.0, 1.0)[:, None, None]
    angles = [rigid_motion(x, y).angle for x, y in pairwise(shapes)]
    return Drift(
        float(np.linalg.norm(centres[-1] - centres[0]) / (numbers[-1] - numbers[0])),
        float(np.mean(np.array(angles) / np.diff(numbers))),
    )
