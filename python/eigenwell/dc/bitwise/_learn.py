"""Learning a bitwise policy: a linear teacher by evolution, then imitation by annealed logic.

Why imitation: the gradient of a policy that draws its actions rewards indecision. Two sign bits
that disagree cancel, the action becomes a coin, and a coin there balances well; hardened, the same
policy falls. A teacher never draws, and tells every state apart.

1. The cross-entropy method (Szita and Lőrincz 2006) finds a linear policy.
2. Many majorities of parities are fitted to its signs, weighted by its margins, in one annealing.
3. The best act natively and lose the bits that they do as well without.
4. If none is perfect, the states that they visited are labelled by the teacher and added, and 2. is
   done again (DAgger: Ross, Gordon and Bagnell 2011).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.dc.bitwise._policy import BitwisePolicy, Feature
from eigenwell.errors import ArgumentError

_Observations: TypeAlias = npt.NDArray[np.float32]
_Actor: TypeAlias = Callable[[_Observations], npt.NDArray[Any]]

_MAX_COUNT = 2**31 - 1
_GENERATIONS, _POPULATION, _ELITE, _EPISODES = 6, 48, 8, 8
# Starts of the teacher and of training are drawn from a wider box than those of the environment.
_SPREAD = 0.15
_TRIALS, _JUDGED, _FINAL = 16, 64, 1024
_BEST = 4
_ROWS = 4096
_STATES = 16384
_CLOSING = 0.005


class Round(NamedTuple):
    """What a round of imitation came to.

    Attributes:
        states: How many states were labelled.
        best_hard: Mean return of the best policy as it left the annealing.
        best_pruned: Mean return of the best one after pruning, in other episodes.
        policy: That one.
    """

    states: int
    best_hard: float
    best_pruned: float
    policy: BitwisePolicy


@dataclass(frozen=True)
class Learnt:
    """A learnt policy and how it came about.

    Attributes:
        policy: The best of all rounds.
        mean_return: Its mean return in 1024 episodes from the starts of the environment, the same
            in
            every round.
        perfect: Whether none of them ended before the limit of steps.
        teacher: Weights ``(n,)`` of the linear policy, of length 1.
        rounds: One entry per round.
    """

    policy: BitwisePolicy
    mean_return: float
    perfect: bool
    teacher: npt.NDArray[np.float64]
    rounds: tuple[Round, ...]


def learn(
    env_id: str = "CartPole-v1",
    *,
    seed: SupportsIndex = 0,
    features: SupportsIndex = 3,
    rounds: SupportsIndex = 8,
    restarts: SupportsIndex = 32,
    steps: SupportsIndex = 300,
    first_bit: SupportsIndex = 23,
    on_round: Callable[[Round], None] | None = None,
) -> Learnt:
    """Learn a bitwise policy for a task of balance with two actions, such as CartPole-v1.

    Args:
        env_id: Gymnasium id; a one-dimensional Box of observations, two actions, a limit of steps,
            and a reset that takes the options ``low`` and ``high``.
        seed: Of everything random.
        features: How many parities vote, an odd number.
        rounds: Of imitation, at most; it ends with the first policy that is perfect.
        restarts: Policies fitted side by side in each round.
        steps: Steps of an annealing.
        first_bit: The lowest bit that may be used: 23 for sign and exponent, 0 for all.
        on_round: Called after each round.

    Returns:
        The best policy that was found, perfect or not.

    Raises:
        ArgumentError: A number out of range, or an environment of another kind.
        BackendUnavailableError: torch or Gymnasium is missing.

    Note:
        Deterministic for one version of NumPy, torch and Gymnasium and one thread count of torch.
    """
    seed = _checks.integer(seed, "seed", low=0, high=_MAX_COUNT)
    features = _checks.integer(features, "features", low=1, high=99)
    if features % 2 == 0:
        raise ArgumentError(f"`features` must be odd, so that there are no ties, got {features}")
    rounds = _checks.integer(rounds, "rounds", low=1, high=1000)
    restarts = _checks.integer(restarts, "restarts", low=1, high=4096)
    steps = _checks.integer(steps, "steps", low=1, high=_MAX_COUNT)
    first_bit = _checks.integer(first_bit, "first_bit", low=0, high=31)
    _checks.require("torch", extra="learn")
    from eigenwell.dc.torch._bitwise import fit_parities

    world = _World(env_id)
    rng = np.random.default_rng(seed)
    final_seed = _draw(rng)
    teacher = _evolve(world, rng)
    states = world.run([_linear(teacher)], _JUDGED, _draw(rng), spread=_SPREAD).states
    done: list[Round] = []
    best: Learnt | None = None
    for _ in range(rounds):
        rows = rng.permutation(len(states))[:_ROWS]
        bits, names = _varying_bits(states[rows], first_bit)
        gates, inverted = fit_parities(
            bits,
            states[rows] @ teacher,
            restarts=restarts,
            features=features,
            steps=steps,
            closing=_CLOSING,
            seed=_draw(rng),
        )
        students = [
            _policy(names, *pair, world.inputs) for pair in zip(gates, inverted, strict=True)
        ]
        trial = world.run(students, _TRIALS, _draw(rng), spread=_SPREAD)
        order = np.argsort(-trial.returns.mean(axis=1), kind="stable")[:_BEST]
        judged = _draw(rng)
        pruned = [_prune(students[i], world, judged) for i in order]
        score, policy = max(pruned, key=lambda pair: pair[0])
        done.append(Round(len(states), float(trial.returns.mean(axis=1).max()), score, policy))
        if on_round is not None:
            on_round(done[-1])
        final = world.run([policy], _FINAL, final_seed)
        mean, perfect = float(final.returns.mean()), not final.fell.any()
        if best is None or mean > best.mean_return:
            best = Learnt(policy, mean, perfect, teacher, ())
        if perfect:
            break
        fresh = trial.states[rng.permutation(len(trial.states))[:_STATES]]
        states = np.concatenate([states, fresh])
    assert best is not None
    metadata = {
        "environment": env_id,
        "command": f"eigenwell.dc.bitwise.learn({env_id!r}, seed={seed}, features={features}, "
        f"rounds={rounds}, restarts={restarts}, steps={steps}, first_bit={first_bit})",
        "mean_return": best.mean_return,
        "episodes": _FINAL,
        "versions": {name: version(name) for name in ("eigenwell", "gymnasium", "numpy", "torch")},
    }
    policy = BitwisePolicy(best.policy.features, inputs=world.inputs, metadata=metadata)
    return Learnt(policy, best.mean_return, best.perfect, teacher, tuple(done))


class _Run(NamedTuple):
    """Episodes of several actors.

    Attributes:
        returns: ``(actors, episodes)``.
        fell: ``(actors, episodes)``, which ended before the limit.
        states: ``(m, n)``, the observations that were acted on.
    """

    returns: npt.NDArray[np.float64]
    fell: npt.NDArray[np.bool_]
    states: _Observations


class _World:
    """Gymnasium's vector environments of one id, checked."""

    def __init__(self, env_id: str) -> None:
        self._gym = _checks.require("gymnasium", extra="learn")
        try:
            probe = self._gym.make_vec(env_id, 1)
        except self._gym.error.Error as error:
            raise ArgumentError(f"environment `{env_id}` cannot be created: {error}") from error
        space, actions = probe.single_observation_space, probe.single_action_space
        limit = None if probe.spec is None else probe.spec.max_episode_steps
        probe.close()
        spaces = self._gym.spaces
        if not (
            isinstance(space, spaces.Box)
            and len(space.shape) == 1
            and isinstance(actions, spaces.Discrete)
            and (actions.n, actions.start) == (2, 0)
        ):
            raise ArgumentError(
                f"environment `{env_id}` must have a one-dimensional Box of observations and "
                f"Discrete(2) actions, got {space} and {actions}"
            )
        if limit is None:
            raise ArgumentError(f"environment `{env_id}` must have a limit of steps")
        self.env_id, self.inputs = env_id, int(space.shape[0])

    def run(
        self, actors: Sequence[_Actor], episodes: int, seed: int, *, spread: float | None = None
    ) -> _Run:
        """Let each actor run as many episodes, all of them side by side."""
        environments = self._gym.make_vec(self.env_id, len(actors) * episodes)
        options = None if spread is None else {"low": -spread, "high": spread}
        obs, _ = environments.reset(seed=seed, options=options)
        obs = obs.astype(np.float32, copy=False)
        running = np.ones(len(obs), dtype=bool)
        fell = np.zeros(len(obs), dtype=bool)
        returns = np.zeros(len(obs))
        states = []
        while running.any():
            states.append(obs[running])
            actions = np.concatenate(
                [actor(obs[k * episodes :][:episodes]) for k, actor in enumerate(actors)]
            )
            obs, rewards, terminated, truncated, _ = environments.step(actions.astype(np.int64))
            obs = obs.astype(np.float32, copy=False)
            returns += rewards * running
            fell |= terminated & running
            running &= ~(terminated | truncated)
        environments.close()
        shape = (len(actors), episodes)
        return _Run(returns.reshape(shape), fell.reshape(shape), np.concatenate(states))


