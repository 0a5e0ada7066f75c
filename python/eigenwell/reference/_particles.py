"""The loops of the article "particles", written anew in torch: matrices, autograd, SGD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from eigenwell._checks import require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Points = dict[str, Any]

#: Exact distances. torch's default takes matrix products from 26 points on, and loses half of the
#: digits of small distances, in float64, too.
EXACT = "donot_use_mm_for_euclid_dist"


def article_descent(
    start: Mapping[str, npt.NDArray[np.floating]],
    *,
    learning_rate: float,
    steps: int,
    pairs: str = "upper",
    compute_mode: str = EXACT,
) -> dict[str, npt.NDArray[np.floating]]:
    """Descend as the article does: of one species on its distances, of three as the polymer.

    Args:
        start: Positions ``(n, d)`` of "points", or of "electrons", "protons" and "neutrons".
        learning_rate: Of all points.
        steps: Number of steps.
        pairs: ``"upper"``: the article's mask i < j; ``"all"``: every pair at half the weight.
        compute_mode: As ``torch.cdist`` takes it.

    Returns:
        The last positions, by species.
    """
    torch = require("torch", extra="learn")
    points = {name: torch.tensor(x, requires_grad=True) for name, x in start.items()}
    first = next(iter(points.values()))
    mask = torch.ones(len(first), len(first), dtype=first.dtype)
    mask = mask.triu(1) if pairs == "upper" else mask / 2

    def distances(x: Any, y: Any) -> Any:
        return torch.cdist(x, y, compute_mode=compute_mode)

    loss = _polymer if len(points) == 3 else _sphere
    optimizer = torch.optim.SGD(points.values(), lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(points, mask, distances).backward()
        optimizer.step()
    return {name: x.detach().numpy() for name, x in points.items()}


def _sphere(points: Points, mask: Any, distances: Callable[[Any, Any], Any]) -> Any:
    (x,) = points.values()
    return (mask * distances(x, x)).sum()


def _polymer(points: Points, mask: Any, distances: Callable[[Any, Any], Any]) -> Any:
    e, p, n = (points[name] for name in ("electrons", "protons", "neutrons"))
    total = 0.0
    for x in (e, p):
        d = distances(x, x)
        total = total - (mask * d / d.detach() ** 2).sum()  # NaN itself, but not its gradient
    for sign, x, y in ((-1, n, n), (1, e, p), (1, n, e), (1, n, p)):
        total = total + sign * (mask * distances(x, y)).sum()
    return total
