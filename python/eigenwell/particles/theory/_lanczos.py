"""The largest eigenvalues of a matrix that is known by its products, every copy of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError

Float64 = npt.NDArray[np.float64]


def largest_eigenvalues(
    product: Callable[[Float64], Float64], size: int, count: int, *, tolerance: float, seed: int
) -> Float64:
    """Return the largest eigenvalues ``(count,)``, ascending, of a matrix that has no negative one.

    Lanczos may see one copy of a multiple eigenvalue, so it looks again beside what it has found
    until nothing larger is left there.

    Raises:
        BackendUnavailableError: SciPy is not installed.
        ArgumentError: They did not converge.
    """
    linalg: Any = _checks.require("scipy.sparse.linalg", extra="particles")
    random = np.random.default_rng(seed)
    values, found = np.empty(0), np.empty((size, 0))

    def beside(vector: Float64) -> Float64:
        rest = vector.ravel() - found @ (found.T @ vector.ravel())
        image = product(rest)
        return np.asarray(image - found @ (found.T @ image))

    while True:
        start = random.normal(size=size)
        if not beside(start).any():  # ARPACK takes no matrix of zeros
            return np.concatenate([np.zeros(count), values])[-count:]
        try:
            more, vectors = linalg.eigsh(
                linalg.LinearOperator((size, size), matvec=beside, dtype=np.float64),
                k=1 if len(values) else count,
                which="LA",
                v0=start,
                tol=tolerance,
            )
        except linalg.ArpackNoConvergence:
            raise ArgumentError(
                f"`count` of {count} eigenvalues did not converge to a `tolerance` of {tolerance}: "
                "ask for fewer or allow more error"
            ) from None
        if len(values) and more.max() <= values[-count]:
            return np.asarray(values[-count:])
        values = np.sort(np.concatenate([values, more]))
        found = np.linalg.qr(np.concatenate([found, vectors], axis=1))[0]
