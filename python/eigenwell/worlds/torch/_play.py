"""Bar 6: a policy that learned by one world's latents plays another through that one's encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.worlds import _policies, pong
from eigenwell.worlds.torch._policy import Eyes, Policy, check_game

if TYPE_CHECKING:
    from eigenwell.worlds.torch._model import Trained

#: The share of world 0's return, above a random player's, that another world's must reach.
BAR: Final = 0.9

Interval: TypeAlias = tuple[float, float]
_Floats: TypeAlias = npt.NDArray[np.float64]
_Act: TypeAlias = Callable[[pong.Pong], npt.NDArray[np.integer]]

_RESAMPLES = 2000
_CONFIDENCE = 95
_MOST = 2**31 - 1
# What an action does to the paddle: firing is of no consequence in play.
_MOVES = np.array([0, 0, 1, 2, 1, 2])


@dataclass(frozen=True)
class Played:
    """What a player came to.

    Attributes:
        player: ``"policy"``, or ``"random"`` and ``"rally"``, which need no eyes.
        world: Through whose encoder the policy saw the games; empty for the other two.
        result: Points won less points lost per 1,000 frames of a court.
        interval: Its 95 % interval, by bootstrap over the courts.
        won: Points won per 1,000 frames.
        lost: Points lost per 1,000 frames.
        ratio: ``(result - random's) / (world 0's - random's)``; NaN where world 0's is not above
            random's.
        ratio_interval: Its 95 % interval, from the same resampled courts for all players.
        agreement: Of the frames of world 0's games, the share where the policy moves the paddle
            the same way if it sees them in this world; NaN without eyes.
        frames: Frames of all courts together.
    """

    player: str
    world: str
    result: float
    interval: Interval
    won: float
    lost: float
    ratio: float
    ratio_interval: Interval
    agreement: float
    frames: int

    @property
    def passed(self) -> bool:
        """Whether the ratio reaches bar 6."""
        return self.ratio >= BAR


@dataclass(frozen=True)
class _Games:
    """Points of each court per 1,000 frames, ``(courts,)``, and the agreement of each watcher."""

    won: _Floats
    lost: _Floats
    agreement: _Floats


def play(
    trained: Trained,
    policy: Policy,
    *,
    variants: Sequence[str] | None = None,
    courts: int = 64,
    frames: int = 2000,
    seed: int = 0,
) -> tuple[Played, ...]:
    """Let a policy play our Pong in world 0 and, unchanged, in others through their encoders.

    Every player meets the same courts: the same first ball, and the same serves until actions
    differ. The policy takes its most likely action.

    Args:
        trained: The model.
        policy: Of :func:`train_policy`, for this model.
        variants: Worlds to play in beside world 0; None for all of the model.
        courts: Games side by side.
        frames: Of each.
        seed: Of the games.

    Returns:
        A random player, the rally keeper, which looks at the labels, and the policy in world 0,
        then in the others.

    Raises:
        ArgumentError: The model is of another game, lacks one of the worlds, or the policy learned
            with another model; or a number is out of range.

    Note:
        Deterministic. A world whose latents equal world 0's plays the same games to the bit.
    """
    check_game(trained)
    policy.check_same(trained)
    names = list(trained.variants[1:] if variants is None else variants)
    for name in names:
        if name not in trained.variants:
            raise ArgumentError(
                f"`variants` must be worlds of the model, {', '.join(trained.variants)}, got "
                f"{name!r}"
            )
    courts = _checks.integer(courts, "courts", low=2, high=2**20)
    frames = _checks.integer(frames, "frames", low=1, high=_MOST)
    seed = _checks.integer(seed, "seed", low=0, high=_MOST)
    others = [name for name in dict.fromkeys(names) if name != trained.variants[0]]

    def eyes(name: str) -> Eyes:
        return Eyes(trained.model, trained.variants.index(name), name)

    def run(act: _Act, watchers: Sequence[Eyes] = ()) -> _Games:
        return _run(pong.Pong(courts, seed=seed), act, frames, policy, watchers)

    def scripted(name: str) -> _Games:
        player = _policies.make(name, courts, np.random.default_rng([seed, 1]))
        return run(lambda game: player(game.labels))

    def seeing(name: str, watchers: Sequence[Eyes] = ()) -> _Games:
        own = eyes(name)
        return run(lambda game: policy.logits(own.look(game.frames)).argmax(axis=1), watchers)

    first = seeing(trained.variants[0], [eyes(name) for name in others])
    games = {("random", ""): scripted("random"), ("rally", ""): scripted("rally")}
    games[("policy", trained.variants[0])] = first
    games |= {("policy", name): seeing(name) for name in others}
    agreement = [np.nan, np.nan, 1.0, *first.agreement]
    return _judged(games, agreement, frames, seed)


def _run(
    game: pong.Pong, act: _Act, frames: int, policy: Policy, watchers: Sequence[Eyes]
) -> _Games:
    won, lost = np.zeros((2, game.environments))
    agreed = np.zeros(len(watchers))
    for _ in range(frames):
        actions = act(game)
        for number, watcher in enumerate(watchers):
            other = policy.logits(watcher.look(game.frames)).argmax(axis=1)
            agreed[number] += (_MOVES[other] == _MOVES[actions]).mean()
        rewards, _ = game.step(actions)
        won += rewards > 0
        lost += rewards < 0
    return _Games(won * (1000 / frames), lost * (1000 / frames), agreed / frames)


def _judged(
    games: dict[tuple[str, str], _Games], agreement: Sequence[float], frames: int, seed: int
) -> tuple[Played, ...]:
    """Compare the players, rows random, rally, world 0 and the others, with intervals."""
    results = np.stack([each.won - each.lost for each in games.values()])
    courts = results.shape[1]
    drawn = np.random.default_rng([seed, 2]).integers(courts, size=(_RESAMPLES, courts))
    means = np.concatenate([results.mean(axis=1)[:, None], results[:, drawn].mean(axis=2)], axis=1)
    gained = means - means[0]
    # Where world 0's player is no better than random, nothing can be said.
    ratios = gained / np.where(gained[2] > 0, gained[2], np.nan)
    return tuple(
        Played(
            player,
            world,
            float(means[row, 0]),
            _interval(means[row, 1:]),
            float(each.won.mean()),
            float(each.lost.mean()),
            float(ratios[row, 0]),
            _interval(ratios[row, 1:]),
            float(agreement[row]),
            courts * frames,
        )
        for row, ((player, world), each) in enumerate(games.items())
    )


def _interval(resampled: _Floats) -> Interval:
    """Return the percentile bootstrap interval (Efron 1979)."""
    outside = (100 - _CONFIDENCE) / 2
    low, high = np.percentile(resampled, [outside, 100 - outside]).tolist()
    return low, high
