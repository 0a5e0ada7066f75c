"""How much of the true escape time the certificates see, over random bandits."""

from __future__ import annotations

import numpy as np

from eigenwell.benchmarks._wells_checks import escape_times
from eigenwell.benchmarks._wells_instances import Float64, ascend, softmax
from eigenwell.wells import bounds

ACTIONS = 5
WORST_CASE_LIMIT = 20_000


def sharpness(
    rng: np.random.Generator, *, instances: int, second_best: bool, limit: int = 20_000
) -> tuple[dict[str, Float64], int]:
    """Return certificate over escape time, by form, and how many runs did not end in ``limit``.

    K = 5, rewards uniform in [0, 1], eta log-uniform in [0.3, 3]; the start holds 1 - m at the
    second best or at a random sub-optimal action, m log-uniform in [0.005, 0.08], Dirichlet(1)
    beside it. Starts with no certificate at all count with their time 1.
    """
    rewards = rng.random((instances, ACTIONS))
    rate = 10 ** rng.uniform(-0.5, 0.5, instances)
    rank = np.full(instances, 1) if second_best else rng.integers(1, ACTIONS, instances)
    action = np.take_along_axis(np.argsort(-rewards, axis=-1), rank[:, None], axis=-1)[:, 0]
    mass = np.exp(rng.uniform(np.log(0.005), np.log(0.08), instances))[:, None]
    own = np.eye(ACTIONS)[action]
    rest = rng.dirichlet(np.ones(ACTIONS), instances) * (1 - own) + 1e-12 * (1 - own)
    policy = own * (1 - mass) + mass * rest / rest.sum(axis=-1, keepdims=True)
    times = escape_times(policy, rewards, rate, fraction=np.full(instances, 0.9), limit=limit)
    ended = np.isfinite(times)
    policy, rewards, rate, times = policy[ended], rewards[ended], rate[ended], times[ended]
    action = action[ended]
    losses = rewards.max(axis=-1, keepdims=True) - rewards
    loss = np.take_along_axis(losses, action[:, None], axis=-1)[:, 0]
    whole = bounds.corner_mass(policy, action)
    found = {
        f"1 - pi(j), c = 0.1, {form}": 2
        + bounds.certified_steps(whole, loss, learning_rate=rate, form=form)
        for form in bounds.FORMS[:2]
    }
    found["worst case, c = 0.1"] = 2 + bounds.worst_case_steps(
        policy,
        loss,
        learning_rate=rate,
        action=action,
        better=losses < loss[:, None],
        limit=WORST_CASE_LIMIT,
    )
    for form in bounds.FORMS[:2]:
        found[f"best corner, {form}"] = bounds.escape_certificate(
            policy, rewards, learning_rate=rate, form=form, strict=False
        ).time
    found["online, by half of the time"] = _online(policy, rewards, rate, times)
    return {name: value / times for name, value in found.items()}, int((~ended).sum())


def _online(policy: Float64, rewards: Float64, rate: Float64, times: Float64) -> Float64:
    """The online certificate at the last restart before half of the escape time."""
    logits, best = np.log(policy), np.ones(len(times))
    restarts = np.unique(np.geomspace(1, times.max() / 2 + 1, 60).astype(int))
    now = 1
    for restart in restarts:
        for _ in range(restart - now):
            logits = ascend(logits, rewards, rate)
        now = int(restart)
        early = (now <= np.maximum(times / 2, 1)) & (now <= times)
        if not early.any():
            break
        inside = np.maximum(softmax(logits[early]), 1e-300)
        seen = bounds.online_certificate(
            [now], inside[None], rewards[early], learning_rate=rate[early]
        )
        best[early] = np.maximum(best[early], seen[0])
    return best
