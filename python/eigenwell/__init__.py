"""eigenwell: small learning systems whose geometry can be looked at, with native kernels.

* :mod:`eigenwell.dc`: packed difference-of-convex policies, such as the five-bit walker.
* :mod:`eigenwell.pairwise`: energies and distances of point clouds, with gradients.
* :mod:`eigenwell.backend`: which instruction set the kernels use.
* :mod:`eigenwell.reference`: the same operations in plain NumPy, as the oracle.
"""

from __future__ import annotations

from eigenwell import backend, dc, errors, pairwise
from eigenwell._native import __version__

__all__ = ["__version__", "backend", "dc", "errors", "pairwise"]
