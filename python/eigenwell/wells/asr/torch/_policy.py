"""The policy that shrinks, keeps or grows each bin, trained by PPO's clipped objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

if TYPE_CHECKING:
    from eigenwell.wells.asr._config import ASRConfig

_HIDDEN = 128
# Windows of the running means that the policy sees, in actions (PADS, section 4.2).
_WINDOWS = (2, 8, 16, 32)
_ACTIONS = 3


class PolicyNetwork(nn.Module):
    """Two hidden layers of 128, a head for three actions on every bin, and a critic's head."""

    def __init__(self, inputs: int, bins: int, generator: torch.Generator) -> None:
        super().__init__()
        self.bins = bins
        first, second = nn.Linear(inputs, _HIDDEN), nn.Linear(_HIDDEN, _HIDDEN)
        self.body = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
        self.actor = nn.Linear(_HIDDEN, bins * _ACTIONS)
        self.critic = nn.Linear(_HIDDEN, 1)
        # A small gain of the actor's head: all actions are nearly as likely at the start (Huang et
        # al. 2022, detail 2).
        for layer, gain in (
            (first, 2**0.5),
            (second, 2**0.5),
            (self.actor, 0.01),
            (self.critic, 1.0),
        ):
            nn.init.orthogonal_(layer.weight, gain, generator=generator)
            nn.init.zeros_(layer.bias)

    def forward(self, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log-probabilities ``(bins, 3)`` and the value of a state ``(inputs,)``."""
        hidden = self.body(state)
        logits = self.actor(hidden).reshape(self.bins, _ACTIONS)
        return torch.log_softmax(logits, -1), self.critic(hidden)[0]


def clipped_gain(ratio: torch.Tensor, advantage: torch.Tensor, clip: float) -> torch.Tensor:
    """Return PPO's objective, the mean of ``min(r A, clip(r, 1 - c, 1 + c) A)``.

    Args:
        ratio: ``(bins,)``, of the probability of each bin's action to what it was.
        advantage: Of all of them, a scalar.
        clip: c.

    References:
        Schulman et al. 2017, equation 7.
    """
    return torch.minimum(ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage).mean()


class SamplerPolicy:
    """Acts on the distribution every so many batches and learns from what came of it.

    The state is the weights of the bins, the validation scores with their running means, and how
    much of the run is done. Bins act independently: their ratios of probabilities are clipped one
    by one, as in PADS. Each action is rewarded by itself, so returns are rewards.

    Args:
        config: Of the run.
    """

    def __init__(self, config: ASRConfig) -> None:
        self.config = config
        generator = torch.Generator().manual_seed(config.seed)
        self.inputs = config.bins + 2 * (1 + len(_WINDOWS)) + 1
        self.network = PolicyNetwork(self.inputs, config.bins, generator)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=config.policy_learning_rate)
        #: Recall@1 and NMI at each action so far, ``(2,)`` each.
        self.scores: list[npt.NDArray[np.float64]] = []
        #: Of every action but the last.
        self.rewards: list[float] = []
        #: On each bin, ``(bins,)`` each.
        self.actions: list[npt.NDArray[np.int64]] = []
        self._acted: tuple[torch.Tensor, torch.Tensor] | None = None

    def act(
        self, recall: float, nmi: float, weights: npt.NDArray[np.float64], *, progress: float
    ) -> npt.NDArray[np.int64]:
        """Learn from the last action, and take the next.

        Args:
            recall: Validation Recall@1 now.
            nmi: Validation NMI.
            weights: Of the bins.
            progress: Share of the run that is done.

        Returns:
            An action for each bin.
        """
        config = self.config
        self.scores.append(np.array([recall, nmi]))
        state = torch.from_numpy(self._state(weights, progress))
        if self._acted is not None:
            self.rewards.append(self._reward())
            if config.policy == "learn":
                self._learn(self.rewards[-1])
        if config.policy == "random":
            chances = torch.full((config.bins, _ACTIONS), -np.log(_ACTIONS))
        else:
            with torch.no_grad():
                chances, _ = self.network(state)
        # Of its own for every action: a resumed run draws what it would have drawn.
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + len(self.scores))
        actions = torch.multinomial(chances.exp(), 1, generator=generator)[:, 0]
        self._acted = (state, chances.gather(1, actions[:, None])[:, 0])
        self.actions.append(actions.numpy())
        return self.actions[-1]

    def _state(self, weights: npt.NDArray[np.float64], progress: float) -> npt.NDArray[np.float32]:
        means = [np.mean(self.scores[-window:], axis=0) for window in (1, *_WINDOWS)]
        return np.concatenate([weights, *means, [progress]]).astype(np.float32)

    def _reward(self) -> float:
        config = self.config
        importance = np.array([config.recall_weight, config.nmi_weight])
        change = float((self.scores[-1] - self.scores[-2]) @ importance / importance.sum())
        return float(np.sign(change)) if config.reward == "sign" else change

    def _learn(self, reward: float) -> None:
        """Take gradient steps on the last action."""
        assert self._acted is not None
        state, before = self._acted
        actions = torch.from_numpy(self.actions[-1])
        clip = self.config.clip
        for _ in range(self.config.policy_epochs):
            chances, value = self.network(state)
            advantage = reward - value.detach()
            ratio = (chances.gather(1, actions[:, None])[:, 0] - before).exp()
            gain = clipped_gain(ratio, advantage, clip)
            loss = 0.5 * (value - reward).square() - gain
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything as arrays by name."""
        bins = self.config.bins
        arrays: dict[str, npt.NDArray[Any]] = {
            "scores": np.array(self.scores).reshape(-1, 2),
            "rewards": np.array(self.rewards),
            "actions": np.array(self.actions, np.int64).reshape(-1, bins),
        }
        if self._acted is not None:
            arrays["acted.state"], arrays["acted.chances"] = (x.numpy() for x in self._acted)
        return arrays

    def load_state(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Take it back."""
        self.scores, self.actions = list(arrays["scores"]), list(arrays["actions"])
        self.rewards = arrays["rewards"].tolist()
        if "acted.state" in arrays:
            state, chances = arrays["acted.state"], arrays["acted.chances"]
            self._acted = (torch.from_numpy(state), torch.from_numpy(chances))
