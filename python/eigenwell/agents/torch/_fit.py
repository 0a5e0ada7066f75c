"""Fitting an embedding: decisions before weights, then a prior of what the decoder makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from eigenwell import cartpole
from eigenwell.agents._decisions import visited_states
from eigenwell.agents._symmetry import canonical
from eigenwell.agents.torch._config import EmbeddingConfig
from eigenwell.agents.torch._embedding import CHUNK, QUANTILES, Embedding
from eigenwell.agents.torch._networks import gaussian, kl_to_normal
from eigenwell.agents.torch._plain import enough
from eigenwell.agents.torch._policy import decision, imitation_loss
from eigenwell.errors import TrainingError

if TYPE_CHECKING:
    from eigenwell.agents._population import Population

Floats = npt.NDArray[np.float32]
Progress = Callable[[str, int, int, float], None]

_POOL = 2000  # visited states of each group that batches share
_FIRST_SHARPNESS, _RAMP = 0.25, 0.6  # share of the sharpness at first; of the epochs to reach it
_STARTS = 10**6  # apart from the seeds that callers measure with


def fit(
    population: Population,
    *,
    config: EmbeddingConfig = EmbeddingConfig(),  # noqa: B008  (frozen)
    progress: Progress | None = None,
) -> Embedding:
    """Fit an embedding to a population of all groups.

    1. Encoder and decoder: the KL divergence of the actions of the decoded network from those of
       the original, on states of its own episodes and on others', plus the squared error of the
       canonical weights in units of their layer, plus a small KL divergence from N(0, I).
    2. Latents are drawn from the posteriors, decoded, and the decoded networks play: their own
       survival is the label. On these pairs the prior given survival is fitted by maximum
       likelihood, and on them and the originals' survivals the prediction.

    Args:
        population: Networks to fit, without those to test on.
        config: Settings.
        progress: Called with the stage, epochs done, of all, and the loss.

    Raises:
        DTypeError: The architecture is not an MLP.
        ArgumentError: There are fewer networks than latent dimensions.
        TrainingError: The loss is not finite.

    Note:
        The same seed gives the same model on the same machine.
    """
    architecture = population.architecture
    weights = canonical(population.weights, architecture)  # type: ignore[arg-type]
    assert isinstance(architecture, cartpole.MLP)  # or it would have been refused
    enough(len(weights), config.latent)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = Embedding(config, architecture, cap=population.cap, edges=population.edges)
    generator = torch.Generator().manual_seed(config.seed)
    states = visited_states(
        weights,
        architecture,
        count=config.own_states,
        cap=population.cap,
        seed=_STARTS + config.seed,
    )
    pool = _pool(states, population.group, config.seed)
    _normalise(model, weights, pool, population, generator)
    report = progress or (lambda *_: None)
    data = torch.from_numpy(weights)
    _fit_autoencoder(
        model, data, torch.from_numpy(states), pool, generator=generator, report=report
    )
    _fit_prior(model, data, torch.from_numpy(population.survival), generator, report)
    model.zero_grad()
    return model.eval()


def _pool(states: Floats, group: npt.NDArray[np.integer[Any]], seed: int) -> torch.Tensor:
    """Return visited states of all groups in equal shares, [m, 4]."""
    rng, parts = np.random.default_rng(seed), []
    for kind in np.unique(group):
        flat = states[group == kind].reshape(-1, states.shape[-1])
        parts.append(rng.choice(flat, _POOL))
    return torch.from_numpy(rng.permutation(np.concatenate(parts)))


def _normalise(
    model: Embedding,
    weights: Floats,
    pool: torch.Tensor,
    population: Population,
    generator: torch.Generator,
) -> None:
    """Set what is fixed from the data: probes, moments of the weights, survivals of the groups."""
    model.probes.copy_(pool[torch.randint(len(pool), (len(model.probes),), generator=generator)])
    model.mean.copy_(torch.from_numpy(weights.mean(axis=0)))
    parts = model.architecture.unpack((weights - weights.mean(axis=0)) ** 2)
    spreads = [
        np.full(part[0].size, np.sqrt(part.mean()) + 1e-6) for layer in parts for part in layer
    ]
    model.spread.copy_(torch.from_numpy(np.concatenate(spreads)))
    for kind in np.unique(population.group):
        survivals = population.survival[population.group == kind]
        row = np.quantile(survivals, np.linspace(0, 1, QUANTILES)).astype(np.float32)
        model.quantiles[int(kind) - 1] = torch.from_numpy(row)


def _fit_autoencoder(
    model: Embedding,
    data: torch.Tensor,
    states: torch.Tensor,
    pool: torch.Tensor,
    *,
    generator: torch.Generator,
    report: Progress,
) -> None:
    config, architecture = model.config, model.architecture
    modules = [*model.encoder.parameters(), *model.decoder.parameters()]
    fingerprints = torch.cat([model.fingerprint(part) for part in torch.split(data, CHUNK)])
    jitter = config.jitter * pool.std(dim=0)
    batches = max(1, len(data) // config.batch)
    step = _Stepper(modules, config.learning_rate, config.epochs * batches)
    for epoch in range(config.epochs):
        ramp = _FIRST_SHARPNESS + epoch / (config.epochs * _RAMP)
        sharpness = config.sharpness * min(1.0, ramp)
        for rows in torch.randperm(len(data), generator=generator).tensor_split(batches):
            target = data[rows]
            mean, log_std = gaussian(model.encoder(fingerprints[rows]))
            z = mean + log_std.exp() * torch.randn(mean.shape, generator=generator)
            decoded = model.decoder(z)
            shared = pool[torch.randint(len(pool), (config.shared_states,), generator=generator)]
            seen = torch.cat([states[rows], shared.expand(len(rows), -1, -1)], dim=1)
            seen = seen + jitter * torch.randn(seen.shape, generator=generator)
            behaviour = imitation_loss(
                decision(decoded * model.spread + model.mean, seen, architecture),
                decision(target, seen, architecture),
                sharpness=sharpness,
            )
            own, others = behaviour.tensor_split([states.shape[1]], dim=1)
            error = (decoded - (target - model.mean) / model.spread).square().mean()
            loss = own.mean() + others.mean() + config.weights * error
            value = step(loss + config.kl * kl_to_normal(mean, log_std))
        report("decisions", epoch + 1, config.epochs, value)


def _fit_prior(
    model: Embedding,
    data: torch.Tensor,
    survival: torch.Tensor,
    generator: torch.Generator,
    report: Progress,
) -> None:
    config = model.config
    with torch.no_grad():
        heads = [model.posterior(part) for part in torch.split(data, CHUNK)]
        means, log_std = (torch.cat(part) for part in zip(*heads, strict=True))
        draws = [
            means + log_std.exp() * torch.randn(means.shape, generator=generator)
            for _ in range(config.draws)
        ]
        z = torch.cat(draws)
    starts = cartpole.starts(config.episodes, seed=_STARTS + config.seed + 1)
    steps = cartpole.rollout(
        model.decode(z.numpy()),
        architecture=model.architecture,
        starts=starts,
        cap=model.cap,
        mode="fast",
    )
    label = torch.from_numpy(steps.mean(axis=1).astype(np.float32))
    condition = model.conditions(label)
    model.prior.standardise(z)
    batches = max(1, len(z) // (2 * config.batch))
    total = config.prior_epochs * batches
    flow = _Stepper([*model.prior.parameters()], 2e-3, total)
    head = _Stepper([*model.survival.parameters()], 4e-3, total)
    for epoch in range(config.prior_epochs):
        for rows in torch.randperm(len(z), generator=generator).tensor_split(batches):
            value = flow(-model.prior.log_prob(z[rows], condition[rows]).mean())
            real = rows % len(data)
            error = (model.predicted(z[rows], decoded=True) - label[rows] / model.cap).square()
            error_real = (
                model.predicted(means[real], decoded=False) - survival[real] / model.cap
            ).square()
            head(error.mean() + error_real.mean())
        report("prior", epoch + 1, config.prior_epochs, value)


class _Stepper:
    """AdamW in one cycle, with gradients clipped."""

    def __init__(self, parameters: list[Any], rate: float, steps: int) -> None:
        self._parameters = parameters
        self._adam = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-4)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._adam, rate, total_steps=steps, pct_start=0.1
        )

    def __call__(self, loss: torch.Tensor) -> float:
        """Take a step; return the loss.

        Raises:
            TrainingError: It is not finite.
        """
        value = float(loss.detach())
        if not np.isfinite(value):
            raise TrainingError("the loss is no longer finite: try a smaller `learning_rate`")
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._adam.step()
        self._schedule.step()
        return value
