"""Which particles hold together, and which fly off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.particles.observe._points import Points, cloud

_DENSE_QUANTILE = 0.25
_DEFAULT_LINKS = 5.0


@dataclass(frozen=True)
class Bound:
    """The particles that hold together.

    Attributes:
        mask: Whether each particle is bound, ``(n,)``.
        link: Particles nearer than this to each other hold together, in units of the positions.
    """

    mask: npt.NDArray[np.bool_]
    link: float

    @property
    def count(self) -> int:
        """Number of bound particles."""
        return int(self.mask.sum())

    @property
    def fraction(self) -> float:
        """Share of all particles."""
        return float(self.mask.mean())


def bound(positions: npt.ArrayLike, *, link: float | None = None) -> Bound:
    """Find the largest set of particles linked by steps of at most ``link``.

    Bound particles are dense and unbound ones fly off in straight lines, ever farther apart, so the
    clusters of single linkage tell them apart without a centre, a radius or a shape.

    Args:
        positions: ``(n, d)``, n at least 1.
        link: Length, at least 0, in units of the positions. None is 5 times the lower quartile of
            the distances to the nearest neighbour, which is that of the dense part as long as at
            least about half of the particles are in it. An early, still loose cloud has no dense
            part: give the link of a later state.

    Returns:
        The mask and the link used. Of two clusters of one size the one with the first particle.

    Raises:
        EigenwellError: They are not finite points, the link is negative, or scipy is missing.

    Note:
        O(n log n) for a link of the default's size. It needs no order of the particles.
    """
    points = cloud(positions, "positions")
    if link is not None:
        link = _checks.not_negative(link, "link")
    elif len(points) == 1:
        link = 0.0
    else:
        tree = _checks.require("scipy.spatial", extra="particles").cKDTree(points)
        nearest = tree.query(points, k=2)[0][:, 1]
        link = _DEFAULT_LINKS * float(np.quantile(nearest, _DENSE_QUANTILE))
    labels = _clusters(points, link)
    return Bound(labels == np.bincount(labels).argmax(), link)


def _clusters(points: Points, link: float) -> npt.NDArray[np.int32]:
    """Label clusters in the order of their first particles."""
    tree = _checks.require("scipy.spatial", extra="particles").cKDTree(points)
    sparse = _checks.require("scipy.sparse", extra="particles")
    graph = _checks.require("scipy.sparse.csgraph", extra="particles")
    pairs = tree.query_pairs(link, output_type="ndarray")
    ones = np.ones(len(pairs), dtype=np.int8)
    n = len(points)
    edges = sparse.coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    labels: npt.NDArray[np.int32] = graph.connected_components(edges, directed=False)[1]
    return labels
