"""The principal curve of a cloud: the line through the middle of a thick, bent chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.particles.observe._points import Points, cloud, numbers_of, rms, spearman

_NODES = 100
_NEIGHBOURS = 8
_FEWEST = 6
_ITERATIONS = 20
_TOLERANCE = 1e-4
_CHUNK = 2048


@dataclass(frozen=True)
class PrincipalCurve:
    """A smooth open curve through the middle of points.

    Attributes:
        nodes: The curve as a polyline, ``(100, d)``.
        arc: For each point the arc length from the first node to the curve's nearest place,
            ``(n,)``. The ends go on straight: what sticks out is below 0 or above ``length``.
        thickness: Root mean square distance of the points from the curve.
    """

    nodes: npt.NDArray[np.float64]
    arc: npt.NDArray[np.float64]
    thickness: float

    @property
    def length(self) -> float:
        """Of the polyline, in units of the positions."""
        return float(np.linalg.norm(np.diff(self.nodes, axis=0), axis=1).sum())

    @property
    def writhe(self) -> float:
        """Gauss integral of the curve with itself: without unit, 0 for any flat curve.

        Right-handed coils count above 0 and left-handed ones below; those of both hands cancel.
        Three dimensions only.
        """
        steps = np.diff(self.nodes, axis=0)
        if steps.shape[1] != 3:
            raise ShapeError(f"`writhe` needs a curve in 3 dimensions, got {steps.shape[1]}")
        middles = (self.nodes[1:] + self.nodes[:-1]) / 2
        apart = middles[:, None] - middles
        cubes = np.linalg.norm(apart, axis=2) ** 3
        triple = (np.cross(steps[:, None], steps) * apart).sum(axis=2)
        near = cubes > 0
        return float((triple[near] / cubes[near]).sum() / (4 * np.pi))

    def locate(
        self, positions: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return arc length and distance of the nearest place on the curve, both ``(m,)``.

        Args:
            positions: ``(m, d)``, m at least 1.

        Raises:
            EigenwellError: They are not finite points of the curve's dimension.
        """
        points = cloud(positions, "positions", dimension=self.nodes.shape[1])
        return _project(points, self.nodes)


def principal_curve(
    positions: npt.ArrayLike, *, indices: npt.ArrayLike | None = None, smooth: float = 0.06
) -> PrincipalCurve:
    """Fit a curve through the middle of a cloud (Hastie and Stuetzle 1989).

    It starts from the geodesic distances to the two ends of the longest shortest path found in the
    graph of the 8 nearest neighbours, its parts joined where they are nearest. Then it alternates:
    smooth each coordinate over the arc length (locally quadratic, Gaussian weights), and project
    the points on the smoothed curve, whose end segments go on straight. The order of the points is
    not used.

    Args:
        positions: ``(n, d)``, n at least 2 and not all in one place.
        indices: Numbers of the points, ``(n,)``: they only say which end comes first, that of the
            low ones. None leaves it arbitrary.
        smooth: Standard deviation of the weights over the length of the curve, in (0, 1]; bends
            shorter than about 10 times that are smoothed away.

    Returns:
        Curve, arc length of each point, and thickness. There is always one: on a shell it winds
        around as on a spool, through a ball it is short and bent, and either is arbitrary; see
        ``repeatability`` in :func:`chain_order`.

    Raises:
        EigenwellError: They are not such points, or scipy is missing.

    Note:
        O(n log n) for the start and O(100 n d) for each of at most 20 rounds. Deterministic; points
        in another order give the same curve up to rounding.

    References:
        Hastie and Stuetzle 1989, "Principal curves".
    """
    points = cloud(positions, "positions", least=2)
    numbers = None if indices is None else numbers_of(indices, len(points))
    if not 0 < _checks.finite(smooth, "smooth") <= 1:
        raise ArgumentError(f"`smooth` must be in (0, 1], got {smooth}")
    centre = points.mean(axis=0)
    scale = rms(points - centre)
    if scale <= 1e-12 * np.abs(points).max():
        raise ArgumentError("`positions` must not all be in one place")
    x = (points - centre) / scale
    arc = _geodesic_arc(x)
    residual = np.inf
    for _ in range(_ITERATIONS):
        nodes = _smoothed(x, arc, smooth)
        arc, distance = _project(x, nodes)
        found = float(np.sqrt((distance**2).mean()))
        if abs(residual - found) <= _TOLERANCE * found:
            break
        residual = found
    if numbers is not None and spearman(numbers, arc) < 0:
        length = float(np.linalg.norm(np.diff(nodes, axis=0), axis=1).sum())
        nodes, arc = nodes[::-1], length - arc
    return PrincipalCurve(nodes * scale + centre, arc * scale, found * scale)


