"""Translators find the map between two spaces of latents that no pair was shown of."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("zarr")
pytest.importorskip("safetensors")

from eigenwell.worlds import StagedConfig  # noqa: E402
from eigenwell.worlds.torch._align import AlignStage  # noqa: E402
from eigenwell.worlds.torch._eyes import TimelineStage, Track  # noqa: E402

if TYPE_CHECKING:
    from eigenwell import worlds

CONFIG = StagedConfig(
    latent=2,
    hidden=32,
    reach=2,
    timeline_steps=300,
    timeline_batch=128,
    timeline_rate=1e-2,
    starts=2,
    start_steps=150,
    start_rate=1e-2,
    align_steps=150,
    align_batch=128,
)
LENGTH = 4000


def game(seed: int, turn: Any) -> Track:
    """A point that every action pushes its own way and that is drawn back, seen through a map."""
    rng = np.random.default_rng(seed)
    actions = rng.choice(6, size=LENGTH, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    pushes = np.random.default_rng(7).normal(size=(6, 2))
    places = np.zeros((LENGTH, 2))
    for time in range(1, LENGTH):
        places[time] = 0.6 * places[time - 1] + pushes[actions[time - 1]]
    starts = torch.arange(CONFIG.reach, LENGTH - CONFIG.reach - CONFIG.window)
    latents = torch.from_numpy((places @ turn).astype(np.float32))
    return Track(latents, torch.from_numpy(actions), starts, starts)


MIRRORED = np.array([[0.0, -2.0], [0.5, 0.3]])


@pytest.fixture(scope="module")
def tracks() -> tuple[Track, Track]:
    return game(0, np.eye(2)), game(1, MIRRORED)


@pytest.fixture(scope="module")
def guessers(pair: list[worlds.World], tracks: tuple[Track, Track]) -> tuple[Any, Any]:
    found = []
    for world, track in zip(pair, tracks, strict=True):
        stage = TimelineStage(world, track, CONFIG)
        while stage.done < stage.steps:
            stage.start()
        found.append(stage.guesser)
    return found[0], found[1]


def begun(
    pair: list[worlds.World], tracks: Any, guessers: Any, steps: int, **changes: Any
) -> AlignStage:
    config = dataclasses.replace(CONFIG, **changes)
    stage = AlignStage((pair[0], pair[1]), tracks, guessers, config)
    while stage.done < steps:
        stage.start()
    return stage


def error(found: Any, wanted: Any) -> float:
    return float((((found - wanted) / wanted.std(dim=0)) ** 2).mean().sqrt())


def test_a_mirrored_space_is_found_without_pairs(
    pair: list[worlds.World], tracks: tuple[Track, Track], guessers: Any
) -> None:
    stage = begun(pair, tracks, guessers, 450)
    same_game = game(2, np.eye(2)).latents, game(2, MIRRORED).latents
    with torch.no_grad():
        there, back = error(stage.kept(same_game[1]), same_game[0]), stage.back(same_game[0])
    assert there < 0.25  # of a deviation; the control below is at twice that and more
    assert error(back, same_game[1]) < 0.25


def test_the_control_does_not_find_it(
    pair: list[worlds.World], tracks: tuple[Track, Track], guessers: Any
) -> None:
    stage = begun(pair, tracks, guessers, 450, matching_only=True)
    same_game = game(2, np.eye(2)).latents, game(2, MIRRORED).latents
    with torch.no_grad():
        assert error(stage.kept(same_game[1]), same_game[0]) > 0.5


def test_the_beginning_that_the_guessers_agree_on_goes_on(
    pair: list[worlds.World], tracks: tuple[Track, Track], guessers: Any
) -> None:
    stage = begun(pair, tracks, guessers, 300)
    with torch.no_grad():
        for weight in stage._starts[0].parameters():
            weight.zero_()
    before = [tensor.clone() for tensor in stage.adversary.parameters()]
    learnt = [tensor.clone() for tensor in stage._starts[1].there.parameters()]
    stage.start()
    assert stage._chosen.value == 1
    assert all(not weight.any() for weight in stage._starts[0].parameters())
    assert any(
        not torch.equal(a, b) for a, b in zip(before, stage.adversary.parameters(), strict=True)
    )
    # What is kept follows slowly what learns.
    now = list(stage._starts[1].there.parameters())
    for old, new, kept in zip(learnt, now, stage.kept.parameters(), strict=True):
        torch.testing.assert_close(kept, old + 0.005 * (new - old), rtol=0, atol=1e-6)
    assert any(not torch.equal(old, new) for old, new in zip(learnt, now, strict=True))


def test_the_cycle_is_counted_from_both_worlds(
    pair: list[worlds.World], tracks: tuple[Track, Track], guessers: Any
) -> None:
    stage = begun(pair, tracks, guessers, 0)
    both = stage._starts[0]
    real, own = (track.latents[:50] for track in tracks)
    with torch.no_grad():
        again, returned = both.there(both.back(real)), both.back(both.there(own))
        found = stage._cycle(both, own[:, None], both.there(own)[:, None], real[:, None])
    spreads = [track.latents.std(dim=0) for track in tracks]
    each = [
        float(((end - start) / spread).square().mean())
        for end, start, spread in zip((again, returned), (real, own), spreads, strict=True)
    ]
    assert min(each) > 0.01
    assert float(found) == pytest.approx(sum(each), rel=1e-5)
