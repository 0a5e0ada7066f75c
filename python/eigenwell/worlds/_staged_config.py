"""How eyes are trained alone, and how the latents of one world are translated into another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from eigenwell.worlds import _config_checks

_COUNTS = (
    "latent",
    "units",
    "vision_steps",
    "vision_batch",
    "blur_steps",
    "starts",
    "start_steps",
    "timeline_steps",
    "timeline_batch",
    "align_steps",
    "align_batch",
    "hidden",
    "memory_steps",
    "memory_batch",
    "encoded",
    "reach",
    "report_every",
    "checkpoint_every",
)
_RATES = (
    "vision_rate",
    "timeline_rate",
    "align_rate",
    "adversary_rate",
    "start_rate",
    "memory_rate",
    "surest",
)
_WEIGHTS = (
    "kl_weight",
    "foreground",
    "rarity",
    "blur",
    "timeline",
    "adversary",
    "penalty",
    "last_penalty",
    "cycle",
)


@dataclass(frozen=True)
class StagedConfig:
    """Everything that decides a staged model's weights, beside its worlds.

    Attributes:
        seed: Of weights, batches and noise.
        widths: Channels of the four convolutions.
        first_kernel: Size of the first convolution. With 4, the original's, the last two rows and
            columns of the picture reach no latent: 31 positions, of which the next convolution's
            stride leaves the last one out. With 6 it is 30, and all pixels are seen.
        latent: Dimensions of z.
        vision_steps: Of each world's vision model, alone.
        vision_batch: Frames of a step.
        vision_rate: Adam's, at its peak.
        kl_weight: Of the Kullback-Leibler divergence from the unit Gaussian.
        foreground: Added weight of pixels that differ from the world's usual picture, in the mean
            over them.
        rarity: How that weight goes to where it seldom happens: with the inverse of its frequency
            to this power. 0 treats all alike, and paddles outweigh the ball.
        blur: Noise of the latents from which decoders learn once more, in their deviations:
            what a translator gets wrong must not be told with certainty.
        blur_steps: Of that, by each world's decoder alone.
        surest: Where logits of decoded pixels end: 10 is sure to 1 in 22,000. What a translator
            cannot know must not cost without end.
        encoded: Frames of each world whose latents the later stages learn from.
        timeline_steps: Of each world's own guesser of actions.
        timeline_batch: Windows of a step.
        timeline_rate: Adam's, at its peak.
        reach: How many actions before a moment, and how many after it, the guesser tells.
        align_steps: Of each world's translator, against an adversary.
        align_batch: Windows of a step.
        align_rate: Adam's, for translators.
        adversary_rate: Adam's, for the adversary.
        window: Successive latents that the adversary sees, with the actions between them.
        hidden: Width of translators, guessers and adversary.
        timeline: Weight of world 0's guesser telling from translated latents what the world's own
            guesser tells from its own.
        adversary: Weight of telling translated windows from world 0's.
        penalty: Weight of the adversary's squared gradient at world 0's windows, at first.
        last_penalty: The same at the end; it falls geometrically.
        cycle: Weight of finding latents again after both translations, against the adversary; 1
            before.
        starts: How many translators begin; the one that the guessers agree on best goes on.
        start_steps: Of each beginning, without an adversary.
        start_rate: Adam's, for these.
        memory: Cell of the recurrent network.
        units: Its size.
        residual: Whether it predicts the change of z instead of z.
        memory_steps: Of the memory, on all worlds' translated latents.
        memory_batch: Sequences of each world in a step.
        memory_length: Frames of a sequence.
        memory_rate: Adam's, at its peak.
        separate_memory: A memory for each world.
        shuffle_actions: Actions of another time: a control that must fail.
        matching_only: Mean and variance of latents alone, no timeline, no adversary: a control that
            must fail.
        paired: Accept worlds that hold the same games.
        report_every: Steps between two rows of metrics.
        checkpoint_every: Steps between two checkpoints.

    Raises:
        EigenwellError: A value is out of range or of the wrong type; see the message.
    """

    seed: int = 0
    widths: tuple[int, int, int, int] = (8, 16, 32, 64)
    first_kernel: int = 6
    latent: int = 16
    vision_steps: int = 4600
    vision_batch: int = 64
    vision_rate: float = 3e-3
    kl_weight: float = 0.5
    foreground: float = 8.0
    rarity: float = 0.5
    blur: float = 0.2
    blur_steps: int = 800
    surest: float = 10.0
    encoded: int = 150_000
    timeline_steps: int = 2200
    timeline_batch: int = 1024
    timeline_rate: float = 2e-3
    reach: int = 24
    align_steps: int = 4000
    align_batch: int = 512
    align_rate: float = 3e-3
    adversary_rate: float = 3e-3
    window: int = 4
    hidden: int = 256
    timeline: float = 3.0
    adversary: float = 1.0
    penalty: float = 0.3
    last_penalty: float = 0.03
    cycle: float = 10.0
    starts: int = 2
    start_steps: int = 600
    start_rate: float = 2e-3
    memory: Literal["lstm", "gru"] = "gru"
    units: int = 64
    residual: bool = True
    memory_steps: int = 1000
    memory_batch: int = 64
    memory_length: int = 20
    memory_rate: float = 3e-3
    separate_memory: bool = False
    shuffle_actions: bool = False
    matching_only: bool = False
    paired: bool = False
    report_every: int = 250
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        _config_checks.check(
            self,
            choices={"memory": ("lstm", "gru")},
            counts=_COUNTS,
            # The guesser looks at three frames, the adversary at those and more.
            from_three=("window", "memory_length"),
            from_zero=("seed",),
            rates=_RATES,
            weights=_WEIGHTS,
        )

    @property
    def length(self) -> int:
        """Frames that an episode must have."""
        return max(2 * self.reach + max(3, self.window), self.memory_length + 1)

    def steps(self, worlds: int) -> int:
        """Return the gradient steps of all stages together."""
        eyes = self.vision_steps + self.blur_steps + self.timeline_steps
        align = self.starts * self.start_steps + self.align_steps
        return worlds * eyes + (worlds - 1) * align + self.memory_steps

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the config of :func:`dataclasses.asdict`, also after a way through JSON.

        Raises:
            DTypeError: It has fields that no config has.
        """
        return _config_checks.from_dict(cls, values)
