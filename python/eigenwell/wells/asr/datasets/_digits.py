"""Scikit-learn's handwritten digits: five classes to train, five to test."""

from __future__ import annotations

import numpy as np

from eigenwell._checks import require
from eigenwell.wells.asr.datasets._dataset import Dataset, split

# 8 x 8 pixels of 3 x 3 and a margin of two: as large as the glyphs, so that one encoder does both.
_TIMES = 3
_MARGIN = 2
_WHITE = 16


def digits(*, seed: int) -> Dataset:
    """Return the dataset, 1,797 images of 28 x 28."""
    found = require("sklearn.datasets", extra="wells").load_digits()
    small = np.rint(found.images * (255 / _WHITE)).astype(np.uint8)
    large = small.repeat(_TIMES, axis=1).repeat(_TIMES, axis=2)
    images = np.pad(large, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    labels = found.target.astype(np.int64)
    trained = np.sort(np.random.default_rng([seed, 0]).permutation(10)[:5])
    names = tuple(str(digit) for digit in range(10))
    return Dataset("digits", images, labels, names, *split(labels, trained, seed=seed))
