"""Data for deep metric learning: what needs no download, and the three folders that people use.

Example:
    >>> from eigenwell.wells.asr import datasets
    >>> digits = datasets.load("digits")
    >>> digits.images.shape, len(digits.classes)
    ((1797, 28, 28), 10)
    >>> sorted(set(digits.labels[digits.train]) & set(digits.labels[digits.test]))
    []
"""

from __future__ import annotations

import os

from eigenwell import _checks
from eigenwell.errors import ArgumentError, FormatError
from eigenwell.wells.asr.datasets._dataset import Dataset, Images
from eigenwell.wells.asr.datasets._digits import digits
from eigenwell.wells.asr.datasets._folders import LAYOUTS, ImageFiles
from eigenwell.wells.asr.datasets._glyphs import glyphs

__all__ = ["NAMES", "Dataset", "ImageFiles", "Images", "load"]

#: What :func:`load` knows.
NAMES = ("glyphs", "digits", *LAYOUTS)


def load(
    name: str,
    root: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    size: int = 224,
    strict: bool = False,
) -> Dataset:
    """Return a dataset with its zero-shot split.

    Args:
        name: ``"glyphs"``, 200 characters in sixteen faces, 28 x 28; ``"digits"``, scikit-learn's,
            enlarged to 28 x 28; or a folder in its published layout: ``"cub200"``, ``"cars196"``,
            ``"sop"``, the first half of the classes to train, as published.
        root: Folder of a dataset of files, or the one that it lies in.
        seed: Of the choice of validation images; of glyphs and digits also of the choice of
            training classes, and of the glyphs' jitter.
        cache: Folder where glyphs are kept once drawn; by default ``$EIGENWELL_CACHE`` or the
            platform's folder for caches.
        size: Edge of the square that images of files are scaled and cropped to.
        strict: Every file that is listed must be there and be an image: all are read.

    Raises:
        ArgumentError: There is no such dataset, or no folder.
        FormatError: The folder's lists are not as published, or, if ``strict``, files are missing
            or damaged.
        BackendUnavailableError: scikit-learn, SciPy, Pillow or matplotlib's fonts are missing.

    Note:
        Deterministic in the seed. Glyphs are drawn by FreeType, whose releases may differ in a
        pixel's last bit; the cache tells them apart.
    """
    seed = _checks.integer(seed, "seed", low=0, high=2**63 - 1)
    if name not in NAMES:
        raise ArgumentError(f"`name` must be one of {', '.join(NAMES)}, got {name!r}")
    if name in LAYOUTS:
        if root is None:
            raise ArgumentError(f"`root` must be the folder of {name}, which is not downloaded")
        size = _checks.integer(size, "size", low=1, high=4096)
        dataset = LAYOUTS[name](root, size=size, seed=seed)
        if strict:
            _complain(dataset)
        return dataset
    if root is not None:
        raise ArgumentError(f"`root` must be left out: {name} needs no folder")
    return digits(seed=seed) if name == "digits" else glyphs(seed=seed, cache=cache)


def _complain(dataset: Dataset) -> None:
    """Raise an error that says what is wrong with a folder's files, if anything is."""
    assert isinstance(dataset.images, ImageFiles)
    damaged = dataset.images.damaged()
    if dataset.missing or damaged:
        first = (*dataset.missing, *damaged)[0]
        raise FormatError(
            f"{dataset.name} lacks {len(dataset.missing)} files and {len(damaged)} are damaged, "
            f"such as {first}: without `strict` those that are missing are left out"
        )
