"""The certificate of MDPs against exact policy gradient on random ones."""

from __future__ import annotations

import numpy as np

from eigenwell.benchmarks._wells_checks import RUN_ALLOWANCE, Check, compare
from eigenwell.benchmarks._wells_instances import Float64, ascend, softmax
from eigenwell.wells import bounds


def evaluate(
    policy: Float64, transitions: Float64, rewards: Float64, start: Float64, discount: float
) -> tuple[Float64, Float64, Float64]:
    """Return V ``(n, S)``, Q ``(n, S, A)`` and d ``(n, S)`` of policies ``(n, S, A)``."""
    chain = np.einsum("nsa,nsat->nst", policy, transitions)
    system = np.eye(chain.shape[-1]) - discount * chain
    value = np.linalg.solve(system, (policy * rewards).sum(axis=-1)[..., None])[..., 0]
    q = rewards + discount * np.einsum("nsat,nt->nsa", transitions, value)
    visited = np.linalg.solve(np.swapaxes(system, -1, -2), start[..., None])[..., 0]
    return value, q, (1 - discount) * visited


def optimal_values(transitions: Float64, rewards: Float64, discount: float) -> Float64:
    """Q* by policy iteration, which is exact after few rounds."""
    policy = np.eye(rewards.shape[-1])[rewards.argmax(axis=-1)]
    start = np.full(rewards.shape[:2], 1 / rewards.shape[1])
    for _ in range(100):
        q = evaluate(policy, transitions, rewards, start, discount)[1]
        better = np.eye(rewards.shape[-1])[q.argmax(axis=-1)]
        if (better == policy).all():
            break
        policy = better
    return q


def check_mdps(
    rng: np.random.Generator, *, instances: int, states: int = 4, actions: int = 3, steps: int = 60
) -> list[Check]:
    """Every state starts in a corner; masses, prior steps and both bounds on the loss of value."""
    discount = float(rng.uniform(0.5, 0.95))
    transitions = rng.dirichlet(np.full(states, 0.5), size=(instances, states, actions))
    rewards = rng.random((instances, states, actions))
    start = rng.dirichlet(np.ones(states), size=instances)
    best = optimal_values(transitions, rewards, discount)
    top = best.max(axis=-1)
    action = rng.integers(actions, size=(instances, states))
    # Three decades, so that budgets end within the run for some.
    mass = 0.1 * 10 ** rng.uniform(-3, 0, (instances, states, 1))
    own = np.eye(actions)[action]
    logits = np.log(own * (1 - mass) + (1 - own) * mass / (actions - 1))
    rate = 10 ** rng.uniform(-1, 0.5, instances)
    prior = bounds.mdp_certificate(
        softmax(logits), 1 / (1 - discount), learning_rate=1.0, discount=discount, action=action
    )
    spent = np.zeros((instances, states))
    masses, certified, prior_certified = [], [], []
    losses: list[Float64] = []
    floors: dict[str, list[list[Float64]]] = {"start": [], "visits": []}
    for step in range(steps):
        policy = softmax(logits)
        value, q, visited = evaluate(policy, transitions, rewards, start, discount)
        masses.append(1 - np.take_along_axis(policy, action[..., None], axis=-1)[..., 0])
        inside = spent <= prior.budget
        certified.append(inside)
        # The prior is linear in the rate.
        prior_certified.append(step * rate[:, None] <= prior.steps)
        losses.append((start * (top - value)).sum(axis=-1))
        weights = {"start": start, "visits": visited / (1 - discount)}
        for name, weight in weights.items():
            floors[name].append(
                [
                    bounds.mdp_suboptimality_bound(best[i], weight[i], action=action[i], inside=now)
                    for i, now in enumerate(inside)
                ]
            )
        spent += bounds.mdp_pulls(
            q, visited, action=action, learning_rate=rate[:, None], discount=discount
        )
        scaled = rate[:, None] * visited / (1 - discount)
        logits = ascend(logits, q, scaled)
    found = []
    for name, floor in floors.items():
        slack = np.full((steps, instances), RUN_ALLOWANCE / (1 - discount))
        where = np.asarray(np.array(certified).any(axis=-1))
        found.append(
            compare(f"MDP, value by {name}", np.array(floor), np.array(losses), slack, where)
        )
    mass_over_time = np.array(masses).reshape(steps, -1)
    over = np.full(mass_over_time.shape, 0.1)
    for name, mask in (("MDP, mass", certified), ("MDP, prior mass", prior_certified)):
        where = np.array(mask).reshape(steps, -1)
        found.append(compare(name, mass_over_time, over, RUN_ALLOWANCE * over, where))
    return found
