"""What decides the packed policy that comes out of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from eigenwell import _checks
from eigenwell.ppo._config import one_of

CODEBOOKS = ("affine", "kmeans")
FINE_TUNES = ("distil", "ppo", "none")
# Imitation has a target in every state; PPO has to find out what is good.
STEPS = {"distil": 200_000, "ppo": 1_000_000, "none": 0}
LEARNING_RATE = {"distil": 1e-3, "ppo": 1e-4, "none": 0.0}
_MAX = 2**31 - 1


@dataclass(frozen=True)
class DistilConfig:
    """How a policy is quantised, fine-tuned and scored.

    Attributes:
        bits: Of a weight, 2 to 8.
        codebook: ``"affine"``, equally spaced levels, or ``"kmeans"``, free ones; both and an exact
            zero.
        fine_tune: ``"distil"`` imitates the float policy's actions where the quantised policy goes;
            ``"ppo"`` goes on with the run's own learning; ``"none"`` rounds and is done.
        steps: Environment steps of the fine-tuning; None is 200,000 to imitate, a million for PPO.
        learning_rate: Adam's at the start, falls to 0; None is 1e-3 to imitate, 1e-4 for PPO.
        environments: Side by side, to imitate; PPO takes as many as the run did.
        backend: What steps them, ``"gymnasium"`` or ``"envpool"``; None is what the run had.
        seed: Of environments and minibatches.
        candidates: Scores along the fine-tuning, the best of which is kept.
        candidate_episodes: Episodes of such a score, side by side and on seeds of their own.
        episodes: Episodes of the scores that are reported.
        first_seed: Of those episodes.

    Raises:
        EigenwellError: A value is out of range or of the wrong type; see the message.
    """

    bits: int = 5
    codebook: Literal["affine", "kmeans"] = "affine"
    fine_tune: Literal["distil", "ppo", "none"] = "distil"
    steps: int | None = None
    learning_rate: float | None = None
    environments: int = 16
    backend: Literal["gymnasium", "envpool"] | None = None
    seed: int = 0
    candidates: int = 5
    candidate_episodes: int = 64
    episodes: int = 100
    first_seed: int = 10_000

    def __post_init__(self) -> None:
        _checks.integer(self.bits, "bits", low=2, high=8)
        one_of(self.codebook, "codebook", CODEBOOKS)
        one_of(self.fine_tune, "fine_tune", FINE_TUNES)
        if self.backend is not None:
            one_of(self.backend, "backend", ("gymnasium", "envpool"))
        if self.steps is not None:
            _checks.integer(self.steps, "steps", low=1, high=_MAX)
        if self.learning_rate is not None:
            _checks.positive(self.learning_rate, "learning_rate")
        for name in ("environments", "candidates", "candidate_episodes", "episodes"):
            _checks.integer(getattr(self, name), name, low=1, high=_MAX)
        for name in ("seed", "first_seed"):
            _checks.integer(getattr(self, name), name, low=0, high=_MAX)

    @property
    def total_steps(self) -> int:
        """Environment steps of the fine-tuning."""
        return STEPS[self.fine_tune] if self.steps is None else self.steps

    @property
    def rate(self) -> float:
        """Adam's learning rate at the start."""
        return LEARNING_RATE[self.fine_tune] if self.learning_rate is None else self.learning_rate
