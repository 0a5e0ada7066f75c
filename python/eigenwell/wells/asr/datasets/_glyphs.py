"""Glyphs: characters drawn in sixteen faces, jittered. Many classes, and nothing to download."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.wells.asr.datasets._cache import kept
from eigenwell.wells.asr.datasets._dataset import Dataset, split
from eigenwell.wells.asr.datasets._shapes import Face, font_files, fonts_digest

# Code points and ranges of them, hexadecimal: 200 characters that all faces have, of which no two
# look alike (`_shapes.distinct`, below 0.9), chosen from Latin, Greek, Cyrillic, phonetic letters
# and signs. Accented letters were no candidates.
_POINTS = """
21-26 28-45 47-48 4b-5a 5c 5e-62 64-67 69 6b 6d-6e 71-72 75 79 7b 7e a2-a4 a6-a7 a9 ab-ac ae
b0-b1 b6 bb bf c6 d7-d8 de e6 f0 f8 fe 14a 152 167 188 195 1ab 1ba 1be 1c1-1c2 250 254-256
258 25a 25d-25e 260 263-264 266-267 26c 26e 270-272 278-279 27b 27d 27f 281-282 285-286 28b
28d-28e 290-292 295-296 29a-29b 29e 2a1 394 39e 3a3 3a6 3a8-3a9 3b1-3b7 3bb-3bd 3c0-3c4 3c7
3c9 3d8-3db 3dd-3e1 402 409-40b 40f 414 416 427-428 42a-42b 42d-42f 43b 444 449 44c 452 45b
463 473 491
"""
#: Each training class has this many images, of which six are for validation; each test class.
TRAINING, TEST = 42, 20
_SIZE = 28
# Drawn at this many pixels for each of the image's.
_FINE = 2
_EDGE = 56
# The jitter: ranges of uniform draws, and standard deviations.
_LONGER_SIDE = (16.0, 22.0)
_DEGREES = 15.0
_SHEAR = 0.25
_SHIFT = 2.0
_STROKE = (0.32, 0.62)
_WOBBLE = 0.12
_GRAIN = 0.05
# How fast ink turns into paper across a stroke's edge.
_CONTRAST = 4.0


def characters() -> tuple[str, ...]:
    """Return the characters, by code point."""
    points: list[int] = []
    for word in _POINTS.split():
        first, _, last = word.partition("-")
        points.extend(range(int(first, 16), int(last or first, 16) + 1))
    return tuple(map(chr, points))


def glyphs(*, seed: int, cache: str | os.PathLike[str] | None) -> Dataset:
    """Return the dataset: half of the characters to train, the other half to test."""
    names = characters()
    files = font_files()
    trained = np.sort(np.random.default_rng([seed, 0]).permutation(len(names))[: len(names) // 2])
    counts = np.full(len(names), TEST)
    counts[trained] = TRAINING
    labels = np.repeat(np.arange(len(names)), counts)

    def draw() -> npt.NDArray[np.uint8]:
        faces = [Face(path, points=64) for path in files.values()]
        return np.concatenate(
            [
                _draw(name, int(count), faces, np.random.default_rng([seed, ord(name)]))
                for name, count in zip(names, counts, strict=True)
            ]
        )

    name = f"glyphs-1-{fonts_digest(files)}-{seed}.bin"
    images = kept(name, (len(labels), _SIZE, _SIZE), draw, cache=cache)
    return Dataset("glyphs", images, labels, names, *split(labels, trained, seed=seed))


def _draw(
    character: str, count: int, faces: list[Face], generator: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Draw a character some times, each in a face by chance and with a jitter of its own."""
    image = require("PIL.Image", extra="wells")
    blur = require("PIL.ImageFilter", extra="wells").GaussianBlur(1.0)
    glyphs = [face.draw(character, _EDGE) for face in faces]
    fine = _SIZE * _FINE
    drawn = np.empty((count, fine, fine), dtype=np.float32)
    wobble = np.empty_like(drawn)
    for index in range(count):
        glyph = glyphs[generator.integers(len(glyphs))]
        turned = glyph.transform(
            (fine, fine),
            image.Transform.AFFINE,
            _jitter(glyph, generator),
            image.Resampling.BICUBIC,
        )
        drawn[index] = np.asarray(turned.filter(blur), dtype=np.float32) / 255
        coarse = image.fromarray(generator.standard_normal((7, 7), dtype=np.float32))
        wobble[index] = np.asarray(coarse.resize((fine, fine), image.Resampling.BICUBIC))
    stroke = generator.uniform(*_STROKE, (count, 1, 1)).astype(np.float32)
    ink = np.clip(_CONTRAST * (drawn + _WOBBLE * wobble - stroke) + 0.5, 0, 1)
    ink = ink.reshape(count, _SIZE, _FINE, _SIZE, _FINE).mean(axis=(2, 4))
    ink += _GRAIN * generator.standard_normal(ink.shape, dtype=np.float32)
    return np.asarray(np.rint(255 * np.clip(ink, 0, 1)), dtype=np.uint8)


def _jitter(glyph: Any, generator: np.random.Generator) -> tuple[float, ...]:
    """Return Pillow's six numbers of an affine map from the fine image to the glyph."""
    scale = _FINE * generator.uniform(*_LONGER_SIDE) / _EDGE
    angle = np.deg2rad(generator.uniform(-_DEGREES, _DEGREES))
    shear = generator.uniform(-_SHEAR, _SHEAR)
    shift = _FINE * generator.uniform(-_SHIFT, _SHIFT, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = np.linalg.inv(scale * turn @ np.array([[1.0, shear], [0.0, 1.0]]))
    middle = np.array([glyph.width, glyph.height]) / 2
    offset = middle - back @ (_SIZE * _FINE / 2 + shift)
    return (*back[0], offset[0], *back[1], offset[1])
