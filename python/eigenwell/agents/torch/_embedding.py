"""Embeddings of agents: what is fitted, and what it is asked."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from eigenwell import _checks, cartpole
from eigenwell.agents._symmetry import canonical, checked
from eigenwell.agents.torch import _storage
from eigenwell.agents.torch._config import EmbeddingConfig
from eigenwell.agents.torch._networks import Flow, gaussian, perceptron
from eigenwell.agents.torch._policy import decision, scale
from eigenwell.errors import ArgumentError, FormatError, ShapeError

Floats = npt.NDArray[np.float32]
QUANTILES = 257
_KIND = "embedding"
_CONDITIONS = 3
CHUNK = 4096  # networks at a time


class Embedding(nn.Module):
    """Vectors for agents, from what they decide; agents for vectors; and a prior given survival.

    - The encoder reads a network's decisions on fixed probe states, divided by their root mean
      square: a fingerprint of what it does. Hidden units' order and signs do not enter.
    - The decoder returns weights in the canonical order of :func:`eigenwell.agents.canonical`.
    - The prior is a normalising flow of the latent given the survival of the decoded agent.
    - A perceptron predicts survival from the embedding.

    Made by :func:`fit` or :meth:`load`. Arrays in, arrays out; everything runs on the CPU.

    Args:
        config: Sizes.
        architecture: Of the agents.
        cap: Most steps of an episode, to which survival refers.
        edges: Of the groups, as of a population.
    """

    probes: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor
    quantiles: torch.Tensor

    def __init__(
        self,
        config: EmbeddingConfig,
        architecture: cartpole.MLP,
        *,
        cap: int,
        edges: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.fitted_on = ""  # digest of the networks, of a model that `fit_all` made
        self.config, self.architecture, self.cap, self.edges = config, architecture, cap, edges
        d, p = config.latent, architecture.parameters
        generator = torch.Generator().manual_seed(config.seed)
        self.encoder = perceptron((config.probes, *config.encoder, 2 * d))
        self.decoder = perceptron((d, *config.decoder, p))
        self.prior = Flow(
            d,
            _CONDITIONS,
            couplings=config.couplings,
            hidden=config.prior_hidden,
            generator=generator,
        )
        self.survival = perceptron((d + 1, 128, 128, 1))  # of the agent (0) or the decoded one (1)
        self.register_buffer("probes", torch.zeros(config.probes, architecture.sizes[0]))
        self.register_buffer("mean", torch.zeros(p))
        self.register_buffer("spread", torch.ones(p))
        self.register_buffer("quantiles", torch.zeros(len(edges) + 1, QUANTILES))

    # With gradients, for fitting and repair.

    def fingerprint(self, weights: torch.Tensor) -> torch.Tensor:
        """Return what the encoder reads, [n, probes], for weights [n, p]."""
        response = decision(weights, self.probes, self.architecture)
        return torch.tanh(2 * response / scale(response))

    def posterior(self, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log standard deviation of the latent, each [n, d], for weights [n, p]."""
        return gaussian(self.encoder(self.fingerprint(weights)))

    def weights(self, z: torch.Tensor) -> torch.Tensor:
        """Return the weights [n, p] for latents [n, d]."""
        return self.decoder(z) * self.spread + self.mean  # type: ignore[no-any-return]

    def conditions(self, survival: torch.Tensor) -> torch.Tensor:
        """Return what the prior is told of survivals [n], as [n, 3]."""
        share = survival / self.cap
        log = torch.log1p(survival) / float(np.log1p(self.cap))
        full = (survival >= self.cap).to(share.dtype)
        return 2 * torch.stack([share, log, full], dim=1) - 1

    def predicted(self, z: torch.Tensor, *, decoded: bool) -> torch.Tensor:
        """Return the predicted survival in shares of the cap, [n], of latents [n, d]."""
        which = torch.full((len(z), 1), float(decoded))
        return self.survival(torch.cat([z, which], dim=1))[:, 0]  # type: ignore[no-any-return]

    # Arrays in, arrays out.

    @torch.no_grad()
    def embed(self, weights: npt.ArrayLike) -> Floats:
        """Return the embeddings of agents.

        Args:
            weights: float [n, p], hidden units in any order.

        Returns:
            float32 [n, latent].

        Raises:
            ShapeError: Weights do not fit the architecture.
            ArgumentError: One is not finite.
        """
        array = canonical(checked(weights, self.architecture), self.architecture)
        return self._chunked(lambda w: self.posterior(w)[0], array, self.config.latent)

    @torch.no_grad()
    def decode(self, z: npt.ArrayLike) -> Floats:
        """Return the weights of the agents at points of the latent space.

        Args:
            z: float [n, latent].

        Returns:
            float32 [n, p].

        Raises:
            ShapeError: `z` has another shape.
            ArgumentError: An element is not finite.
        """
        return self._chunked(self.weights, self._latents(z), self.architecture.parameters)

    @torch.no_grad()
    def predict_survival(self, z: npt.ArrayLike, *, decoded: bool = False) -> Floats:
        """Return the predicted mean survival, steps [n].

        Args:
            z: Embeddings, float [n, latent].
            decoded: Of the agents that the decoder returns for them, not of those they are of.

        Raises:
            ShapeError: `z` has another shape.
            ArgumentError: An element is not finite.
        """
        found = self._chunked(
            lambda x: self.predicted(x, decoded=decoded)[:, None], self._latents(z), 1
        )
        steps: Floats = np.clip(found[:, 0] * np.float32(self.cap), 1, self.cap)
        return steps

    @torch.no_grad()
    def log_prob(self, z: npt.ArrayLike, survival: npt.ArrayLike) -> Floats:
        """Return the log density of embeddings given the survival of their decoded agents, [n].

        Raises:
            ShapeError: `z` or `survival` has another shape.
            ArgumentError: An element is not finite.
        """
        latents = self._latents(z)
        wanted = self.requests(survival, len(latents))
        condition = self.conditions(torch.from_numpy(wanted))
        return self.prior.log_prob(torch.from_numpy(latents), condition).numpy()

    @torch.no_grad()
    def sample(
        self,
        count: int,
        *,
        survival: npt.ArrayLike | None = None,
        group: int | None = None,
        seed: int,
        temperature: float = 1.3,
        candidates: int = 8,
    ) -> Floats:
        """Draw latents of agents that survive as long as requested.

        Args:
            count: How many.
            survival: Requested mean steps, one number or [count].
            group: Counted from 1: the requests are drawn from the survivals of its training
                networks. With neither, from those of all groups in equal shares.
            seed: Of the draw.
            temperature: Standard deviation of the flow's noise. 1 is the density that was fitted;
                by default draws are wider, about as far from training networks as held-out
                networks are, which makes up for the details that the decoder smooths away.
            candidates: Latents drawn for each request, of which the one is returned whose
                predicted survival is nearest to it; 1 returns what the prior says.

        Returns:
            float32 [count, latent], for :meth:`decode`.

        Raises:
            ArgumentError: There is no such group, both are given, or a request is out of range.
        """
        count = _checks.integer(count, "count", low=1, high=10**7)
        candidates = _checks.integer(candidates, "candidates", low=1, high=1024)
        _checks.not_negative(temperature, "temperature")
        rng = np.random.default_rng(seed)
        if survival is None:
            wanted = self._of_group(group, count, rng)
        elif group is None:
            wanted = self.requests(survival, count)
        else:
            raise ArgumentError("`survival` and `group` cannot both be requested")
        found = [
            self._one_sample(wanted[at : at + CHUNK], candidates, temperature, rng)
            for at in range(0, count, CHUNK)
        ]
        return np.concatenate(found)

    def _one_sample(
        self, wanted: Floats, candidates: int, temperature: float, rng: np.random.Generator
    ) -> Floats:
        request = torch.from_numpy(np.repeat(wanted, candidates))
        u = rng.standard_normal((len(request), self.config.latent), dtype=np.float32)
        noise = torch.from_numpy(u) * temperature
        z = self.prior.from_noise(noise, self.conditions(request))
        predicted = (self.predicted(z, decoded=True) * self.cap).clamp(1, self.cap)
        off = (predicted - request).abs()
        best = off.view(-1, candidates).argmin(dim=1)
        return z.view(-1, candidates, z.shape[1])[torch.arange(len(best)), best].numpy()

    def requests(self, survival: npt.ArrayLike, count: int) -> Floats:
        """Return requested survivals as float32 [count].

        Raises:
            ShapeError: They are neither one number nor [count].
            ArgumentError: One is out of range.
        """
        wanted = _checks.real_array(survival, "survival").astype(np.float32)
        if wanted.shape not in ((), (count,)):
            raise ShapeError(f"`survival` must be one number or ({count},), got {wanted.shape}")
        if not ((wanted >= 1) & (wanted <= self.cap)).all():  # nor NaN
            raise ArgumentError(f"`survival` must be between 1 and {self.cap} steps")
        return np.broadcast_to(wanted, (count,)).copy()

    def decoder_layers(self) -> list[tuple[Floats, Floats, Literal["silu", "identity"]]]:
        """Return matrix [in, out], bias [out] and activation of the decoder's layers.

        Weights are ``mean + spread * output`` of the last one: a page can decode by itself.
        """
        dense = [module for module in self.decoder if isinstance(module, nn.Linear)]
        return [
            (
                layer.weight.detach().numpy().T.copy(),
                layer.bias.detach().numpy().copy(),
                "identity" if layer is dense[-1] else "silu",
            )
            for layer in dense
        ]

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        precision: Literal["float32", "float16"] = "float32",
    ) -> None:
        """Write the model, all of it or nothing.

        Args:
            path: The file.
            precision: Of the numbers in it; half of them is enough to look at.

        Raises:
            ArgumentError: The file cannot be written.
        """
        about = {
            "kind": _KIND,
            "fitted_on": self.fitted_on,
            "config": dataclasses.asdict(self.config),
            "architecture": dataclasses.asdict(self.architecture),
            "cap": self.cap,
            "edges": self.edges,
        }
        state = self.state_dict()
        if precision == "float16":
            state = {k: v.half() if v.dtype == torch.float32 else v for k, v in state.items()}
        _storage.write(path, state, about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Embedding:
        """Read what :meth:`save` wrote.

        Raises:
            ArgumentError: The file cannot be read.
            FormatError: It is no embedding of this version, or damaged.
        """
        state, about = _storage.read(path, kind=_KIND)
        try:
            model = cls(
                EmbeddingConfig(**about["config"]),
                cartpole.MLP(**about["architecture"]),
                cap=about["cap"],
                edges=tuple(about["edges"]),
            )
            model.load_state_dict(state)
            model.fitted_on = str(about["fitted_on"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise FormatError(
                f"`{path}` is not an embedding as version 1 has it: {reason}"
            ) from None
        return model.eval()

    def _of_group(self, group: int | None, count: int, rng: np.random.Generator) -> Floats:
        table = self.quantiles.numpy()
        if group is None:
            rows = rng.integers(0, len(table), count)
        else:
            rows = np.full(count, _checks.integer(group, "group", low=1, high=len(table)) - 1)
        if not table[rows].any(axis=1).all():
            raise ArgumentError("`group` must have been among the networks that were fitted")
        at = rng.uniform(0, QUANTILES - 1, count)
        low = at.astype(np.intp)
        share = (at - low).astype(np.float32)
        return (1 - share) * table[rows, low] + share * table[rows, low + 1]  # type: ignore[no-any-return]

    def _latents(self, z: npt.ArrayLike) -> Floats:
        array = np.asarray(z)
        if array.ndim != 2 or array.shape[1] != self.config.latent:
            raise ShapeError(f"`z` must have shape (n, {self.config.latent}), got {array.shape}")
        return _checks.finite_float32(array, "z", array.shape)

    @staticmethod
    def _chunked(function: Any, array: Floats, width: int) -> Floats:
        parts = [function(part) for part in torch.split(torch.from_numpy(array), CHUNK)]
        return torch.cat(parts).numpy() if len(array) else np.empty((0, width), np.float32)
