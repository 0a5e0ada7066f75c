"""Pairs of a batch: a positive for each anchor, and a negative by its distance.

Drawing is one cumulative sum and one binary search for a whole batch, O(n^2).
"""

from __future__ import annotations

import torch

from eigenwell.errors import ArgumentError, ShapeError


def pair_index(n: int) -> torch.Tensor:
    """Return where ``pdist`` has the distance of i and j, ``(n, n)``; 0 on the diagonal."""
    i, j = torch.triu_indices(n, n, 1)
    index = torch.zeros(n, n, dtype=torch.int64)
    index[i, j] = torch.arange(len(i))
    return index + index.T


def draw_negatives(
    distances: torch.Tensor,
    labels: torch.Tensor | tuple[torch.Tensor, torch.Tensor],
    weights: torch.Tensor,
    *,
    support: tuple[float, float],
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Draw a negative for each anchor, with a weight p(bin of its distance).

    Args:
        distances: ``(n, m)``, anchors to candidates; what it has for candidates of the anchor's
            class is not looked at, except for NaN.
        labels: ``(n,)`` where the candidates are the anchors, or a pair of ``(n,)`` and ``(m,)``.
        weights: ``(bins,)``, float64, of :class:`eigenwell.wells.asr.DistanceDistribution`.
        support: Of the same.
        generator: Of the draws.

    Returns:
        Index of the negative, ``(n,)``; -1 where an anchor has none, or all have weight 0.

    Raises:
        ArgumentError: A distance is NaN.
        ShapeError: There is not one label for each row and column.
    """
    anchors, candidates = labels if isinstance(labels, tuple) else (labels, labels)
    if distances.shape != (len(anchors), len(candidates)):
        raise ShapeError(
            f"`distances` must have shape ({len(anchors)}, {len(candidates)}) as the labels say, "
            f"got {tuple(distances.shape)}"
        )
    chances = weights_at(distances, weights, support=support)
    return draw(chances.masked_fill_(anchors[:, None] == candidates, 0.0), generator)


def weights_at(
    distances: torch.Tensor, weights: torch.Tensor, *, support: tuple[float, float]
) -> torch.Tensor:
    """Return the weight of each distance's bin, of the same shape.

    Raises:
        ArgumentError: A distance is NaN.
    """
    if not torch.isfinite(distances.sum()) and bool(distances.isnan().any()):
        raise ArgumentError("`distances` must not be NaN: the embeddings have diverged")
    low, high = support
    bins = len(weights)
    place = ((distances - low) * (bins / (high - low))).floor_().clamp_(0, bins - 1).long()
    return weights.index_select(0, place.view(-1)).view(distances.shape)


def draw_positives(
    labels: torch.Tensor, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draw another point of each anchor's class, all alike.

    Args:
        labels: ``(n,)``.
        generator: Of the draws.

    Returns:
        Its index, ``(n,)``; -1 where there is none.
    """
    return draw(positive_chances(labels), generator)


def positive_chances(labels: torch.Tensor) -> torch.Tensor:
    """Return 1 for two points of a class and 0 for others, ``(n, n)``, float64."""
    return (labels[:, None] == labels).to(torch.float64).fill_diagonal_(0.0)


def draw(chances: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Draw a column of each row.

    Args:
        chances: ``(n, m)``, float64, at least 0; the sums need not be 1.
        generator: Of the draws.

    Returns:
        ``(n,)``; -1 where all chances are 0.
    """
    return draw_from_sums(chances.cumsum(1), generator)


def draw_from_sums(
    cumulative: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draw as :func:`draw` does, given the cumulative sums of its rows."""
    if not cumulative.numel():
        return torch.full((len(cumulative),), -1, dtype=torch.int64, device=cumulative.device)
    total = cumulative[:, -1]
    uniform = torch.rand(
        len(total), dtype=total.dtype, generator=generator, device=cumulative.device
    )
    # Rounded up to the total itself, a draw would lie past the last column.
    below = torch.nextafter(total, torch.zeros_like(total))
    point = torch.minimum(uniform * total, below)
    column = torch.searchsorted(cumulative, point[:, None], right=True)[:, 0]
    return torch.where(total > 0, column, -1)