def _evolve(world: _World, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Find a linear policy by the cross-entropy method; its weights have length 1."""
    mean, std = np.zeros(world.inputs), np.ones(world.inputs)
    for generation in range(_GENERATIONS):
        weights = mean + std * rng.standard_normal((_POPULATION, world.inputs))
        actors = [_linear(row) for row in weights]
        returns = world.run(actors, _EPISODES, _draw(rng), spread=_SPREAD).returns.mean(axis=1)
        elite = weights[np.argsort(-returns, kind="stable")[:_ELITE]]
        # Extra noise that fades keeps the search from stopping early.
        mean, std = elite.mean(axis=0), elite.std(axis=0) + 0.05 / (generation + 1)
    return mean / np.linalg.norm(mean)


def _linear(weights: npt.NDArray[np.float64]) -> _Actor:
    return lambda obs: obs @ weights > 0


def _varying_bits(
    obs: _Observations, first_bit: int
) -> tuple[npt.NDArray[np.float32], list[tuple[int, int]]]:
    """Return the bits that are not the same in all rows, ``(rows, bits)``, and which they are."""
    patterns = np.ascontiguousarray(obs).view(np.uint32)
    positions = np.arange(first_bit, 32, dtype=np.uint32)
    bits = ((patterns[:, :, None] >> positions) & 1).reshape(len(obs), -1).astype(np.float32)
    names = list(itertools.product(range(obs.shape[1]), positions.tolist()))
    varying = np.flatnonzero(bits.min(axis=0) < bits.max(axis=0))
    return np.ascontiguousarray(bits[:, varying]), [names[i] for i in varying]


def _policy(
    names: list[tuple[int, int]],
    gates: npt.NDArray[np.bool_],
    inverted: npt.NDArray[np.bool_],
    inputs: int,
) -> BitwisePolicy:
    """Make a policy of open gates ``(features, bits)``."""
    features = [
        Feature(tuple(names[i] for i in np.flatnonzero(row)), bool(flip))
        for row, flip in zip(gates, inverted, strict=True)
    ]
    return BitwisePolicy(features, inputs=inputs)


def _prune(policy: BitwisePolicy, world: _World, seed: int) -> tuple[float, BitwisePolicy]:
    """Take out bits one by one, as long as the mean return does not fall; return it with it."""
    best = float(world.run([policy], _JUDGED, seed, spread=_SPREAD).returns.mean())
    while smaller := [
        _without(policy, f, bit)
        for f, feature in enumerate(policy.features)
        for bit in feature.bits
    ]:
        returns = world.run(smaller, _JUDGED, seed, spread=_SPREAD).returns.mean(axis=1)
        if returns.max() < best:
            break
        best, policy = float(returns.max()), smaller[int(returns.argmax())]
    return best, policy


def _without(policy: BitwisePolicy, f: int, bit: tuple[int, int]) -> BitwisePolicy:
    features = list(policy.features)
    features[f] = Feature(tuple(b for b in features[f].bits if b != bit), features[f].inverted)
    return BitwisePolicy(features, inputs=policy.inputs)


def _draw(rng: np.random.Generator) -> int:
    return int(rng.integers(_MAX_COUNT))
