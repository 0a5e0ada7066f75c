"""Settings of the embedding and of the plain VAE, which are stored with what they produced."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from eigenwell import _checks


class _Checked:
    """Positive numbers, and at least one layer where a field is a tuple."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value: Any = getattr(self, field.name)
            if isinstance(value, tuple | list):
                widths = tuple(_checks.integer(v, field.name, low=1, high=4096) for v in value)
                object.__setattr__(self, field.name, widths)
            elif isinstance(value, bool):
                continue
            elif field.name == "seed":
                _checks.integer(value, "seed", low=0, high=2**63 - 1)
            elif field.type == "int":
                _checks.integer(value, field.name, low=1, high=10**6)
            elif field.name in {"weights", "kl", "jitter"}:
                _checks.not_negative(value, field.name)
            else:
                _checks.positive(value, field.name)


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig(_Checked):
    """Settings of :func:`fit`.

    Attributes:
        latent: Size of the embedding.
        encoder: Widths of the encoder's hidden layers.
        decoder: Widths of the decoder's hidden layers.
        probes: Fixed states on which the encoder reads a network's decisions.
        own_states: States of each network's own episodes that the loss compares decisions on.
        shared_states: States of other networks' episodes beside them, drawn for each batch.
        sharpness: Logit of an action at a decision's root mean square, see `imitation_loss`.
        weights: Factor of the squared error of the canonical weights, in units of their layer.
        kl: Factor of the KL divergence from N(0, I), which keeps the latent smooth and bounded.
        jitter: Noise in the states that decisions are compared on, in standard deviations.
        epochs: Of encoder and decoder.
        batch: Networks in a step.
        learning_rate: Largest of the one-cycle schedule.
        couplings: Of the prior.
        prior_hidden: Width of the networks of a coupling.
        prior_epochs: Of the prior, and of the prediction of survival.
        draws: Latents for each network that the prior and the prediction are fitted on.
        episodes: Of each decoded network that is labelled for them.
        seed: Of everything random.
    """

    latent: int = 16
    encoder: tuple[int, ...] = (256, 256)
    decoder: tuple[int, ...] = (128, 128)
    probes: int = 256
    own_states: int = 32
    shared_states: int = 48
    sharpness: float = 16.0
    weights: float = 0.02
    kl: float = 1e-3
    jitter: float = 0.1
    epochs: int = 150
    batch: int = 256
    learning_rate: float = 4e-3
    couplings: int = 10
    prior_hidden: int = 96
    prior_epochs: int = 40
    draws: int = 2
    episodes: int = 64
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class PlainConfig(_Checked):
    """Settings of :func:`fit_plain`, the original recipe; its own are not published.

    Attributes:
        latent: Size of the embedding.
        hidden: Widths of the encoder's hidden layers; the decoder has them in reverse.
        kl: Factor of the KL divergence from N(0, I).
        canonical: Bring hidden units into canonical order first, which the original does not: by
            how much that alone helps.
        epochs: Of training.
        batch: Networks in a step.
        learning_rate: Of Adam.
        seed: Of everything random.
    """

    latent: int = 16
    hidden: tuple[int, ...] = (128, 64)
    kl: float = 1.0
    canonical: bool = False
    epochs: int = 200
    batch: int = 128
    learning_rate: float = 1e-3
    seed: int = 0
