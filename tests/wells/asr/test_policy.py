"""The policy: what it learns, what it leaves alone, and that it can be put away."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from eigenwell.wells.asr import ASRConfig  # noqa: E402 - after the check
from eigenwell.wells.asr.torch import SamplerPolicy, clipped_gain  # noqa: E402

WEIGHTS = np.full(4, 0.25)


def policy(**changes: Any) -> SamplerPolicy:
    return SamplerPolicy(ASRConfig(bins=4, **changes))


def rewarded_for_growing_the_first(tried: SamplerPolicy, actions: int) -> list[int]:
    """Raise the score after bin 0 was grown, lower it otherwise; return the actions on bin 0."""
    score, taken = 0.5, []
    for _ in range(actions):
        chosen = tried.act(score, score, WEIGHTS, progress=0.0)
        taken.append(int(chosen[0]))
        score += 0.001 if chosen[0] == 2 else -0.001
    return taken


def test_it_learns_what_is_rewarded() -> None:
    tried = policy()
    taken = rewarded_for_growing_the_first(tried, 100)
    assert set(taken[:10]) == {0, 1, 2}
    assert np.mean(np.array(taken[-50:]) == 2) > 0.9
    assert tried.rewards[-50:].count(1.0) > 45


def test_random_actions_are_alike_and_learn_nothing() -> None:
    tried = policy(policy="random")
    before = [p.clone() for p in tried.network.parameters()]
    taken = rewarded_for_growing_the_first(tried, 300)
    shares = np.bincount(taken, minlength=3) / 300
    assert np.abs(shares - 1 / 3).max() < 5 * 0.5 / 300**0.5
    after = list(tried.network.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1.0, -1.0, 0.0, 1.0]),
        ({"reward": "difference"}, [0.05, -0.1, 0.0, 0.1]),
        ({"reward": "difference", "nmi_weight": 0.0}, [0.2, -0.2, 0.0, 0.2]),
        (
            {"reward": "difference", "recall_weight": 1.0, "nmi_weight": 3.0},
            [-0.025, -0.05, 0.0, 0.05],
        ),
    ],
)
def test_rewards(settings: dict[str, Any], expected: list[float]) -> None:
    tried = policy(**settings)
    for recall, nmi in ((0.2, 0.5), (0.4, 0.4), (0.2, 0.4), (0.2, 0.4), (0.4, 0.4)):
        tried.act(recall, nmi, WEIGHTS, progress=0.0)
    assert tried.rewards == pytest.approx(expected, abs=1e-12)


def test_a_ratio_beyond_the_clip_is_not_pushed_further() -> None:
    ratio = torch.tensor([0.7, 0.9, 1.1, 1.3], requires_grad=True)
    for advantage, gain, slope in (
        (1.0, [0.7, 0.9, 1.1, 1.2], [1, 1, 1, 0]),
        (-2.0, [-1.6, -1.8, -2.2, -2.6], [0, -2, -2, -2]),
    ):
        found = clipped_gain(ratio, torch.tensor(advantage), 0.2)
        assert found.item() == pytest.approx(np.mean(gain))
        (gradient,) = torch.autograd.grad(found, ratio)
        assert gradient.tolist() == pytest.approx([x / 4 for x in slope])


def test_a_policy_that_was_put_away_acts_as_it_would_have() -> None:
    first = policy(seed=3)
    rewarded_for_growing_the_first(first, 7)
    second = policy(seed=3)
    second.load_state({name: np.array(array) for name, array in first.state().items()})
    second.network.load_state_dict(first.network.state_dict())
    second.optimiser.load_state_dict(copy.deepcopy(first.optimiser.state_dict()))
    for _ in range(3):
        ours, theirs = (p.act(0.9, 0.1, WEIGHTS, progress=0.5) for p in (first, second))
        assert np.array_equal(ours, theirs)
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