def _geodesic_arc(x: Points) -> Points:
    """Place points by their geodesic distances to both ends of the graph."""
    spatial = _checks.require("scipy.spatial", extra="particles")
    sparse = _checks.require("scipy.sparse", extra="particles")
    graph = _checks.require("scipy.sparse.csgraph", extra="particles")
    n = len(x)
    k = min(_NEIGHBOURS, n - 1)
    distances, near = spatial.cKDTree(x).query(x, k=k + 1)
    rows = np.repeat(np.arange(n), k)
    # A zero would be no edge in a sparse matrix: coincident points are joined by a tiny one.
    values = np.maximum(distances[:, 1:].ravel(), 1e-12)
    edges = sparse.csr_array((values, (rows, near[:, 1:].ravel())), shape=(n, n))
    edges = _connected(x, edges.maximum(edges.T))
    start = int(((x - x.mean(axis=0)) ** 2).sum(axis=1).argmax())
    from_start = graph.dijkstra(edges, indices=start)
    for _ in range(4):  # sweep to the farthest point until the path no longer grows
        end = int(from_start.argmax())
        from_end = graph.dijkstra(edges, indices=end)
        if from_end.max() <= from_start.max() * (1 + 1e-9):
            break
        from_start = from_end
    arc: Points = from_start - from_end - (from_start - from_end).min()
    return arc


def _connected(x: Points, edges: Any) -> Any:
    """Join the parts of a graph, each time the nearest two points of the first and another part."""
    spatial = _checks.require("scipy.spatial", extra="particles")
    graph = _checks.require("scipy.sparse.csgraph", extra="particles")
    parts, labels = graph.connected_components(edges, directed=False)
    if parts == 1:
        return edges
    edges = edges.tolil()
    inside = labels == 0
    while not inside.all():
        outside = np.flatnonzero(~inside)
        within = np.flatnonzero(inside)
        distances, near = spatial.cKDTree(x[within]).query(x[outside])
        best = int(distances.argmin())
        i, j = outside[best], within[near[best]]
        edges[i, j] = edges[j, i] = max(float(distances[best]), 1e-12)
        inside |= labels == labels[i]
    return edges.tocsr()


def _smoothed(x: Points, arc: Points, smooth: float) -> Points:
    """Smooth coordinates over the arc length, at equal steps of it: local quadratic regression."""
    t = np.linspace(arc.min(), arc.max(), _NODES)
    offset = arc - t[:, None]  # [nodes, n]
    few = min(_FEWEST, len(arc)) - 1
    width = np.partition(np.abs(offset), few, axis=1)[:, few]
    width = np.maximum(width, smooth * (t[-1] - t[0]))[:, None]
    if not width.all():
        return np.broadcast_to(x.mean(axis=0), (_NODES, x.shape[1])).copy()
    u = offset / width
    weights = np.exp(-0.5 * u**2)
    moments = np.stack([(weights * u**power).sum(axis=1) for power in range(5)])
    index = np.arange(3)[:, None] + np.arange(3)
    normal = np.moveaxis(moments[index], -1, 0)
    right = np.stack([(weights * u**power) @ x for power in range(3)], axis=1)
    # A little of an identity: where all points share two arc lengths a parabola is not determined.
    normal = normal + 1e-9 * moments[0][:, None, None] * np.diag([0.0, 1.0, 1.0])
    nodes: Points = np.linalg.solve(normal, right)[:, 0]
    return nodes


def _project(x: Points, nodes: Points) -> tuple[Points, Points]:
    """Arc lengths of the nearest places on a polyline and the distances from them."""
    start, step = nodes[:-1], np.diff(nodes, axis=0)
    squared = (step**2).sum(axis=1)
    lengths = np.sqrt(squared)
    before = np.concatenate([[0.0], np.cumsum(lengths)])
    low, high = np.zeros(len(step)), np.ones(len(step))
    low[0], high[-1] = -np.inf, np.inf  # the ends go on straight, so that what sticks out is ranked
    arc, distance = np.empty(len(x)), np.empty(len(x))
    for i in range(0, len(x), _CHUNK):
        offset = x[i : i + _CHUNK, None] - start
        along = np.einsum("nsd,sd->ns", offset, step) / np.where(squared > 0, squared, 1.0)
        along = np.clip(along, low, high)
        square = ((offset - along[..., None] * step) ** 2).sum(axis=2)
        best = square.argmin(axis=1)
        row = np.arange(len(best))
        arc[i : i + _CHUNK] = before[best] + along[row, best] * lengths[best]
        distance[i : i + _CHUNK] = np.sqrt(square[row, best])
    return arc, distance
