"""The page of two worlds, in a headless Chromium: its game, eyes and memory are Python's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.worlds_page import (
    CLOSE,
    NAMES,
    ask,
    begun,
    chromium,
    decoded,
    encoded,
    made,
    of_page,
    opened_in,
    played,
    predicted,
)

from eigenwell.worlds import mirror, pong, variants
from eigenwell.worlds._policies import make

context = pytest.fixture(scope="module")(chromium)
pages = pytest.fixture(scope="module")(opened_in)
page = pytest.fixture(begun)


def test_the_worlds_look_as_in_python(page: Any) -> None:
    frames, _ = played()
    for world, name in enumerate(NAMES):
        shown = variants.parse(name).frames(frames[-1])
        found = of_page(page, f"worlds[{world}].look(a)", frames[-1].ravel())
        assert (found == shown.ravel()).all()
        back = of_page(page, f"worlds[{world}].light(a)", 2 * shown.ravel() - 1)
        assert (back == frames[-1].ravel()).all()


@pytest.mark.parametrize(("memory", "adapted"), [("gru", False), ("lstm", True)])
def test_the_networks_are_those_of_torch(pages: Any, memory: str, adapted: bool) -> None:
    trained = made(memory, adapted=adapted)
    page = pages(trained)
    frames, _ = played()
    for world, name in enumerate(NAMES[:3]):
        shown = variants.parse(name).frames(frames[::13])
        latents = encoded(trained, world, shown)
        assert latents.std(dim=0).max() > 0.01  # frames are told apart
        other = (world + 1) % 3
        pictures = decoded(trained, other, latents)
        assert np.ptp(pictures, axis=1).min() > 0.2
        for frame, latent, picture in zip(shown, latents, pictures, strict=True):
            z = of_page(page, f"worlds[{world}].encode(Float32Array.from(a))", frame.ravel())
            assert z == pytest.approx(latent.numpy(), abs=CLOSE)
            seen = of_page(page, f"worlds[{other}].decode(Float32Array.from(a))", z)
            assert seen == pytest.approx(picture, abs=CLOSE)
    actions = [0, 2, 5, 1]
    for count in (1, 4):
        z, chosen = latents[:count], actions[:count]
        said = of_page(page, f"worlds[2].predict(a.map((z, k) => [z, {actions}[k]]))", z.numpy())
        assert said == pytest.approx(predicted(trained, z, chosen).numpy(), abs=CLOSE)


def test_the_game_is_that_of_python(page: Any) -> None:
    rng = np.random.default_rng(4)
    game = pong.Pong(1, seed=9)
    act = make("rally", 1, rng)
    begin = [game._player[0], game._opponent[0], game._pause[0]]
    actions, states, serves = [], [], []
    frames = []
    for time in range(3000):
        # Half of it is played badly, so that both sides score.
        action = act(game.labels) if time % 1000 < 500 else rng.integers(6, size=1)
        waited = not game.in_play[0]
        reward, _ = game.step(action)
        if waited and game.in_play[0]:
            serves.append([game._row[0], game._down[0], game._right[0]])
        state = (game._player, game._opponent, game._row, game._column, game._pause, reward)
        states.append([float(value[0]) for value in state])
        actions.append(int(action[0]))
        if time % 100 == 50:
            frames.append(pong.unpack(game.frames)[0])
    found, drawn = ask(
        page,
        """([begin, actions, serves]) => {
          const court = new Pong(), states = [], frames = [];
          [court.player, court.opponent, court.pause] = begin;
          court.serve = () => serves.shift();
          actions.forEach((action, time) => {
            const reward = court.step(action);
            const {player, opponent, row, column, pause} = court;
            states.push([player, opponent, row, column, pause, reward]);
            if (time % 100 === 50) frames.push(Array.from(court.draw()));
          });
          return [states, frames];
        }""",
        [[float(value) for value in begin], actions, np.array(serves, float).tolist()],
    )
    assert (np.array(found) == np.array(states)).all()
    assert (np.array(drawn) == np.stack(frames).reshape(len(frames), -1)).all()
    rewards = np.array(states)[:, -1]
    assert min((rewards > 0).sum(), (rewards < 0).sum()) >= 2
    assert len(serves) >= 10


def test_new_balls_are_served_as_in_python(page: Any) -> None:
    balls = np.array(page.evaluate("Array.from({length: 4000}, () => new Pong().serve())"))
    row, down, right = balls.T
    assert (row.min(), row.max()) == pytest.approx((16, 48), abs=0.5)
    assert (down.min(), down.max()) == pytest.approx((-1.1, 1.1), abs=0.05)
    assert set(right) == {-2.5, 2.5}


def test_who_plays_when_nobody_does_returns_the_ball(page: Any) -> None:
    lost = page.evaluate(
        """() => [rallyPlayer(), () => 0].map((player) => {
          const court = new Pong();
          let lost = 0;
          for (let time = 0; time < 20000; time++) lost += court.step(player(court)) < 0;
          return lost;
        })"""
    )
    # A paddle that rests meets one ball in five; a hundred points are enough to tell.
    assert 3 * lost[0] < lost[1]


def test_the_ball_is_found_as_in_the_mirror_test(page: Any) -> None:
    rng = np.random.default_rng(0)
    frames, labels = (array[::9] for array in played(200))
    moved = np.roll(frames, 3, axis=1)
    moved[::3] = frames[::3]
    moved[::5] = 0
    noisy = np.clip(moved + rng.normal(0, 0.15, frames.shape), 0.01, 0.99)
    kinds = set()
    for world, name in enumerate(NAMES):
        shown = variants.parse(name).frames(noisy)
        expected = mirror.object_errors(shown, labels, name).ball
        found = [
            ask(
                page,
                f"([logits, ball]) => String(ballError(worlds[{world}], logits, ball))",
                [
                    (picture.ravel() - 0.5).round(4).tolist(),
                    None if np.isnan(ball).any() else [float(place) for place in ball],
                ],
            )
            for picture, ball in zip(shown, labels[:, 2], strict=True)
        ]
        errors = [float(error.replace("Infinity", "inf")) for error in found]
        assert errors == pytest.approx(expected, abs=1e-5, nan_ok=True)
        kinds |= {"none" if np.isnan(e) else "unseen" if np.isinf(e) else e > 1.5 for e in errors}
    assert kinds == {"none", "unseen", True, False}
