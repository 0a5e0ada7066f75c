"""Folders of images as they were published: CUB-200-2011, Cars 196, Stanford Online Products.

Their zero-shot split is that of Oh Song et al. 2016, "Deep Metric Learning via Lifted Structured
Feature Embedding": the first half of the classes trains, the second half tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.errors import ArgumentError, FormatError
from eigenwell.wells.asr.datasets._dataset import Dataset, split


class ImageFiles:
    """Images that are read when they are asked for: RGB, scaled and cropped to a square."""

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self.paths = tuple(paths)
        self.size = size

    def __len__(self) -> int:
        """Return how many files there are."""
        return len(self.paths)

    def __getitem__(self, index: Any) -> npt.NDArray[np.uint8]:
        """Return ``(size, size, 3)``, or ``(n, size, size, 3)`` of a slice or an array.

        Raises:
            FormatError: A file is missing or is no image.
        """
        chosen = np.arange(len(self.paths))[index]
        if chosen.ndim == 0:
            return self._read(self.paths[chosen])
        found = np.empty((len(chosen), self.size, self.size, 3), dtype=np.uint8)
        for place, each in enumerate(chosen):
            found[place] = self._read(self.paths[each])
        return found

    def damaged(self) -> tuple[str, ...]:
        """Read all files that are there and return those that are no whole images."""
        found = []
        for path in self.paths:
            try:
                if path.is_file():
                    self._read(path)
            except FormatError:
                found.append(str(path))
        return tuple(found)

    def _read(self, path: Path) -> npt.NDArray[np.uint8]:
        image = require("PIL.Image", extra="wells")
        operations = require("PIL.ImageOps", extra="wells")
        try:
            with image.open(path) as opened:
                whole = operations.fit(opened.convert("RGB"), (self.size, self.size))
        except FileNotFoundError:
            raise FormatError(f"the image {path} is missing") from None
        except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
            raise FormatError(f"the image {path} cannot be read: {error}") from None
        return np.asarray(whole)


def cub200(root: str | os.PathLike[str], *, size: int, seed: int) -> Dataset:
    """CUB-200-2011: ``images.txt``, ``image_class_labels.txt``, ``classes.txt``, ``images/``."""
    folder = _folder(root, "CUB_200_2011", "images.txt")
    names = _table(folder / "classes.txt", 2)
    images = _table(folder / "images.txt", 2)
    classes = {row[0]: row[1] for row in _table(folder / "image_class_labels.txt", 2)}
    number = {key: index for index, (key, _) in enumerate(names)}
    try:
        labels = [number[classes[key]] for key, _ in images]
    except KeyError as error:
        raise FormatError(f"{folder}: the lists of CUB-200-2011 lack the id {error}") from None
    paths = [folder / "images" / path for _, path in images]
    return _dataset("cub200", paths, labels, [name for _, name in names], size=size, seed=seed)


def cars196(root: str | os.PathLike[str], *, size: int, seed: int) -> Dataset:
    """Cars 196: ``cars_annos.mat`` and ``car_ims/``, the layout with all images in one list."""
    folder = _folder(root, "cars196", "cars_annos.mat")
    path = folder / "cars_annos.mat"
    try:
        found = require("scipy.io", extra="wells").loadmat(path, squeeze_me=True)
        annotations = np.atleast_1d(found["annotations"])
        names = [str(name) for name in np.atleast_1d(found["class_names"])]
        labels = [int(number) - 1 for number in annotations["class"]]
        paths = [folder / str(name) for name in annotations["relative_im_path"]]
    except (KeyError, ValueError, TypeError, IndexError, OSError, NotImplementedError) as error:
        raise FormatError(f"{path} is not the list of Cars 196: {error}") from None
    return _dataset("cars196", paths, labels, names, size=size, seed=seed)


def sop(root: str | os.PathLike[str], *, size: int, seed: int) -> Dataset:
    """Stanford Online Products: ``Ebay_train.txt`` and ``Ebay_test.txt``, each with its classes."""
    folder = _folder(root, "Stanford_Online_Products", "Ebay_train.txt")
    rows = [_table(folder / f"Ebay_{part}.txt", 4)[1:] for part in ("train", "test")]
    names = list(dict.fromkeys(row[1] for part in rows for row in part))
    number = {name: index for index, name in enumerate(names)}
    labels = [number[row[1]] for part in rows for row in part]
    paths = [folder / row[3] for part in rows for row in part]
    first = len({row[1] for row in rows[0]})
    if {row[1] for row in rows[0]} & {row[1] for row in rows[1]}:
        raise FormatError(f"{folder}: Ebay_train.txt and Ebay_test.txt share classes")
    return _dataset("sop", paths, labels, names, size=size, seed=seed, first=first)


#: Loaders by name.
LAYOUTS: dict[str, Callable[..., Dataset]] = {"cub200": cub200, "cars196": cars196, "sop": sop}


def _folder(root: str | os.PathLike[str], inner: str, marker: str) -> Path:
    """Return the folder with a file, which is the root or has its published name in it."""
    for folder in (Path(root), Path(root) / inner):
        if (folder / marker).is_file():
            return folder
    raise ArgumentError(f"`root` must hold {marker} or {inner}/{marker}, got {root}")


def _table(path: Path, columns: int) -> list[tuple[str, ...]]:
    """Return the rows of a list; the last column may have spaces."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} cannot be read: {error}") from None
    rows = [tuple(line.split(maxsplit=columns - 1)) for line in lines if line.strip()]
    for number, row in enumerate(rows, 1):
        if len(row) != columns:
            raise FormatError(f"{path}, row {number}, must have {columns} columns, got {len(row)}")
    return rows


def _dataset(
    name: str,
    paths: Sequence[Path],
    labels: Sequence[int],
    classes: Sequence[str],
    *,
    size: int,
    seed: int,
    first: int | None = None,
) -> Dataset:
    """Divide the classes, and leave out the files that are not there."""
    numbers = np.asarray(labels, dtype=np.int64)
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(classes):
        raise FormatError(f"{name}: a class of an image is not among the {len(classes)} classes")
    missing = [index for index, path in enumerate(paths) if not path.is_file()]
    trained = np.arange(first if first is not None else len(classes) // 2)
    return Dataset(
        name,
        ImageFiles(paths, size),
        numbers,
        tuple(classes),
        *split(numbers, trained, seed=seed, without=missing),
        missing=tuple(str(paths[index]) for index in missing),
    )
