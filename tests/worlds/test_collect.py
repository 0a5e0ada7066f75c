"""Stores of worlds: small, resumable to the bit, and honest about damage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import worlds
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, FormatError
from eigenwell.worlds import _collect, pong

pytest.importorskip("zarr")

SMALL = {"episodes": 3, "length": 40}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return worlds.collect(tmp_path / "m.zarr", variant="m", **SMALL)


def same(first: worlds.World, second: worlds.World) -> bool:
    pairs = zip(vars(first.block).values(), vars(second.block).values(), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def test_what_is_stored_is_the_game_that_the_actions_play(store: Path) -> None:
    block = worlds.load(store).block
    assert block.lengths.tolist() == [40, 40, 40]
    courts, _ = np.random.SeedSequence([0, worlds.load(store).origin.stream, 0]).spawn(2)
    game = pong.Pong(3, seed=courts)
    for t in range(40):
        assert np.array_equal(block.frames[:, t], game.frames)
        assert np.array_equal(block.labels[:, t], game.labels.astype(np.float16), equal_nan=True)
        rewards, _ = game.step(block.actions[:, t])
        assert np.array_equal(block.rewards[:, t], rewards)


def test_frames_are_shown_as_the_world_shows_them(store: Path) -> None:
    world = worlds.load(store)
    index = np.array([[0], [2]]), np.array([[0, 7], [1, 39]])
    shown = world.frames(*index)
    assert shown.shape == (2, 2, 64, 64)
    assert shown.dtype == np.float32
    plain = pong.unpack(world.block.frames[index])
    assert np.array_equal(shown, plain[..., ::-1])
    assert np.array_equal(world.shown(*index, worlds.variants.parse("o")), plain)


def test_a_frame_takes_few_bytes(tmp_path: Path) -> None:
    path = worlds.collect(tmp_path / "o.zarr", episodes=2, length=1000)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert size / 2000 < 100  # of the 526 before compression


def test_worlds_hold_different_games_unless_paired(tmp_path: Path) -> None:
    def block(variant: str, *, paired: bool) -> Any:
        path = tmp_path / f"{variant}{paired}.zarr"
        return worlds.load(worlds.collect(path, variant=variant, paired=paired, **SMALL))

    assert not np.array_equal(
        block("o", paired=False).block.frames, block("t", paired=False).block.frames
    )
    assert same(block("o", paired=True), block("t", paired=True))


def test_a_killed_run_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_collect._PER_BLOCK, "pong", 2)
    options = {"variant": "h", "episodes": 5, "length": 30, "seed": 4}
    whole = worlds.load(worlds.collect(tmp_path / "whole", **options))

    class KilledError(Exception):
        pass

    def kill(done: int, of: int) -> None:
        assert of == 5
        if done == 4:
            raise KilledError

    with pytest.raises(KilledError):
        worlds.collect(tmp_path / "killed", progress=kill, **options)
    assert len(worlds.load(tmp_path / "killed").block.lengths) == 4
    resumed = worlds.load(worlds.collect(tmp_path / "killed", resume=True, **options))
    assert same(whole, resumed)
    # What is complete is left alone.
    told: list[int] = []
    worlds.collect(
        tmp_path / "killed", resume=True, progress=lambda done, _: told.append(done), **options
    )
    assert told == []


def test_resuming_with_other_settings_is_refused(store: Path) -> None:
    for changes, words in (
        ({"variant": "t"}, "variant 'm', got 't'"),
        ({"seed": 9}, "seed 0, got 9"),
        ({"policy": "random"}, "policy 'rally', got 'random'"),
        ({"length": 41}, "length 40, got 41"),
        ({"paired": True}, "stream"),
    ):
        with pytest.raises(ArgumentError, match=f"must be resumed with {words}"):
            worlds.collect(store, resume=True, **{"variant": "m", **SMALL, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"variant": "q"}, ArgumentError, "`variant` must be one of"),
        ({"game": "chess"}, ArgumentError, "`game` must be one of pong, atari, got 'chess'"),
        ({"policy": "bold"}, ArgumentError, "`policy` must be one of random, sticky, rally"),
        ({"episodes": 0}, ArgumentError, "`episodes` must be between 1"),
        ({"length": 1}, ArgumentError, "`length` must be between 2"),
        ({"seed": 1.5}, DTypeError, "`seed` must be an integer"),
    ],
)
def test_mistakes(
    tmp_path: Path, changes: dict[str, Any], error: type[EigenwellError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        worlds.collect(tmp_path / "x", **{**SMALL, **changes})
    assert not (tmp_path / "x").exists()


def test_a_store_is_never_overwritten(store: Path) -> None:
    with pytest.raises(ArgumentError, match="exists: remove it, name another one or resume"):
        worlds.collect(store, variant="m", **SMALL)
    with pytest.raises(ArgumentError, match="cannot be written"):
        worlds.collect(store / "zarr.json" / "x", variant="m", **SMALL)


def changed(store: Path, **values: Any) -> None:
    file = store / "zarr.json"
    document = json.loads(file.read_text())
    document["attributes"] |= values
    file.write_text(json.dumps(document))


def chunk(store: Path, name: str) -> Path:
    return min(path for path in (store / name / "c").rglob("*") if path.is_file())


def test_damage_is_one_sentence(store: Path, tmp_path: Path) -> None:
    def damaged(name: str) -> Path:
        return Path(shutil.copytree(store, tmp_path / name))

    with pytest.raises(ArgumentError, match="does not exist"):
        worlds.load(tmp_path / "absent")
    for name in ("frames", "actions", "labels", "lengths"):
        path = damaged(f"cut-{name}")
        file = chunk(path, name)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(FormatError, match="is no readable world") as raised:
            worlds.load(path)
        assert "\n" not in str(raised.value)
    path = damaged("flipped")
    file = chunk(path, "frames")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(FormatError, match="is no readable world"):
        worlds.load(path)
    path = damaged("gone")
    chunk(path, "rewards").unlink()
    with pytest.raises(FormatError, match="files of `rewards` are missing"):
        worlds.load(path)
    path = damaged("version")
    changed(path, format_version=2)
    with pytest.raises(FormatError, match="must have format version 1, got 2"):
        worlds.load(path)
    path = damaged("other")
    changed(path, format="something")
    with pytest.raises(FormatError, match="is Zarr, but no world"):
        worlds.load(path)
    path = damaged("large")
    changed(path, episodes=10**9)
    with pytest.raises(FormatError, match="must hold fewer than"):
        worlds.load(path)
    path = damaged("shape")
    changed(path, length=50)
    with pytest.raises(FormatError, match="must hold `frames` of shape"):
        worlds.load(path)
    path = damaged("folder")
    (path / "zarr.json").unlink()
    with pytest.raises(FormatError, match="is no readable world"):
        worlds.load(path)


def test_black_frames_and_unfinished_stores_are_refused(store: Path) -> None:
    import zarr

    group = zarr.open_group(store, mode="r+")
    group["frames"][1] = 0
    with zarr.config.set({"array.write_empty_chunks": True}):
        group["frames"][1] = 0
    with pytest.raises(FormatError, match="only black frames in episode 1: collect it again"):
        worlds.load(store)
    group["lengths"][:] = 0
    with pytest.raises(FormatError, match="must hold a complete episode, got none"):
        worlds.load(store)
