"""Dips in a curve: how deep, when, and whether it comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError

_LAST = 5


@dataclass(frozen=True)
class Dip:
    """The most prominent dip of a curve.

    Attributes:
        prominence: How far the curve falls to it or rises from it, the lesser of the two.
        epoch: Where it is; 0 where the curve has none.
        depth: How far it is below the highest value before.
        recovery: First epoch after it at which that value is reached again; None if there is none.
    """

    prominence: float
    epoch: int
    depth: float
    recovery: int | None


def dip(curve: npt.ArrayLike) -> Dip:
    """Find the dip: ``max over e of min(max(m_0..m_e), max(m_e..m_n)) - m_e``.

    A curve that only rises or falls has none; one that falls and stays down has neither.

    Args:
        curve: ``(n,)``, at least one finite value.

    Raises:
        ShapeError: It is no curve.
        ArgumentError: A value is NaN or infinite.

    Example:
        >>> from eigenwell.wells import asr
        >>> asr.dip([0.2, 0.5, 0.1, 0.3, 0.6])
        Dip(prominence=0.4, epoch=2, depth=0.4, recovery=4)
    """
    values = _curve(curve)
    before = np.maximum.accumulate(values)
    after = np.maximum.accumulate(values[::-1])[::-1]
    prominence = np.minimum(before, after) - values
    epoch = int(prominence.argmax())
    again = np.flatnonzero(values[epoch + 1 :] >= before[epoch])
    found = float(prominence[epoch])
    recovery = epoch + 1 + int(again[0]) if found > 0 and len(again) else None
    return Dip(found, epoch, float(before[epoch] - values[epoch]), recovery)


def deepest(curve: npt.ArrayLike) -> float:
    """Return how far a curve ever falls below what it had reached, whether it comes back or not."""
    values = _curve(curve)
    return float((np.maximum.accumulate(values) - values).max())


def final(curve: npt.ArrayLike) -> float:
    """Return the mean of the last five values, or of all where there are fewer."""
    return float(_curve(curve)[-_LAST:].mean())


def summary(curves: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the numbers of a run that the study's statements ask for.

    Args:
        curves: Values before training and after each epoch, by the name of the measure; at least
            ``recall_1`` and ``distance``.

    Returns:
        ``prominence``, ``depth``, ``deepest``, ``dip_epoch``, ``recovery_epoch``, ``recovered`` and
        ``final`` of Recall@1, and with a suffix such as ``_nmi`` of the other metrics; and
        ``contraction``, the mean distance at the dip of Recall@1 over the largest before it. What a
        curve without a dip, or without a recovery, does not have is left out.
    """
    found: dict[str, float] = {}
    for name in ("recall_1", "recall_2", "recall_4", "recall_8", "nmi", "ami", "map_r"):
        if name not in curves:
            continue
        suffix = "" if name == "recall_1" else f"_{name}"
        low = dip(curves[name])
        found |= {
            f"prominence{suffix}": low.prominence,
            f"depth{suffix}": low.depth,
            f"deepest{suffix}": deepest(curves[name]),
            f"final{suffix}": final(curves[name]),
            f"recovered{suffix}": float(low.recovery is not None),
        }
        if low.prominence > 0:
            found[f"dip_epoch{suffix}"] = float(low.epoch)
        if low.recovery is not None:
            found[f"recovery_epoch{suffix}"] = float(low.recovery)
    distances = _checks.real_array(curves["distance"], "distance")
    if "dip_epoch" in found:
        epoch = int(found["dip_epoch"])
        found["contraction"] = float(distances[epoch] / distances[: epoch + 1].max())
    found["contraction_most"] = float((distances / np.maximum.accumulate(distances)).min())
    return found


def _curve(curve: npt.ArrayLike) -> npt.NDArray[np.float64]:
    values = _checks.real_array(curve, "curve")
    if values.ndim != 1 or not len(values):
        raise ShapeError(f"`curve` must have shape (n,) with n at least 1, got {values.shape}")
    if not np.isfinite(values).all():
        raise ArgumentError("`curve` must be finite")
    return values
