"""What a meta-world model is made of, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from eigenwell.errors import ArgumentError
from eigenwell.worlds import _config_checks

_COUNTS = (
    "iterations",
    "sequences",
    "latent",
    "units",
    "prediction_steps",
    "reconstruction_steps",
    "adversary_units",
    "adversary_steps",
    "report_every",
    "checkpoint_every",
)
_RATES = ("vision_rate", "memory_rate", "adversary_rate")
_WEIGHTS = (
    "kl_weight",
    "kl_floor",
    "matching_weight",
    "foreground",
    "motion",
    "adversary",
    "inverse",
    "cycle",
    "straightness",
)


@dataclass(frozen=True)
class MetaConfig:
    """Everything that decides a model's weights, beside its worlds.

    Attributes:
        recipe: ``"alternating"``, the article's phases, or ``"joint"``, all losses at once.
        seed: Of weights, batches and noise.
        iterations: Of ``"joint"``, gradient steps; of ``"alternating"``, rounds of both phases.
        sequences: Of each world in a batch.
        length: Frames of a sequence.
        widths: Channels of the four convolutions; the original's are 32, 64, 128, 256.
        first_kernel: Size of the first convolution. 4 is the original's, to which the last two rows
            and columns of the picture are unseen; 6 sees all of it.
        latent: Dimensions of z.
        memory: Cell of the recurrent network.
        units: Its size.
        residual: Whether it predicts the change of z instead of z.
        vision_rate: Adam's, for all that sees.
        memory_rate: Adam's, for the memory.
        kl_weight: Of the Kullback-Leibler divergence from the unit Gaussian.
        kl_floor: Nats that cost nothing, that is: the divergence costs at least this much.
        matching_weight: Of the distance between a world's mean latent and world 0's (alternating).
        prediction_steps: P steps of a round.
        memory_steps: Steps of a round that train the memory alone.
        reconstruction_steps: R steps of a round.
        foreground: Added weight of pixels that differ from the world's usual picture (joint).
        motion: Added weight of pixels that differ from the frame before (joint).
        adversary: Weight of telling worlds apart by three successive latents and their actions.
        adversary_units: Width of the network that does.
        adversary_steps: Its steps for each one of the model's.
        adversary_rate: Adam's, for it.
        ramp: Iterations until the adversary has its whole weight.
        inverse: Weight of guessing the action from two successive latents.
        cycle: Weight of finding z again in what another world's decoder makes of it.
        straightness: Weight of the second difference of latents over time.
        head_start: Iterations in which world 0 trains alone; then it stays, and the others come to
            it. 0 trains all at once.
        separate_memory: A memory for each world: a control that must fail.
        shuffle_actions: Actions of another time: a control that must fail.
        matching_only: No prediction, matching of the means alone: a control that must fail.
        paired: Accept worlds that hold the same games: an upper limit.
        report_every: Iterations between two rows of metrics.
        checkpoint_every: Iterations between two checkpoints.

    Raises:
        EigenwellError: A value is out of range or of the wrong type; see the message.
    """

    recipe: Literal["alternating", "joint"] = "joint"
    seed: int = 0
    iterations: int = 4000
    sequences: int = 8
    length: int = 14
    widths: tuple[int, int, int, int] = (8, 16, 32, 64)
    first_kernel: int = 6
    latent: int = 16
    memory: Literal["lstm", "gru"] = "gru"
    units: int = 64
    residual: bool = True
    vision_rate: float = 1e-3
    memory_rate: float = 1e-3
    kl_weight: float = 0.05
    kl_floor: float = 0.0
    matching_weight: float = 0.0
    prediction_steps: int = 20
    memory_steps: int = 0
    reconstruction_steps: int = 10
    foreground: float = 8.0
    motion: float = 0.0
    adversary: float = 20.0
    adversary_units: int = 256
    adversary_steps: int = 2
    adversary_rate: float = 1e-3
    ramp: int = 300
    inverse: float = 20.0
    cycle: float = 1.0
    straightness: float = 0.0
    head_start: int = 0
    separate_memory: bool = False
    shuffle_actions: bool = False
    matching_only: bool = False
    paired: bool = False
    report_every: int = 50
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        _config_checks.check(
            self,
            choices={"recipe": ("alternating", "joint"), "memory": ("lstm", "gru")},
            counts=_COUNTS,
            from_three=("length",),  # the adversary looks at three frames
            from_zero=("seed", "memory_steps", "ramp", "head_start"),
            rates=_RATES,
            weights=_WEIGHTS,
        )
        if self.recipe == "alternating" and self.head_start:
            raise ArgumentError("`head_start` must be 0 for the alternating recipe")

    @classmethod
    def article(cls, worlds: int = 2, *, slim: bool = False, **changes: Any) -> Self:
        """Return the original recipe, with its vision model or a slim one.

        Args:
            worlds: How many there will be; from three on, the phases have other lengths.
            slim: Four times fewer channels, for a CPU.
            **changes: Fields to set differently.
        """
        many = worlds > 2
        settings: dict[str, Any] = {
            "recipe": "alternating",
            "sequences": 16,
            "length": 25,
            "widths": (8, 16, 32, 64) if slim else (32, 64, 128, 256),
            "first_kernel": 4,
            "latent": 32,
            "memory": "lstm",
            "units": 32,
            "residual": False,
            "vision_rate": 1e-4,
            "kl_weight": 1.0,
            "kl_floor": 16.0,
            "matching_weight": 0.1,
            "memory_steps": 10 if many else 0,
            "reconstruction_steps": 20 if many else 10,
            "report_every": 1,
            "checkpoint_every": 10,
        }
        return cls(**(settings | changes))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the config of :func:`dataclasses.asdict`, also after a way through JSON.

        Raises:
            DTypeError: It has fields that no config has.
        """
        return _config_checks.from_dict(cls, values)
