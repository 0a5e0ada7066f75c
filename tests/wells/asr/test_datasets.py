"""Glyphs, digits and folders: what is in them, how they are divided, and what may be wrong."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from eigenwell.errors import ArgumentError, FormatError
from eigenwell.wells.asr import datasets
from eigenwell.wells.asr.datasets import _glyphs, _shapes

image = pytest.importorskip("PIL.Image")


def check_split(found: datasets.Dataset) -> None:
    """Training, validation and test images are disjoint, and test classes are new."""
    parts = [found.train, found.validation, found.test]
    joined = np.concatenate(parts)
    assert len(np.unique(joined)) == len(joined)
    seen = set(found.labels[found.train])
    assert set(found.labels[found.validation]) <= seen
    assert not seen & set(found.labels[found.test])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("matplotlib")
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def glyphs(cache: Path) -> datasets.Dataset:
    return datasets.load("glyphs", cache=cache)


def test_glyphs_are_many_classes(glyphs: datasets.Dataset) -> None:
    check_split(glyphs)
    assert len(glyphs.images) == 6200
    assert glyphs.images[0].shape == (28, 28)
    assert len(set(glyphs.classes)) == 200
    for part, classes, each in ((glyphs.train, 100, 36), (glyphs.validation, 100, 6)):
        counts = np.bincount(glyphs.labels[part])
        assert (counts > 0).sum() == classes
        assert counts.max() == each
    assert set(np.bincount(glyphs.labels[glyphs.test])) == {0, 20}
    ink = (glyphs.images[:] > 128).sum(axis=(1, 2))
    assert ink.min() > 5  # nothing is lost in the jitter


def test_glyphs_of_a_class_differ_and_are_drawn_again_alike(glyphs: datasets.Dataset) -> None:
    members = glyphs.images[glyphs.labels == 7]
    assert len(np.unique(members, axis=0)) == len(members)
    faces = [_shapes.Face(path, points=64) for path in _shapes.font_files().values()]
    name = glyphs.classes[7]
    drawn = _glyphs._draw(name, len(members), faces, np.random.default_rng([0, ord(name)]))
    np.testing.assert_array_equal(drawn, members)


def test_no_two_characters_look_alike() -> None:
    names = _glyphs.characters()
    files = _shapes.font_files()
    for style in _shapes.STYLES:
        alike = _shapes.similarity(names, files, style)
        # They were chosen below 0.9; another FreeType may draw a little differently.
        assert alike[~np.eye(len(names), dtype=bool)].max() < 0.92


def test_look_alikes_are_dropped() -> None:
    # Greek and Cyrillic A, a small s, a character that no face has; the last is as good as new.
    assert _shapes.distinct("A\u0391\u0410Ss\U0010fffdR", count=9, below=0.9) == ["A", "S", "R"]
    assert _shapes.distinct("ABC", count=2, below=1.0) == ["A", "B"]


def _flipped(whole: bytes) -> bytes:
    return whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:]


def _exchanged(whole: bytes) -> bytes:
    """Another content under the old digest."""
    return whole[:32] + zlib.compress(bytes(6200 * 28 * 28))


@pytest.mark.parametrize("damage", [_flipped, _exchanged, lambda whole: whole[:-100]])
def test_a_damaged_cache_is_made_again(
    damage, cache: Path, glyphs: datasets.Dataset, monkeypatch
) -> None:
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    drawn = []
    monkeypatch.setattr(_glyphs, "_draw", lambda *a: drawn.append(a) or _blank(a[1]))
    again = datasets.load("glyphs", cache=cache)
    assert len(drawn) == 200
    assert not again.images[:].any()
    assert datasets.load("glyphs", cache=cache).images[:].sum() == 0  # and kept
    assert len(drawn) == 200
    path.write_bytes(whole)
    np.testing.assert_array_equal(datasets.load("glyphs", cache=cache).images, glyphs.images)


def _blank(count: int) -> np.ndarray:
    return np.zeros((count, 28, 28), np.uint8)


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(_glyphs, "_draw", lambda *a: _blank(a[1]))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ArgumentError, match="`cache` cannot be written"):
        datasets.load("glyphs", cache=file)
    monkeypatch.setenv("EIGENWELL_CACHE", str(file))  # not asked for: it does without
    assert len(datasets.load("glyphs").images) == 6200


def test_fonts_are_found_without_matplotlib(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code = (
        "import sys; from eigenwell.wells.asr.datasets import _shapes; _shapes.font_files();"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_digits_fit_the_glyphs_encoder() -> None:
    pytest.importorskip("sklearn")
    first, again, other = (datasets.load("digits", seed=seed) for seed in (0, 0, 1))
    check_split(first)
    assert first.images[:].shape == (1797, 28, 28)
    assert first.images[:].max() == 255
    np.testing.assert_array_equal(first.validation, again.validation)
    assert len(np.unique(first.labels[first.train])) == 5
    assert not np.array_equal(first.validation, other.validation)


def test_a_validation_class_that_is_not_trained() -> None:
    with pytest.raises(ArgumentError, match="training classes alone, got 1 others, such as 'b'"):
        datasets.Dataset(
            "made",
            np.zeros((4, 2, 2), np.uint8),
            np.array([0, 0, 1, 2]),
            ("a", "b", "c"),
            train=np.array([0, 1]),
            validation=np.array([2]),
            test=np.array([3]),
        )


def picture(path: Path, colour: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.new("RGB", (9 + colour % 5, 7), (colour, 0, 255)).save(path)


def make_cub(root: Path) -> Path:
    folder = root / "CUB_200_2011"
    names = [f"{c + 1:03d}.Bird_{c}" for c in range(4)]
    files = [f"{name}/{name}_{i}.jpg" for name in names for i in range(5)]
    for i, file in enumerate(files):
        picture(folder / "images" / file, i)
    write = {
        "classes.txt": [f"{i} {name}" for i, name in enumerate(names, 1)],
        "images.txt": [f"{i} {file}" for i, file in enumerate(files, 1)],
        "image_class_labels.txt": [f"{i + 1} {i // 5 + 1}" for i in range(20)],
    }
    for name, lines in write.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def make_cars(root: Path) -> Path:
    io = pytest.importorskip("scipy.io")
    folder = root / "cars196"
    fields = [("relative_im_path", "O"), ("class", "O"), ("test", "O")]
    rows = np.empty((1, 20), dtype=fields)
    for i in range(20):
        rows[0, i] = (f"car_ims/{i + 1:06d}.jpg", i // 5 + 1, i % 2)
        picture(folder / f"car_ims/{i + 1:06d}.jpg", i)
    names = np.array([[f"Car {c}" for c in range(4)]], dtype=object)
    io.savemat(folder / "cars_annos.mat", {"annotations": rows, "class_names": names})
    return folder


def make_sop(root: Path) -> Path:
    folder = root / "Stanford_Online_Products"
    for part, first in (("train", 0), ("test", 10)):
        lines = ["image_id class_id super_class_id path"]
        for i in range(first, first + 10):
            lines.append(f"{i + 1} {i // 5 + 1} 1 chair_final/{i // 5 + 1}_{i}.JPG")
            picture(folder / f"chair_final/{i // 5 + 1}_{i}.JPG", i)
        (folder / f"Ebay_{part}.txt").write_text("\n".join(lines))
    return folder


MAKERS = {"cub200": make_cub, "cars196": make_cars, "sop": make_sop}


@pytest.mark.parametrize("name", MAKERS)
def test_folders_in_their_published_layout(name: str, tmp_path: Path) -> None:
    folder = MAKERS[name](tmp_path)
    found = datasets.load(name, tmp_path, size=6, strict=True)
    check_split(found)
    assert found.missing == ()
    assert len(found.classes) == 4
    assert found.labels.tolist() == [i // 5 for i in range(20)]
    assert [len(part) for part in (found.train, found.validation, found.test)] == [8, 2, 10]
    assert set(found.labels[found.train]) == {0, 1}
    batch = found.images[found.test[:3]]
    assert batch.shape == (3, 6, 6, 3)
    assert batch.dtype == np.uint8
    assert abs(int(found.images[12][3, 3, 0]) - 12) < 6  # JPEG is not exact
    np.testing.assert_array_equal(
        found.train, datasets.load(name, folder, size=6).train, "the folder itself will do"
    )


@pytest.mark.parametrize("name", MAKERS)
def test_missing_and_damaged_images(name: str, tmp_path: Path) -> None:
    MAKERS[name](tmp_path)
    whole = datasets.load(name, tmp_path)
    assert isinstance(whole.images, datasets.ImageFiles)
    gone, cut = whole.images.paths[3], whole.images.paths[11]
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:200])
    found = datasets.load(name, tmp_path)
    assert isinstance(found.images, datasets.ImageFiles)
    assert found.missing == (str(gone),)
    assert 3 not in np.concatenate([found.train, found.validation, found.test])
    assert found.images.damaged() == (str(cut),)
    with pytest.raises(FormatError, match="is missing"):
        found.images[3]
    with pytest.raises(FormatError, match="cannot be read"):
        found.images[[10, 11]]
    with pytest.raises(FormatError, match="lacks 1 files and 1 are damaged"):
        datasets.load(name, tmp_path, strict=True)


def test_lists_that_are_not_as_published(tmp_path: Path) -> None:
    cub, cars, sop = (make(tmp_path) for make in MAKERS.values())
    (cub / "images.txt").write_text("1\n")
    with pytest.raises(FormatError, match="row 1, must have 2 columns, got 1"):
        datasets.load("cub200", cub)
    (cub / "images.txt").write_text("77 a.jpg\n")
    with pytest.raises(FormatError, match="lack the id '77'"):
        datasets.load("cub200", cub)
    (cars / "cars_annos.mat").write_bytes(b"MATLAB 5.0" + bytes(200))
    with pytest.raises(FormatError, match="is not the list of Cars 196"):
        datasets.load("cars196", cars)
    (sop / "Ebay_test.txt").write_text((sop / "Ebay_train.txt").read_text())
    with pytest.raises(FormatError, match="share classes"):
        datasets.load("sop", sop)
    (sop / "Ebay_test.txt").unlink()
    with pytest.raises(FormatError, match="cannot be read"):
        datasets.load("sop", sop)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mnist",), "`name` must be one of glyphs, digits"),
        (("sop",), "`root` must be the folder of sop"),
        (("sop", "nowhere"), "`root` must hold Ebay_train.txt or"),
        (("digits", "here"), "`root` must be left out"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        datasets.load(*arguments)
