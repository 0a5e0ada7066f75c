"""What every dataset is, and how its images are divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError

Indices = npt.NDArray[np.int64]

#: Of each training class's images, the share that is kept for validation: 6 of 42.
VALIDATION = 1 / 7


class Images(Protocol):
    """Images that may still lie in files: an array of them does as well."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __getitem__(self, index: Any, /) -> npt.NDArray[np.uint8]:
        """Return those of an index, a slice or an array of indices."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Images of classes; the test classes are none of the training classes (zero-shot).

    Attributes:
        name: What :func:`load` calls it.
        images: uint8, ``(n, height, width)``, or RGB from files, ``(n, height, width, 3)``.
        labels: ``(n,)``, the class of each.
        classes: Their names; ``classes[label]``.
        train: Indices of the images to train with.
        validation: Of others of the same classes.
        test: Of all images of the other classes.
        missing: Files that are listed but are not there; none of the indices is theirs.
    """

    name: str
    images: Images
    labels: Indices
    classes: tuple[str, ...]
    train: Indices
    validation: Indices
    test: Indices
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unseen = np.setdiff1d(self.labels[self.validation], self.labels[self.train])
        if unseen.size:
            name = self.classes[unseen[0]]
            raise ArgumentError(
                f"`validation` must hold training classes alone, got {unseen.size} others, "
                f"such as {name!r}"
            )


def split(
    labels: Indices, train_classes: npt.NDArray[Any], *, seed: int, without: Sequence[int] = ()
) -> tuple[Indices, Indices, Indices]:
    """Divide images by class, and those of the training classes by chance.

    Args:
        labels: ``(n,)``.
        train_classes: The labels to train with.
        seed: Of the choice of validation images.
        without: Indices of images to leave out.

    Returns:
        The indices to train with, to validate and to test, each in order. A class of fewer than
        four images gives none to validation: two must be left for a positive pair.
    """
    usable = np.ones(len(labels), dtype=bool)
    usable[list(without)] = False
    generator = np.random.default_rng(seed)
    kept: list[Indices] = []
    train = usable & np.isin(labels, train_classes)
    order = np.flatnonzero(train)
    order = order[np.argsort(labels[order], kind="stable")]
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        count = round(VALIDATION * len(members)) if len(members) > 3 else 0
        kept.append(generator.permutation(members)[:count])
    validation = np.sort(np.concatenate([np.empty(0, np.int64), *kept]))
    train[validation] = False
    test = usable & ~np.isin(labels, train_classes)
    return np.flatnonzero(train), validation, np.flatnonzero(test)
