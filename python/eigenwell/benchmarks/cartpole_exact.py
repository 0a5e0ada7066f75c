"""Is the exact mode Gymnasium's CartPole-v1? Thousands of episodes, step by step, in both.

``python -m eigenwell.benchmarks.cartpole_exact`` prints the counts and exits with 1 if any length
differs; a minute or two on one core. ``--networks 12 --episodes 10`` is a quick look.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell import cartpole, reference
from eigenwell._checks import require
from eigenwell.benchmarks.cartpole import population

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Agreement:
    """What was compared.

    Attributes:
        survival: Gymnasium's episode lengths, ``(agents, episodes)``.
        equal_lengths: Episodes of the same length in both.
        equal_observations: Observations of the same bits in both, out of ``survival.sum()``; those
            of an episode that differs in length count as different.
    """

    survival: npt.NDArray[np.int32]
    equal_lengths: int
    equal_observations: int


def compare(weights: npt.NDArray[np.floating], *, episodes: int, seed: int = 0) -> Agreement:
    """Run every network of ``cartpole.MLP()`` in CartPole-v1 and in the exact mode.

    Args:
        weights: ``(agents, 212)``.
        episodes: Starts that Gymnasium draws itself, from seeds `seed`, `seed` + 1, ...
        seed: The first one.
    """
    gymnasium = require("gymnasium", extra="bench")
    env = gymnasium.make("CartPole-v1", disable_env_checker=True)
    wide = weights.astype(np.float64)
    starts = np.empty((episodes, 4))
    seen: dict[tuple[int, int], Float32] = {}
    for episode in range(episodes):
        for agent in range(len(weights)):
            obs, _ = env.reset(seed=seed + episode)
            starts[episode] = env.unwrapped.state
            observations, over = [obs], False
            while not over:
                logits = reference.cartpole_logits(
                    cartpole.MLP(), wide[agent : agent + 1], observations[-1][None, None]
                )
                obs, _, terminated, truncated, _ = env.step(int(np.argmax(logits)))
                observations.append(obs)
                over = terminated or truncated
            seen[agent, episode] = np.array(observations[:-1])
    ours = cartpole.rollout(weights, starts=starts, cap=500, states=True)
    steps = np.array(
        [[len(seen[a, e]) for e in range(episodes)] for a in range(len(weights))], dtype=np.int32
    )
    ends = np.cumsum(ours.counts).reshape(ours.counts.shape)
    equal = [
        int((ours.observations[ends[at] - len(theirs) : ends[at]] == theirs).all(axis=1).sum())
        for at, theirs in seen.items()
        if ours.steps[at] == len(theirs)
    ]
    return Agreement(steps, len(equal), sum(equal))


def networks(count: int, *, seed: int = 0) -> Float32:
    """Return a half of random networks, a quarter of mixed skill and a quarter of good ones."""
    rng = np.random.default_rng(seed)
    mixed, good = count // 4, count // 4
    scale = rng.uniform(0.1, 3.0, (count - mixed - good, 1))
    return np.concatenate(
        [
            (scale * rng.standard_normal((len(scale), 212))).astype(np.float32),
            population(mixed, seed=seed),
            population(good, skill="good", seed=seed),
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    weights = networks(options.networks, seed=options.seed)
    found = compare(weights, episodes=options.episodes, seed=options.seed)
    steps = found.survival
    print(f"(network, start) pairs:    {steps.size:,}, {int((steps == 500).sum()):,} at the cap")
    print(f"mean length:               {steps.mean():.1f}, longest {steps.max()}")
    print(f"equal lengths:             {found.equal_lengths:,}")
    print(f"equal observations:        {found.equal_observations:,} of {int(steps.sum()):,}")
    return 0 if found.equal_lengths == steps.size else 1


if __name__ == "__main__":
    sys.exit(main())
