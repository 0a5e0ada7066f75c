"""A helix through a chain, against a straight line, an arc and a flat wave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.particles.observe._points import Points, cloud, rms

_STARTS = 3
_MOST_ROUNDS = 200


@dataclass(frozen=True)
class HelixFit:
    """The circular helix of least squares, lengths in units of the positions.

    Attributes:
        centre: The middle of the axis, ``(3,)``.
        axis: Unit vector, ``(3,)``, along the growing arc.
        radius: Of the cylinder.
        pitch: Rise per turn.
        turns: From the first to the last point.
        handedness: 1 right-handed, -1 left-handed.
        residual: Root mean square distance of the points from their places on the helix.
        line: That of the best straight line run through at constant speed.
        arc: That of the best circular arc of at most one turn.
        wave: That of the best flat sine wave: what a helix must beat, as it is as bent as one.
    """

    centre: npt.NDArray[np.float64]
    axis: npt.NDArray[np.float64]
    radius: float
    pitch: float
    turns: float
    handedness: int
    residual: float
    line: float
    arc: float
    wave: float

    def explained(self, floor: float = 0.0) -> float:
        """Return the share of the mean square distance from the line that the helix removes.

        Args:
            floor: What no curve can remove, e.g. the thickness of the principal curve.
        """
        return (self.line**2 - self.residual**2) / (self.line**2 - floor**2)


def helix_fit(positions: npt.ArrayLike, arc: npt.ArrayLike, *, most_turns: float = 8.0) -> HelixFit:
    """Fit ``c + rise s a + radius (cos(w s) u + sin(w s) v)`` to points at arc lengths s.

    Args:
        positions: ``(n, 3)``, n at least 10, not on one straight line.
        arc: Arc length of each point, ``(n,)``, as :func:`principal_curve` gives it; only its
            proportions count.
        most_turns: Search up to this many, at least 1.

    Returns:
        The helix, and the residuals of line, arc and wave fitted in the same way. One helix runs
        along the whole chain: radius and pitch that change along it stay in the residual. Below one
        turn a helix is hardly told from an arc.

    Raises:
        EigenwellError: They are not such points, the arc does not fit, or scipy is missing.

    Note:
        Deterministic: linear fits over a grid of turns give the starts of nonlinear ones.
    """
    points = cloud(positions, "positions", least=10, dimension=3)
    s: Points = _checks.real_array(arc, "arc")
    if s.shape != points.shape[:1]:
        raise ShapeError(f"`arc` must be ({len(points)},) as there are positions, got {s.shape}")
    if not np.isfinite(s).all() or np.ptp(s) == 0:
        raise ArgumentError("`arc` must be finite and not the same everywhere")
    if _checks.finite(most_turns, "most_turns") < 1:
        raise ArgumentError(f"`most_turns` must be at least 1, got {most_turns}")
    middle = points.mean(axis=0)
    singular = np.linalg.svd(points - middle, compute_uv=False)
    if singular[1] <= 1e-9 * singular[0]:
        raise ArgumentError("`positions` must not all be on one straight line")
    scale = rms(points - middle)
    x = (points - middle) / scale
    t: Points = 2 * (s - s.min()) / np.ptp(s) - 1  # [-1, 1]: `turns` of them are pi * turns radians
    straight = np.stack([np.ones_like(t), t], axis=1)
    line = _linear(x, straight)[1]
    grid = np.pi * np.arange(0.25, most_turns + 0.125, 0.25)
    best, residual = _helices(x, t, straight, grid)
    round_ = _helices(x, t, straight[:, :1], grid[grid <= 2 * np.pi + 1e-9][:4])[1]
    wave = _waves(x, t, straight, grid)
    rotation, (radius, omega, rise) = _frame(best[3:6]), best[6:]
    axis = rotation[:, 2] * np.sign(rise)
    return HelixFit(
        best[:3] * scale + middle,
        axis,
        float(abs(radius) * scale),
        float(2 * np.pi * abs(rise / omega) * scale),
        float(abs(omega) / np.pi),
        int(np.sign(omega * rise)),
        residual * scale,
        line * scale,
        round_ * scale,
        wave * scale,
    )


def _linear(x: Points, columns: Points) -> tuple[Points, float]:
    coefficients = np.asarray(np.linalg.lstsq(columns, x, rcond=None)[0], dtype=np.float64)
    return coefficients, rms(columns @ coefficients - x)


def _swinging(t: Points, omega: float, rest: Points) -> Points:
    return np.column_stack([rest, np.cos(omega * t), np.sin(omega * t)])


def _starts(x: Points, t: Points, rest: Points, grid: Points) -> list[float]:
    """Angular speeds of the grid whose elliptic helices fit best."""
    errors = [_linear(x, _swinging(t, omega, rest))[1] for omega in grid]
    return [float(grid[i]) for i in np.argsort(errors, kind="stable")[:_STARTS]]


def _refined(residuals: Callable[[Points], Points], start: Points) -> tuple[Points, float]:
    least_squares = _checks.require("scipy.optimize", extra="particles").least_squares
    fit = least_squares(lambda p: residuals(p).ravel(), start, method="lm", max_nfev=_MOST_ROUNDS)
    return fit.x, rms(residuals(fit.x))


def _frame(vector: Points) -> Points:
    rotation = _checks.require("scipy.spatial.transform", extra="particles").Rotation
    matrix: Points = rotation.from_rotvec(vector).as_matrix()
    return matrix


def _helices(x: Points, t: Points, rest: Points, grid: Points) -> tuple[Points, float]:
    """Fit helices, or arcs if ``rest`` has no column for a rise; return parameters and residual."""
    rises = rest.shape[1] == 2
    rotation = _checks.require("scipy.spatial.transform", extra="particles").Rotation

    def residuals(p: Points) -> Points:
        radius, omega, rise = p[6], p[7], p[8] if rises else 0.0
        local = [radius * np.cos(omega * t), radius * np.sin(omega * t), rise * t]
        return p[:3] + np.stack(local, axis=1) @ _frame(p[3:6]).T - x

    found = []
    for omega in _starts(x, t, rest, grid):
        coefficients, _ = _linear(x, _swinging(t, omega, rest))
        along = coefficients[1] if rises else np.cross(coefficients[-2], coefficients[-1])
        rise = float(np.linalg.norm(along))
        axis = along / rise if rise > 0 else np.array([0.0, 0.0, 1.0])
        u = np.cross(np.eye(3)[np.abs(axis).argmin()], axis)
        u /= np.linalg.norm(u)
        v = np.cross(axis, u)
        cosine, sine = (complex(c @ u, c @ v) for c in coefficients[-2:])
        # P cos + Q sin = (P - iQ)/2 e^(iwt) + (P + iQ)/2 e^(-iwt): one circle for each handedness.
        for hand in (1, -1) if rises else (1,):
            amplitude = (cosine - hand * 1j * sine) / 2
            phase = np.angle(amplitude)
            first = np.cos(phase) * u + np.sin(phase) * v
            frame = np.stack([first, np.cross(axis, first), axis], axis=1)
            turned = rotation.from_matrix(frame).as_rotvec()
            start = [*coefficients[0], *turned, abs(amplitude), hand * omega, rise]
            found.append(_refined(residuals, np.array(start[: 9 if rises else 8])))
    return min(found, key=lambda fit: fit[1])


def _waves(x: Points, t: Points, rest: Points, grid: Points) -> float:
    """Fit ``c + b t + w sin(omega t + phase)`` and return the residual."""

    def residuals(p: Points) -> Points:
        swing = np.sin(p[9] * t + p[10])
        return p[:3] + np.outer(t, p[3:6]) + np.outer(swing, p[6:9]) - x

    found = []
    for omega in _starts(x, t, rest, grid):
        coefficients, _ = _linear(x, _swinging(t, omega, rest))
        left, size, right = np.linalg.svd(coefficients[2:])
        start = [*coefficients[0], *coefficients[1], *(size[0] * right[0])]
        phase = np.arctan2(left[0, 0], left[1, 0])
        found.append(_refined(residuals, np.array([*start, omega, phase]))[1])
    return min(found)
