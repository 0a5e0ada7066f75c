"""Populations of pole-balancers: native rollouts against the ways one would run them otherwise.

The contenders, one thread each: :func:`eigenwell.cartpole.rollout` in both modes and on each
instruction set; the NumPy oracle; ``torch.func.vmap`` over the networks with the physics in torch;
Gymnasium's two vector CartPoles with the networks as batched products in torch. All run the same
agents from the same starts, and have been seen to find the same survival, before they are timed.

A step is one action of one agent that is still up. The others step all episodes until the last has
ended, so much of their work is for nothing where skills are mixed: see :func:`population`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from eigenwell import backend, cartpole, reference
from eigenwell._checks import require
from eigenwell.benchmarks._timing import Contender

if TYPE_CHECKING:
    from eigenwell.cartpole import MLP

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Steps = npt.NDArray[np.integer[Any]]

#: Share of episodes whose length may differ from the exact mode's: float32 decides otherwise where
#: two logits are within rounding of each other, and a few steps later it is another episode.
FLOAT32_TOLERANCE = 0.02


def population(
    agents: int,
    *,
    skill: Literal["mixed", "good"] = "mixed",
    architecture: MLP | None = None,
    seed: int = 0,
) -> Float32:
    """Return different networks, ``(agents, parameters)``: of any skill, or all of them good.

    Random ones survive some twenty steps. The better ones descend from the best of 4096 random
    ones: mutants that are kept where they do well.
    """
    net = cartpole.MLP() if architecture is None else architecture
    rng = np.random.default_rng(seed)
    starts = cartpole.starts(8, seed=seed)

    def survival(weights: Float32) -> Float64:
        steps = cartpole.rollout(weights, architecture=net, starts=starts, mode="fast")
        return np.asarray(steps.mean(axis=1))

    weights = rng.standard_normal((4096, net.parameters)).astype(np.float32)
    for _ in range(6):
        parents = weights[np.argsort(-survival(weights))[:256]]
        noise = 0.3 * rng.standard_normal((15, *parents.shape)).astype(np.float32)
        weights = np.concatenate([parents, *(parents + noise)])
    best = weights[np.argsort(-survival(weights))[:1024]]
    chosen = best[rng.integers(len(best), size=agents)]
    spread = 0.01 if skill == "good" else rng.uniform(0.01, 2.0, (agents, 1))
    return np.asarray(chosen + spread * rng.standard_normal(chosen.shape), dtype=np.float32)


def contenders(weights: Float32, starts: Float64, *, cap: int) -> Iterator[Contender]:
    """Yield every contender, slowest idea first, each with the steps that it is worth.

    Args:
        weights: Of ``cartpole.MLP()``.
        starts: ``(episodes, 4)``.
        cap: Most steps of an episode.
    """
    steps = int(cartpole.rollout(weights, starts=starts, cap=cap).sum())
    for name, build in (
        ("Gymnasium, SyncVectorEnv", gymnasium_sync),
        ("Gymnasium, CartPoleVectorEnv", gymnasium_vector),
        ("torch.func.vmap", torch_vmap),
        ("NumPy", numpy_reference),
    ):
        yield Contender(name, build(weights, starts, cap), steps)
    for mode in ("exact", "fast"):
        for isa in [name for name in backend.available_isas() if name != "avx512vbmi"]:
            yield Contender(
                f"eigenwell {mode} {isa}", _native(weights, starts, cap, mode, isa), steps
            )


def disagreement(contender: Contender, wanted: Steps) -> float:
    """Return the share of episodes whose lengths differ."""
    return float((np.asarray(contender.call()) != wanted).mean())


def numpy_reference(weights: Float32, starts: Float64, cap: int) -> Callable[[], Steps]:
    """The oracle, float64."""

    def call() -> Steps:
        steps = np.zeros((len(weights), len(starts)), dtype=np.int32)
        for alive, *_ in reference.cartpole_rollouts(
            weights,
            starts,
            architecture=cartpole.MLP(),
            physics=cartpole.Physics(),
            cap=cap,
        ):
            steps += alive
        return steps

    return call


def torch_vmap(weights: Float32, starts: Float64, cap: int) -> Callable[[], Steps]:
    """One functional network, mapped over stacked parameters; physics in float32."""
    torch = require("torch", extra="bench")
    layers = [tuple(map(torch.tensor, parts)) for parts in cartpole.MLP().unpack(weights)]
    first = torch.tensor(starts, dtype=torch.float32)
    p = cartpole.Physics()
    total_mass, moment = p.cart_mass + p.pole_mass, p.pole_mass * p.half_length

    def network(parameters: Any, obs: Any) -> Any:
        for i, (matrix, bias) in enumerate(parameters):
            obs = torch.addmm(bias, obs, matrix)
            obs = obs if i + 1 == len(parameters) else torch.tanh(obs)
        return obs

    policies = torch.func.vmap(network)

    def call() -> Steps:
        with torch.inference_mode():
            state = first.expand(len(weights), -1, -1)
            alive = torch.ones(state.shape[:2], dtype=torch.bool)
            steps = torch.zeros(state.shape[:2], dtype=torch.int32)
            for _ in range(cap):
                steps += alive
                logits = policies(layers, state)
                force = torch.where(logits[..., 1] > logits[..., 0], p.force, -p.force)
                _, x_dot, theta, theta_dot = state.unbind(-1)
                sine, cosine = theta.sin(), theta.cos()
                temp = (force + moment * theta_dot.square() * sine) / total_mass
                theta_acc = (p.gravity * sine - cosine * temp) / (
                    p.half_length * (4 / 3 - p.pole_mass * cosine.square() / total_mass)
                )
                x_acc = temp - moment * theta_acc * cosine / total_mass
                change = torch.stack([x_dot, x_acc, theta_dot, theta_acc], dim=-1)
                state = state + p.tau * change
                alive = alive & (state[..., 0].abs() <= p.x_limit)
                alive = alive & (state[..., 2].abs() <= p.angle_limit)
                if not alive.any():
                    break
            return np.asarray(steps.numpy())

    return call


def gymnasium_vector(weights: Float32, starts: Float64, cap: int) -> Callable[[], Steps]:
    """CartPole written for vectors, one for each episode of each agent; networks as ``bmm``."""
    return _gymnasium(weights, starts, cap, "vector_entry_point")


def gymnasium_sync(weights: Float32, starts: Float64, cap: int) -> Callable[[], Steps]:
    """As many single environments, one after the other; networks as ``bmm``."""
    return _gymnasium(weights, starts, cap, "sync")


def _gymnasium(weights: Float32, starts: Float64, cap: int, kind: str) -> Callable[[], Steps]:
    torch = require("torch", extra="bench")
    gymnasium = require("gymnasium", extra="bench")
    layers = [tuple(map(torch.tensor, parts)) for parts in cartpole.MLP().unpack(weights)]
    shape = (len(weights), len(starts))
    envs = gymnasium.make_vec(
        "CartPole-v1",
        num_envs=shape[0] * shape[1],
        vectorization_mode=kind,
        max_episode_steps=cap,
    )

    def begin() -> Float32:
        envs.reset(seed=0)
        states = np.tile(starts, (shape[0], 1))
        if kind == "sync":
            for env, state in zip(envs.envs, states, strict=True):
                env.unwrapped.state = state
        else:
            envs.unwrapped.state = states.T.copy()
        return states.astype(np.float32)

    def act(obs: Any) -> Any:
        h = torch.from_numpy(obs).view(*shape, 4)
        for i, (matrix, bias) in enumerate(layers):
            h = torch.baddbmm(bias.unsqueeze(1), h, matrix)
            h = h if i + 1 == len(layers) else torch.tanh(h)
        return (h[..., 1] > h[..., 0]).view(-1).long().numpy()

    def call() -> Steps:
        with torch.inference_mode():
            obs = begin()
            alive = np.ones(shape[0] * shape[1], dtype=np.bool_)
            steps = np.zeros(alive.shape, dtype=np.int32)
            while alive.any():
                obs, _, terminated, truncated, _ = envs.step(act(obs))
                steps += alive
                alive &= ~(terminated | truncated)
            return steps.reshape(shape)

    return call


def _native(
    weights: Float32, starts: Float64, cap: int, mode: Any, isa: str
) -> Callable[[], Steps]:
    def call() -> Steps:
        backend.force_isa(isa)
        return cartpole.rollout(weights, starts=starts, cap=cap, mode=mode, threads=1)

    return call
