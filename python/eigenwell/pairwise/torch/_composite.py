"""The derivatives that have no kernel, in plain torch: weights, third order, twice of distances.

Every function here is made of differentiable torch operations, so autograd goes on from here to any
order. The price is O(n m d) memory where the kernels need O(n + m); it is paid only by who asks
for one of these derivatives.

A pair with r = 0 contributes 0, as in the kernels. float16 and bfloat16 are computed in float32.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from eigenwell.pairwise.torch._launch import compute_dtype


class Roles(NamedTuple):
    """A derivative by the first point of every pair and by the second, also where y is x."""

    x: torch.Tensor
    y: torch.Tensor


class RieszPairs:
    """All pairs of one Riesz energy: differences, powers of r and the set that counts."""

    def __init__(
        self,
        x: torch.Tensor,  # (..., n, d)
        y: torch.Tensor | None,  # (..., m, d)
        x_weights: torch.Tensor | None,  # (..., n)
        y_weights: torch.Tensor | None,  # (..., m)
        *,
        exponent: float,
        softening: float,
        pairs: str,
    ) -> None:
        self.dtype = compute_dtype(x.dtype)
        self.exponent = exponent
        others = x if y is None else y
        self.difference = _differences(x.to(self.dtype), others.to(self.dtype))
        r2 = self.difference.square().sum(-1) + softening * softening
        n, m = r2.shape[-2:]
        counts = torch.ones((n, m), dtype=torch.bool, device=x.device)
        if pairs == "upper":
            counts = counts.triu(1)
        elif pairs == "different" or y is None:
            counts = ~torch.eye(n, m, dtype=torch.bool, device=x.device)
        self.counts = counts & (r2 > 0)
        self.r2 = torch.where(self.counts, r2, 1)
        weights = [
            torch.ones(points.shape[:-1], dtype=self.dtype, device=x.device)
            if weight is None
            else weight.to(self.dtype)
            for weight, points in ((x_weights, x), (x_weights if y is None else y_weights, others))
        ]
        self.x_weights, self.y_weights = weights

    def weights_of_gradient(
        self,
        energy_factor: torch.Tensor | None,  # (...,)
        a: torch.Tensor | None,  # (..., n, m, d)
    ) -> Roles:
        """Differentiate ``sum_ij w_i v_j (e r^s + s r^(s-2) (x_i - y_j).a_ij)`` by w and v."""
        s = self.exponent
        values = torch.zeros_like(self.r2)
        if energy_factor is not None:
            values = values + energy_factor.to(self.dtype)[..., None, None] * self._power(s)
        if a is not None:
            values = values + s * self._power(s - 2) * (self.difference * a).sum(-1)
        return self._by_weights(values)

    def points_and_weights_of_hessian(
        self,
        a: torch.Tensor,  # (..., n, m, d)
        b: torch.Tensor,  # (..., n, m, d)
    ) -> tuple[Roles, Roles]:
        """Differentiate ``sum_ij w_i v_j a_ij.H_ij.b_ij`` by points and weights.

        ``H_ij = s r^(s-2) (I + (s-2) (x_i - y_j)(x_i - y_j)^T / r^2)``.
        """
        s = self.exponent
        along_a = (self.difference * a).sum(-1)
        along_b = (self.difference * b).sum(-1)
        a_b = (a * b).sum(-1)
        second, third = s * self._power(s - 2), s * (s - 2) * self._power(s - 4)
        values = second * a_b + third * along_a * along_b
        radial = third * (a_b + (s - 4) * along_a * along_b / self.r2)
        slopes = radial[..., None] * self.difference
        slopes = slopes + third[..., None] * (along_b[..., None] * a + along_a[..., None] * b)
        weights = self.x_weights[..., :, None] * self.y_weights[..., None, :]
        slopes = slopes * weights[..., None]
        return Roles(slopes.sum(-2), -slopes.sum(-3)), self._by_weights(values)

    def _power(self, exponent: float) -> torch.Tensor:
        return torch.where(self.counts, self.r2 ** (exponent / 2), 0)

    def _by_weights(self, values: torch.Tensor) -> Roles:
        return Roles(
            (values * self.y_weights[..., None, :]).sum(-1),
            (values * self.x_weights[..., :, None]).sum(-2),
        )


def relative(
    vx: torch.Tensor | None,  # (..., n, d)
    vy: torch.Tensor | None,  # (..., m, d)
    dtype: torch.dtype,
) -> torch.Tensor | None:
    """Give ``v_i - v_j`` of every pair; a missing half is zero, and None is both missing."""
    if vx is not None and vy is not None:
        return _differences(vx.to(dtype), vy.to(dtype))
    if vx is not None:
        return vx.to(dtype)[..., :, None, :]
    if vy is not None:
        return -vy.to(dtype)[..., None, :, :]
    return None


def distance_derivatives(
    grad: torch.Tensor,  # (..., pairs)
    difference: torch.Tensor,  # (..., pairs, d)
    a: torch.Tensor,  # (..., pairs, d)
) -> tuple[torch.Tensor, torch.Tensor]:
    """Differentiate ``sum grad |difference|' . a`` by grad and by the difference.

    Returns:
        ``u.a`` (..., pairs) and ``grad (a - u (u.a)) / r`` (..., pairs, d), ``u = difference / r``.
    """
    r2 = difference.square().sum(-1)
    apart = r2 > 0
    inverse = torch.where(apart, torch.where(apart, r2, 1).rsqrt(), 0)
    u = difference * inverse[..., None]
    along = (u * a).sum(-1)
    return along, (grad * inverse)[..., None] * (a - u * along[..., None])


def _differences(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x[..., :, None, :] - y[..., None, :, :]
