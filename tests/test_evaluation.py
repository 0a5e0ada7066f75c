"""Running policies in environments: seeds, endings, statistics, fingerprints, misfits."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest

from eigenwell import dc
from eigenwell.errors import ArgumentError, BackendUnavailableError, DTypeError, ShapeError
from eigenwell.evaluation import (
    Episode,
    Evaluation,
    environment_fingerprint,
    evaluate,
    physics_matches,
    reward_threshold,
)

# SWIG's types in Box2D warn while they are made, and an error at that point ends the interpreter.
pytestmark = pytest.mark.filterwarnings(
    "ignore:builtin type .* has no __module__:DeprecationWarning"
)

WALKER = "BipedalWalker-v3"


class Counter(gym.Env[Any, Any]):
    """Rewards the first action component for ever; terminates at `end` steps if that is given."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}
    built: ClassVar[list[Counter]] = []

    def __init__(self, end: int | None = None, render_mode: str | None = None) -> None:
        self.observation_space = gym.spaces.Box(-9.0, 9.0, (2,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.render_mode, self.end, self.steps, self.closed = render_mode, end, 0, False
        self.seeds: list[int | None] = []
        self.built.append(self)

    def _observation(self) -> Any:
        return np.array([self.steps / 100, 0.0], dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.steps = 0
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        return self._observation(), float(action[0]), self.steps == self.end, False, {}

    def render(self) -> Any:
        return np.full((4, 6, 3), self.steps, dtype=np.uint8)

    def close(self) -> None:
        self.closed = True


class Switch(Counter):
    """A counter with two buttons instead of a lever."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.action_space = gym.spaces.Discrete(2)

    def step(self, action: Any) -> Any:
        return super().step([float(action)])


class Keys(Counter):
    """Actions of a kind that has no fixed sequence."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.action_space = gym.spaces.MultiBinary(3)


class Blind(Counter):
    """A counter that cannot be drawn."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}


class Incomplete(Counter):
    """A counter without the package behind it, in Gymnasium's words."""

    def __init__(self, extra: str, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        raise gym.error.DependencyNotInstalled(f'run `pip install "gymnasium[{extra}]"`')


@pytest.fixture(autouse=True)
def _toys() -> Iterator[None]:
    added: dict[str, tuple[type[Counter], dict[str, Any]]] = {
        "EwBlind-v0": (Blind, {}),
        "EwNoBox2d-v0": (Incomplete, {"extra": "box2d"}),
        "EwNoMujoco-v0": (Incomplete, {"extra": "mujoco"}),
        "EwTruncates-v0": (Counter, {}),
        "EwTerminates-v0": (Counter, {"end": 3}),
        "EwSwitch-v0": (Switch, {}),
        "EwKeys-v0": (Keys, {}),
    }
    for name, (cls, kwargs) in added.items():
        gym.register(name, cls, max_episode_steps=5, reward_threshold=4.5, kwargs=kwargs)
    Counter.built.clear()
    yield
    for name in added:
        del gym.registry[name]


def half(observation: Any) -> Any:
    return np.array([0.5], dtype=np.float32)


def scores(
    *returns: float, requested: int | None = None, threshold: float | None = 300.0
) -> Evaluation:
    episodes = tuple(Episode(i, r, 10 + i, True, False) for i, r in enumerate(returns))
    return Evaluation(WALKER, episodes, requested or len(episodes), threshold)


# --- The loop ---------------------------------------------------------------------------------


def test_the_walker_walks() -> None:
    result = evaluate(dc.walker(), WALKER, episodes=2, seed=7)
    assert [episode.seed for episode in result.episodes] == [7, 8]
    assert all(300 < value < 330 for value in result.returns)
    assert all(episode.terminated and not episode.truncated for episode in result.episodes)


def test_scores_do_not_depend_on_the_episodes_before() -> None:
    together = evaluate(dc.walker(), WALKER, episodes=2, seed=7)
    alone = evaluate(dc.walker(), WALKER, episodes=1, seed=8)
    assert together.episodes[1] == alone.episodes[0]


@pytest.mark.parametrize(
    ("env_id", "episode"),
    [
        ("EwTruncates-v0", Episode(3, 2.5, 5, False, True)),
        ("EwTerminates-v0", Episode(3, 1.5, 3, True, False)),
    ],
)
def test_both_endings_end_an_episode(env_id: str, episode: Episode) -> None:
    result = evaluate(half, env_id, episodes=1, seed=3)
    assert result == Evaluation(env_id, (episode,), 1, 4.5)


@pytest.mark.parametrize(("fresh", "count"), [(True, 3), (False, 1)])
def test_environments_are_fresh_on_request_and_all_closed(fresh: bool, count: int) -> None:
    evaluate(half, "EwTruncates-v0", episodes=3, seed=3, fresh_environment=fresh)
    assert len(Counter.built) == count
    assert [seed for environment in Counter.built for seed in environment.seeds] == [3, 4, 5]
    assert all(environment.closed for environment in Counter.built)


def test_an_interrupted_run_leaves_through_and_closes_its_environment() -> None:
    done: list[Episode] = []

    def stop_at_two(episode: Episode) -> None:
        done.append(episode)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(half, "EwTruncates-v0", episodes=9, on_episode=stop_at_two)
    assert [episode.seed for episode in done] == [0, 1]
    assert all(environment.closed for environment in Counter.built)


def test_pictures_are_those_of_the_first_episode() -> None:
    frames: list[tuple[int, float]] = []
    evaluate(
        half,
        "EwTruncates-v0",
        episodes=2,
        on_frame=lambda frame, seconds: frames.append((int(frame[0, 0, 0]), seconds)),
        frame_every=2,
    )
    assert frames == [(0, 0.1), (2, 0.1), (4, 0.1)]
    assert [environment.render_mode for environment in Counter.built] == ["rgb_array", None]


# --- What does not fit ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"episodes": 0}, ArgumentError, "`episodes` must be"),
        ({"episodes": -1}, ArgumentError, "`episodes` must be"),
        ({"episodes": 1.5}, DTypeError, "`episodes` must be an integer"),
        ({"seed": -1}, ArgumentError, "`seed` must be"),
        ({"frame_every": 0}, ArgumentError, "`frame_every` must be"),
        ({"render_mode": "rgb_array", "on_frame": print}, ArgumentError, "excludes `render_mode`"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        evaluate(half, "EwTerminates-v0", **{"episodes": 1, **arguments})


@pytest.mark.filterwarnings("ignore:.*is not in the possible render_modes:UserWarning")
@pytest.mark.parametrize("how", [{"render_mode": "human"}, {"on_frame": print}])
def test_an_environment_that_cannot_be_drawn(how: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="`EwBlind-v0` has no render mode"):
        evaluate(half, "EwBlind-v0", episodes=1, **how)
    assert [environment.closed for environment in Counter.built] == [True]


@pytest.mark.filterwarnings("ignore:.*latest versioned environment:UserWarning")
def test_ids_that_only_gymnasium_can_complete() -> None:
    assert evaluate(half, "EwTruncates", episodes=1).reward_threshold == 4.5
    assert reward_threshold("EwTruncates") == 4.5


@pytest.mark.parametrize(
    ("env_id", "message"),
    [
        ("EwNone-v0", "`EwNone-v0` cannot be created: .*EwNone"),
        ("ew_no_module:X-v0", "`ew_no_module:X-v0` cannot be created: No module"),
        ("", "cannot be created"),
    ],
)
def test_unknown_environments(env_id: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        evaluate(half, env_id, episodes=1)
    with pytest.raises(ArgumentError, match=message):
        reward_threshold(env_id)


def test_spaces_that_do_not_fit_the_policy() -> None:
    with pytest.raises(
        ShapeError, match=r"observations must be .*\(24,\), got a Box of shape \(2,"
    ):
        evaluate(dc.walker(), "EwTruncates-v0", episodes=1)
    tiny = dc.PackedPolicy.from_arrays(np.zeros((2, 2), int), [0.5], [0.0, 0.0], eigenvalues=2)
    with pytest.raises(ShapeError, match=r"actions must be .*\(1,\), got Discrete\(2\)"):
        evaluate(tiny, "EwSwitch-v0", episodes=1)
    assert evaluate(tiny, "EwTruncates-v0", episodes=1).mean == pytest.approx(0.1)


def test_gymnasium_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[walk\]"'):
        evaluate(half, WALKER, episodes=1)


def test_packages_behind_environments() -> None:
    with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[walk\]"$'):
        evaluate(half, "EwNoBox2d-v0", episodes=1)
    with pytest.raises(BackendUnavailableError, match=r'gymnasium\[mujoco\]"`\)$'):
        evaluate(half, "EwNoMujoco-v0", episodes=1)


# --- Statistics -------------------------------------------------------------------------------


def test_statistics() -> None:
    result = scores(300.0, 310.0, 320.0)
    assert (result.mean, result.minimum, result.maximum) == (310.0, 300.0, 320.0)
    assert result.std == pytest.approx(math.sqrt(200 / 3))
    assert result.mean_length == 11.0
    assert not result.interrupted
    assert scores(300.0, requested=2).interrupted


def test_statistics_of_nothing() -> None:
    nothing = scores(requested=4)
    assert (nothing.mean, nothing.std, nothing.minimum, nothing.maximum) == (None,) * 4
    assert nothing.mean_length is None
    assert nothing.mean_interval() is None
    assert nothing.interrupted
    assert scores(300.0).mean_interval() is None


@pytest.mark.parametrize(
    ("result", "solved"),
    [
        (scores(*[300.0] * 100), True),
        (scores(*[299.9] * 100), False),
        (scores(*[400.0] * 99), None),
        (scores(*[400.0] * 100, threshold=None), None),
    ],
    ids=["reached", "missed", "too few episodes", "no threshold"],
)
def test_solved(result: Evaluation, solved: bool | None) -> None:
    assert result.solved is solved


def test_the_interval_is_that_of_the_mean() -> None:
    returns = np.random.default_rng(5).normal(311.0, 10.0, 400)
    low, high = scores(*returns).mean_interval() or (0.0, 0.0)
    # The normal approximation is good for 400 normal returns: half-width 1.96 * s / 20.
    half_width = 1.96 * returns.std() / 20
    assert low == pytest.approx(returns.mean() - half_width, abs=0.05)
    assert high == pytest.approx(returns.mean() + half_width, abs=0.05)
    narrow = scores(*returns).mean_interval(confidence=0.5) or (0.0, 0.0)
    assert low < narrow[0] < narrow[1] < high
    assert scores(*returns).mean_interval() == (low, high)


@pytest.mark.parametrize("arguments", [{"confidence": 1.0}, {"confidence": 0.0}, {"resamples": 0}])
def test_bad_intervals(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        scores(1.0, 2.0).mean_interval(**arguments)


# --- Fingerprints -----------------------------------------------------------------------------


def test_the_fingerprint_follows_its_recipe() -> None:
    # Counter truncates at 5: observations of the reset, of five steps, of a reset, of one step.
    counts = [0, 1, 2, 3, 4, 5, 0, 1]
    observations = np.array([[count / 100, 0.0] for count in counts], dtype="<f4")
    expected = hashlib.sha256(observations.tobytes()).hexdigest()
    assert environment_fingerprint("EwTruncates-v0", steps=6) == expected
    assert environment_fingerprint("EwSwitch-v0", steps=6) == expected


def test_the_fingerprint_sees_the_physics() -> None:
    walker = environment_fingerprint(WALKER, steps=30)
    assert len(walker) == 64
    assert environment_fingerprint(WALKER, steps=30) == walker
    assert environment_fingerprint("BipedalWalkerHardcore-v3", steps=30) != walker
    assert environment_fingerprint(WALKER, steps=30, seed=1) != walker


def test_actions_without_a_recipe() -> None:
    with pytest.raises(ArgumentError, match=r"unsupported action space MultiBinary\(3\)"):
        environment_fingerprint("EwKeys-v0")


def test_physics_matches() -> None:
    name = "EwTruncates-v0"
    metadata = {"environment": name, "environment_fingerprint": environment_fingerprint(name)}
    assert physics_matches(metadata, name) is True
    assert physics_matches({**metadata, "environment_fingerprint": "0" * 64}, name) is False
    assert physics_matches({**metadata, "environment_fingerprint": 5}, name) is None
    assert physics_matches({"environment": name}, name) is None
    assert physics_matches(metadata, "EwSwitch-v0") is None
