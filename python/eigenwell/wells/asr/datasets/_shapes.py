"""Characters as shapes: drawn to one size, and compared."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.errors import BackendUnavailableError

#: The faces that have all characters, of the fonts that come with matplotlib.
FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
)
#: Faces in which two characters must differ, on the mean of each group: in an italic face the
#: Cyrillic letter for t is an m.
STYLES = (
    ("DejaVuSans", "DejaVuSerif", "STIXGeneral"),
    ("DejaVuSerif-Italic", "STIXGeneralItalic"),
)
_POINTS = 48
_EDGE = 24
_MARGIN = 4
_SHIFT = 2
# No font has a glyph here: what is drawn instead is what is drawn for all that it lacks.
_NOTHING = "\U0010fffe"


def font_files() -> dict[str, Path]:
    """Return the files of the faces, found without importing matplotlib.

    Raises:
        BackendUnavailableError: matplotlib, or one of its faces, is not there.
    """
    found = importlib.util.find_spec("matplotlib")
    if found is None or not found.submodule_search_locations:
        raise BackendUnavailableError(
            'the glyphs are drawn with matplotlib\'s fonts: pip install "eigenwell[wells]"'
        )
    folder = Path(found.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
    files = {face: folder / f"{face}.ttf" for face in FACES}
    for path in files.values():
        if not path.is_file():
            raise BackendUnavailableError(f"matplotlib comes without the font {path}")
    return files


def fonts_digest(files: dict[str, Path]) -> str:
    """Return a short digest of the fonts and of what draws them."""
    core = require("PIL.features", extra="wells")
    digest = hashlib.sha256(f"Pillow {core.version('pil')} {core.version('freetype2')}".encode())
    for path in files.values():
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


class Face:
    """A face of a font that draws characters to one size."""

    def __init__(self, path: Path, points: int = _POINTS) -> None:
        self._image = require("PIL.Image", extra="wells")
        self._font = require("PIL.ImageFont", extra="wells").truetype(str(path), points)
        self._nothing = self._mask(_NOTHING)

    def has(self, character: str) -> bool:
        """Return whether the font has a glyph for a character, and one with ink."""
        size, ink = self._mask(character)
        return (size, ink) != self._nothing and any(ink)

    def draw(self, character: str, edge: int) -> Any:
        """Return its ink, cropped, the longer side ``edge`` pixels long, as a Pillow image."""
        size, ink = self._mask(character)
        image = self._image.frombytes("L", size, ink)
        image = image.crop(image.getbbox())
        width, height = (max(1, round(edge * side / max(image.size))) for side in image.size)
        return image.resize((width, height), self._image.Resampling.BOX)

    def _mask(self, character: str) -> tuple[tuple[int, int], bytes]:
        mask = self._font.getmask(character)
        return mask.size, bytes(mask)


def similarity(
    characters: Sequence[str], files: dict[str, Path], faces: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return how alike characters look: the largest correlation over small shifts, ``(n, n)``.

    Each is drawn to the same longer side, so that a pair that differs in size alone (s and S) is
    as alike as one that does not differ at all (the Latin and the Greek A). The mean over faces.
    """
    blur = require("PIL.ImageFilter", extra="wells").GaussianBlur(1.0)
    image = require("PIL.Image", extra="wells")
    side = _EDGE + 2 * _MARGIN
    total = np.zeros((len(characters), len(characters)))
    shifts = [(i, j) for i in range(-_SHIFT, _SHIFT + 1) for j in range(-_SHIFT, _SHIFT + 1)]
    for name in faces:
        face = Face(files[name])
        drawn = np.empty((len(characters), side, side), dtype=np.float32)
        for index, character in enumerate(characters):
            glyph = face.draw(character, _EDGE)
            canvas = image.new("L", (side, side))
            canvas.paste(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
            drawn[index] = np.asarray(canvas.filter(blur))
        drawn /= np.linalg.norm(drawn, axis=(1, 2), keepdims=True)
        flat = drawn.reshape(len(drawn), -1)
        best = np.zeros_like(total)
        for shift in shifts:
            moved = np.roll(drawn, shift, axis=(1, 2)).reshape(len(drawn), -1)
            np.maximum(best, moved @ flat.T, out=best)
        total += np.maximum(best, best.T)
    return total / len(faces)


def distinct(candidates: Sequence[str], *, count: int, below: float) -> list[str]:
    """Return the first characters that all faces have and that look like none before them.

    Args:
        candidates: Characters, the preferred ones first.
        count: How many at most.
        below: Two of them are distinct if their similarity is below this in each style.
    """
    files = font_files()
    faces = [Face(path) for path in files.values()]
    drawable = [each for each in candidates if all(face.has(each) for face in faces)]
    alike = np.max([similarity(drawable, files, style) for style in STYLES], axis=0)
    chosen: list[int] = []
    for index in range(len(drawable)):
        if len(chosen) < count and (alike[index, chosen] < below).all():
            chosen.append(index)
    return [drawable[index] for index in chosen]
