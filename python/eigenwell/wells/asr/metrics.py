"""How good an embedding is: retrieval, clustering, and whether it has collapsed.

Recall@k and NMI are what Oh Song et al. 2016 introduced for deep metric learning; MAP@R is that of
Musgrave et al. 2020, "A Metric Learning Reality Check". A query is every sample of a class that
has another; all other samples are its references.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell._checks import require
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

__all__ = [
    "Neighbours",
    "cluster",
    "clustering",
    "effective_rank",
    "evaluate",
    "neighbours",
    "spectrum",
]

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]

RANKS = (1, 2, 4, 8)
# Queries whose distances are held at once.
_ROWS = 512
# Rounds of Lloyd's algorithm: the score is the same to a thousandth or two after ten.
_ROUNDS = 20


@dataclass(frozen=True)
class Neighbours:
    """What the distances between all pairs say.

    Attributes:
        recall: Recall@1, 2, 4, 8: the share of queries with one of their class among the nearest k.
        map_r: MAP@R, the mean over queries of (1/R) sum of precision@i over hits i <= R, with R
            the number of references of the query's class.
        r_precision: The share of hits among the nearest R.
        distance: Mean distance of all pairs.
        distance_intra: Of the pairs of a class; NaN if there is none.
        distance_inter: Of the other pairs; NaN if there is none.
    """

    recall: dict[int, float]
    map_r: float
    r_precision: float
    distance: float
    distance_intra: float
    distance_inter: float


def evaluate(
    embeddings: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Return every measure of an embedding by name.

    Args:
        embeddings: ``(n, d)``, finite; computed in float32, or in float64 if that is their type.
        labels: ``(n,)``, integers; at least one class has two samples.
        clusters: ``(n,)``, to be compared with the labels; by default those of :func:`cluster`.
        seed: Of the clustering.

    Returns:
        ``recall_1``, ``recall_2``, ``recall_4``, ``recall_8``, ``map_r``, ``nmi``, ``ami``,
        ``distance``, ``distance_intra``, ``distance_inter``, ``effective_rank``.

    Raises:
        DTypeError: `embeddings` or `labels` hold no numbers.
        ShapeError: Their shapes do not fit.
        ArgumentError: An embedding is NaN or infinite, or no class has two samples.
        BackendUnavailableError: scikit-learn is not installed.

    Note:
        Deterministic in the seed. O(n² d) in time, in memory O(n).
    """
    points, classes = _arguments(embeddings, labels)
    found = neighbours(points, classes)
    if clusters is None:
        clusters = cluster(points, len(np.unique(classes)), seed=seed)
    nmi, ami = clustering(classes, clusters)
    return {
        **{f"recall_{k}": value for k, value in found.recall.items()},
        "map_r": found.map_r,
        "nmi": nmi,
        "ami": ami,
        "distance": found.distance,
        "distance_intra": found.distance_intra,
        "distance_inter": found.distance_inter,
        "effective_rank": effective_rank(points),
    }


def neighbours(embeddings: npt.ArrayLike, labels: npt.ArrayLike) -> Neighbours:
    """Return what the distances say; see :func:`evaluate` for arguments and errors.

    Note:
        Of neighbours at the same distance the one with the lower index comes first.
    """
    points, classes = _arguments(embeddings, labels)
    # Distances do not see a shift, and without the mean a collapsed cloud keeps its digits.
    points = points - points.mean(axis=0)
    _, inverse, counts = np.unique(classes, return_inverse=True, return_counts=True)
    same_class = counts[inverse] - 1
    if not same_class.any():
        raise ArgumentError("`labels` must hold a class of two samples at least: no pair is alike")
    depth = int(min(len(points) - 1, max(same_class.max(), *RANKS)))
    squares = np.einsum("ij,ij->i", points, points)
    hits = np.empty((len(points), depth), dtype=bool)
    total = alike = 0.0
    for start in range(0, len(points), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(points)))
        squared = points[rows] @ points.T
        squared *= -2
        squared += squares
        squared += squares[rows, None]
        own = (rows - start, rows)
        squared[own] = np.inf
        hits[rows] = inverse[_nearest(squared, depth)] == inverse[rows, None]
        squared[own] = 0
        distances = np.sqrt(np.maximum(squared, 0, out=squared), out=squared)
        total += float(distances.sum(dtype=np.float64))
        alike += float(distances[inverse[rows, None] == inverse].sum(dtype=np.float64))
    queries = same_class > 0
    hits, needed = hits[queries], same_class[queries, None]
    place = np.arange(1, depth + 1)
    found = hits & (place <= needed)
    precision = np.cumsum(hits, axis=1) / place
    pairs, pairs_alike = len(points) * (len(points) - 1), int(same_class.sum())
    return Neighbours(
        recall={k: float(hits[:, :k].any(axis=1).mean()) for k in RANKS},
        map_r=float(((precision * found).sum(axis=1, keepdims=True) / needed).mean()),
        r_precision=float((found.sum(axis=1, keepdims=True) / needed).mean()),
        distance=total / pairs,
        distance_intra=alike / pairs_alike,
        distance_inter=(total - alike) / (pairs - pairs_alike) if pairs > pairs_alike else np.nan,
    )


