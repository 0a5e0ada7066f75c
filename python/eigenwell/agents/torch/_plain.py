"""The original recipe: a plain variational autoencoder of raw weight vectors, one per group."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from eigenwell import _checks, cartpole
from eigenwell.agents._symmetry import canonical, checked
from eigenwell.agents.torch import _storage
from eigenwell.agents.torch._config import PlainConfig
from eigenwell.agents.torch._networks import gaussian, kl_to_normal, perceptron
from eigenwell.errors import ArgumentError, FormatError, ShapeError

Floats = npt.NDArray[np.float32]
Progress = Callable[[str, int, int, float], None]
_KIND = "plain"


class PlainVAE(nn.Module):
    """Encoder and decoder of raw weights, with the prior N(0, I).

    The likelihood is Gaussian with one variance for all weights, at its optimum for each batch.

    Args:
        config: Sizes.
        architecture: Of the agents.

    References:
        Chang et al. 2019, "Agent embeddings"; Rybkin, Daniilidis and Levine 2021, "Simple and
        effective VAE training with calibrated decoders", equation 5, for the variance.
    """

    def __init__(self, config: PlainConfig, architecture: cartpole.MLP) -> None:
        super().__init__()
        self.fitted_on = ""  # digest of the networks, of a model that `fit_all` made
        self.config, self.architecture = config, architecture
        d, p = config.latent, architecture.parameters
        self.encoder = perceptron((p, *config.hidden, 2 * d))
        self.decoder = perceptron((d, *reversed(config.hidden), p))

    def loss(self, weights: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the negative evidence bound per weight, for [n, p]."""
        mean, log_std = gaussian(self.encoder(weights))
        noise = torch.randn(mean.shape, generator=generator)
        error = (self.decoder(mean + noise * log_std.exp()) - weights).square().mean()
        kl = kl_to_normal(mean, log_std) / weights.shape[1]
        bound: torch.Tensor = 0.5 * error.log() + self.config.kl * kl
        return bound

    @torch.no_grad()
    def embed(self, weights: npt.ArrayLike) -> Floats:
        """Return the embeddings of agents, float32 [n, latent], for weights [n, p].

        Raises:
            ShapeError: Weights do not fit the architecture.
            ArgumentError: One is not finite.
        """
        array = _ordered(checked(weights, self.architecture), self.architecture, self.config)
        return gaussian(self.encoder(torch.from_numpy(array)))[0].numpy()

    @torch.no_grad()
    def decode(self, z: npt.ArrayLike) -> Floats:
        """Return the weights of the agents at points of the latent space, float32 [n, p].

        Raises:
            ShapeError: `z` is not [n, latent].
            ArgumentError: An element is not finite.
        """
        array = np.asarray(z)
        if array.ndim != 2 or array.shape[1] != self.config.latent:
            raise ShapeError(f"`z` must have shape (n, {self.config.latent}), got {array.shape}")
        latents = torch.from_numpy(_checks.finite_float32(array, "z", array.shape))
        return self.decoder(latents).numpy()  # type: ignore[no-any-return]

    def sample(self, count: int, *, seed: int) -> Floats:
        """Draw latents of N(0, I), float32 [count, latent]."""
        count = _checks.integer(count, "count", low=1, high=10**7)
        shape = (count, self.config.latent)
        return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model, all of it or nothing.

        Raises:
            ArgumentError: The file cannot be written.
        """
        about = {
            "kind": _KIND,
            "fitted_on": self.fitted_on,
            "config": dataclasses.asdict(self.config),
            "architecture": dataclasses.asdict(self.architecture),
        }
        _storage.write(path, self.state_dict(), about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PlainVAE:
        """Read what :meth:`save` wrote.

        Raises:
            ArgumentError: The file cannot be read.
            FormatError: It is no plain VAE of this version, or damaged.
        """
        state, about = _storage.read(path, kind=_KIND)
        try:
            model = cls(PlainConfig(**about["config"]), cartpole.MLP(**about["architecture"]))
            model.load_state_dict(state)
            model.fitted_on = str(about["fitted_on"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise FormatError(
                f"`{path}` is not a plain VAE as version 1 has it: {reason}"
            ) from None
        return model.eval()


def fit_plain(
    weights: npt.ArrayLike,
    *,
    architecture: cartpole.MLP,
    config: PlainConfig = PlainConfig(),  # noqa: B008  (frozen)
    progress: Progress | None = None,
) -> PlainVAE:
    """Fit a plain VAE to the networks of a group.

    Args:
        weights: float [n, p].
        architecture: Of all of them.
        config: Settings.
        progress: Called with what is fitted, epochs done, of all, and the loss.

    Raises:
        ShapeError: Weights do not fit the architecture.
        ArgumentError: One is not finite, or there are fewer networks than latent dimensions.

    Note:
        The same seed gives the same model on the same machine.
    """
    array = checked(weights, architecture)
    enough(len(array), config.latent)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = PlainVAE(config, architecture)
    generator = torch.Generator().manual_seed(config.seed)
    data = torch.from_numpy(_ordered(array, architecture, config))
    adam = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    for epoch in range(config.epochs):
        for rows in torch.split(torch.randperm(len(data), generator=generator), config.batch):
            loss = model.loss(data[rows], generator)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
        if progress is not None:
            progress("plain", epoch + 1, config.epochs, float(loss.detach()))
    return model.eval()


def _ordered(array: Floats, architecture: cartpole.MLP, config: PlainConfig) -> Floats:
    return canonical(array, architecture) if config.canonical else array


def enough(count: int, latent: int) -> None:
    """Say that there are too few networks.

    Raises:
        ArgumentError: There are fewer than the latent has dimensions, or none.
    """
    if count == 0:
        raise ArgumentError("the group is empty: collect more networks or move its edges")
    if count < latent:
        raise ArgumentError(
            f"`latent` must be at most the number of networks, got {latent} for {count}: "
            "collect more networks or ask for a smaller embedding"
        )
