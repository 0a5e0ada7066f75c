"""The terms of the loss, one function each."""

from __future__ import annotations

import torch


def clipped_objective(
    log_ratio: torch.Tensor,  # (b,), log pi(a|s) - log pi_old(a|s)
    advantages: torch.Tensor,  # (b,)
    *,
    clip: float,
) -> torch.Tensor:
    """Return ``mean(min(r A, clip(r, 1 - c, 1 + c) A))``, which ascends.

    References:
        Schulman et al. 2017, equation 7.
    """
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1.0 - clip, 1.0 + clip)
    return torch.minimum(ratio * advantages, clipped * advantages).mean()


def approximate_kl(log_ratio: torch.Tensor) -> torch.Tensor:
    """Estimate ``KL(pi_old | pi)`` as the mean of ``r - 1 - log r``: unbiased and never negative.

    References:
        Schulman 2020, "Approximating KL divergence", estimator k3; Huang et al. 2022, detail 12.
    """
    return (torch.expm1(log_ratio) - log_ratio).mean()


def normalised(advantages: torch.Tensor) -> torch.Tensor:
    """Return a minibatch's advantages with mean 0 and standard deviation 1.

    References:
        Huang et al. 2022, detail 7; per minibatch rather than per rollout matters little
        (Andrychowicz et al. 2021).
    """
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