def cluster(embeddings: npt.ArrayLike, count: int, *, seed: int = 0) -> Labels:
    """Return the clusters of k-means (k-means++ and Lloyd's algorithm, one start), ``(n,)``.

    Args:
        embeddings: ``(n, d)``, finite.
        count: How many clusters, at most ``n``.
        seed: Of the start.

    Raises:
        EigenwellError: As :func:`evaluate`.

    Note:
        On one thread: with several, sums are added in another order.
    """
    points = _points(embeddings)
    count = _checks.integer(count, "count", low=1, high=len(points))
    kmeans = require("sklearn.cluster", extra="wells").KMeans
    limits = require("threadpoolctl", extra="wells").threadpool_limits
    warning = require("sklearn.exceptions", extra="wells").ConvergenceWarning
    model = kmeans(count, n_init=1, max_iter=_ROUNDS, random_state=seed)
    with limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", warning)  # fewer distinct points than clusters: collapse
        found = model.fit_predict(points - points.mean(axis=0))
    return np.asarray(found, dtype=np.int64)


def clustering(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> tuple[float, float]:
    """Return NMI (arithmetic mean) and AMI (adjusted for chance, Vinh et al. 2010).

    Args:
        labels: ``(n,)``, integers.
        clusters: ``(n,)``, integers.

    Raises:
        EigenwellError: As :func:`evaluate`.
    """
    classes = _integers(labels, "labels")
    groups = _integers(clusters, "clusters")
    if classes.shape != groups.shape:
        raise ShapeError(f"`clusters` must have shape {classes.shape}, got {groups.shape}")
    scores = require("sklearn.metrics", extra="wells")
    return (
        float(scores.normalized_mutual_info_score(classes, groups)),
        float(scores.adjusted_mutual_info_score(classes, groups)),
    )


def spectrum(embeddings: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the singular values of the embeddings, not centred, largest first, ``(min(n, d),)``.

    Of embeddings that have collapsed to a point all but the first are 0.
    """
    points = np.asarray(_points(embeddings), dtype=np.float64)
    return np.asarray(np.linalg.svd(points, compute_uv=False), dtype=np.float64)


def effective_rank(embeddings: npt.ArrayLike) -> float:
    """Return exp of the entropy of the singular values' shares (Roy & Vetterli 2007): 1 to d.

    Note:
        From the eigenvalues of the Gram matrix, so that singular values below 1e-8 of the largest
        are noise; they hardly count.
    """
    points = _points(embeddings).astype(np.float64)
    tall = len(points) >= points.shape[1]
    gram = points.T @ points if tall else points @ points.T
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0))
    if not values.any():
        return 1.0
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _nearest(squared: Floats, depth: int) -> npt.NDArray[np.intp]:
    """Return each row's indices of the smallest values in order, ``(n, depth)``."""
    last = np.partition(squared, depth - 1, axis=1)[:, depth - 1 : depth]
    near = np.nonzero(squared <= last)[1]
    if len(near) != depth * len(squared):  # some are as far as the last one
        return np.argsort(squared, axis=1, kind="stable")[:, :depth]
    chosen = near.reshape(-1, depth)  # half the time of argpartition
    order = np.argsort(np.take_along_axis(squared, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def _arguments(embeddings: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, Labels]:
    points, classes = _points(embeddings), _integers(labels, "labels")
    if len(points) != len(classes):
        raise ShapeError(f"`labels` must have shape ({len(points)},), got {classes.shape}")
    return points, classes


def _points(value: npt.ArrayLike) -> Floats:
    array = np.asarray(value)
    if array.dtype not in (np.float32, np.float64):
        array = _checks.real_array(value, "embeddings").astype(np.float32)
    if array.ndim != 2 or not array.size:
        raise ShapeError(f"`embeddings` must have shape (n, d), n and d at least 1: {array.shape}")
    if not np.isfinite(array).all():
        raise ArgumentError("`embeddings` must be finite: the training has diverged")
    return array


def _integers(value: npt.ArrayLike, name: str) -> Labels:
    array = np.asarray(value)
    if array.ndim != 1:
        raise ShapeError(f"`{name}` must have shape (n,), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise DTypeError(f"`{name}` must be integers, got dtype {array.dtype}")
    return array.astype(np.int64)
