"""Difference-of-convex (DC) neurons, packed: a policy of 2 KB that acts in nanoseconds.

A neuron adds the largest and the smallest of its affine "eigenvalues"; its weights are indices into
a codebook of at most 256 numbers, 2 to 8 bits each. The format is specified in ``cpp/README.md``.

Example:
    >>> import numpy as np
    >>> from eigenwell import dc
    >>> policy = dc.walker()
    >>> policy(np.zeros(24, dtype=np.float32)).shape
    (4,)
"""

from eigenwell.dc._indices import pack_indices, unpack_indices
from eigenwell.dc._policy import PackedPolicy, walker

__all__ = ["PackedPolicy", "pack_indices", "unpack_indices", "walker"]
