"""Random packed policies of any shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eigenwell import dc

# The format's edges, the lane counts of every kernel and one more or less than each.
SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 257)


def random_policy(
    seed: int = 0,
    *,
    inputs: int = 24,
    neurons: int = 4,
    eigenvalues: int = 6,
    bits: int = 5,
    quadratic: bool = False,
    shift: bool = False,
    scale: bool = False,
    **options: Any,
) -> dc.PackedPolicy:
    """Make a policy whose sums are of order one for standard normal observations."""
    rng = np.random.default_rng(seed)
    columns = neurons * eigenvalues
    entries = 2**bits - 1
    return dc.PackedPolicy.from_arrays(
        rng.integers(0, entries, size=(inputs, columns)),
        rng.normal(0, 0.5 / math.sqrt(inputs), entries),
        rng.normal(0, 0.1, columns),
        eigenvalues=eigenvalues,
        bits=bits,
        quadratic=rng.normal(0, 0.05, columns) if quadratic else None,
        shift=rng.normal(0, 1, inputs) if shift else None,
        scale=rng.normal(0, 1, inputs) if scale else None,
        **options,
    )
