"""Fits a small network to a function on an interval or a rectangle, from several starts at once.

Adam with the layer's smooth gradient, cooled down, finds the basin; Levenberg-Marquardt with the
exact gradient goes to its bottom. Any other module can be fitted by the same means, to compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import torch

from eigenwell import _checks
from eigenwell.dc.torch._layer import DCLayer
from eigenwell.dc.torch._neurons import Neurons
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

Function = Callable[..., torch.Tensor]
Network = Callable[[torch.Generator], torch.nn.Module]
Parameters = dict[str, torch.Tensor]  # each with a leading axis: the starts

POINTS = {1: 201, 2: 21}  # of an axis, to fit
HELD_OUT_POINTS = {1: 4001, 2: 201}  # of an axis, to measure the error
LEARNING_RATE = 0.03
COLDEST = 0.01  # times the first temperature
# Pieces that begin too flat are covered by the first few that turn steep, and die.
STEEPER = 8.0
DAMPED_OUT = 1e8  # a start whose damping has come this far has arrived


@dataclass(frozen=True)
class FunctionFit:
    """What :func:`fit_function` found.

    Attributes:
        model: The best start's, from ``(..., d)`` to ``(...,)``, float64.
        best: Its index: the smallest of the largest errors.
        max_errors: Largest absolute error of each start on a finer grid than that of the fit.
        rms_errors: Root mean squared error of each start, there.
        parameters: Number of parameters of a network.
    """

    model: torch.nn.Module
    best: int
    max_errors: tuple[float, ...]
    rms_errors: tuple[float, ...]
    parameters: int

    @property
    def max_error(self) -> float:
        """Largest absolute error of the model on the finer grid."""
        return self.max_errors[self.best]


def fit_function(
    function: Function,
    box: Sequence[tuple[float, float]],
    *,
    eigenvalues: SupportsIndex = 4,
    quadratic: bool = True,
    starts: SupportsIndex = 16,
    steps: SupportsIndex = 500,
    polish: SupportsIndex = 200,
    seed: SupportsIndex = 0,
    network: Network | None = None,
) -> FunctionFit:
    """Fit one DC neuron to a function of one or two variables, in least squares on a grid.

    Args:
        function: Takes a tensor ``(t,)`` for each variable and returns ``(t,)``, float64.
        box: ``(low, high)`` of each variable.
        eigenvalues: Of the neuron.
        quadratic: Whether it has a quadratic term.
        starts: Random beginnings, fitted side by side.
        steps: Of Adam, with a gradient that is cooled down to nearly exact.
        polish: Of Levenberg-Marquardt, with the exact gradient.
        seed: Of the beginnings.
        network: Makes another module, from ``(t, d)`` to ``(t, 1)`` in float64, to be fitted in the
            same way; called once for each start with a generator.

    Returns:
        The best model, and the errors of every start.

    Raises:
        ShapeError: There are not one or two variables, or the function's values are not ``(t,)``.
        DTypeError: A count is not an integer, or the function returns no tensor.
        ArgumentError: A count is out of range, an interval is empty or not finite, or the function
            is.

    Note:
        Deterministic for a seed and a number of threads. Inputs and outputs are standardised; the
        model undoes it.

    References:
        K. Levenberg 1944; D. Marquardt 1963.

    Example:
        >>> from eigenwell.dc.torch import fit_function
        >>> fit = fit_function(lambda x: abs(x), [(-1, 1)], quadratic=False, starts=4, steps=100)
        >>> fit.max_error < 1e-6
        True
    """
    intervals = _intervals(box)
    d = len(intervals)
    count = _checks.integer(starts, "starts", low=1, high=10_000)
    adam_steps = _checks.integer(steps, "steps", low=0, high=10**9)
    polish_steps = _checks.integer(polish, "polish", low=0, high=10**9)
    generator = torch.Generator().manual_seed(_checks.integer(seed, "seed", low=0, high=2**63 - 1))

    def neuron(source: torch.Generator) -> torch.nn.Module:
        options: Any = {"quadratic": quadratic, "generator": source, "dtype": torch.float64}
        layer = DCLayer(d, 1, eigenvalues, **options)
        with torch.no_grad():
            layer.weights.mul_(STEEPER)
            layer.biases.mul_(STEEPER)
        return layer

    x = _grid(intervals, POINTS[d])
    y = _values(function, x)
    z, t, units = _standardised(x, y, intervals)
    networks = [(network or neuron)(generator) for _ in range(count)]
    ensemble = _Ensemble(networks)
    parameters = ensemble.descend(z, t, adam_steps)
    parameters = ensemble.polish(parameters, z, t, polish_steps)

    held_out = _grid(intervals, HELD_OUT_POINTS[d])
    wanted = _values(function, held_out)
    with torch.no_grad():
        outputs = ensemble.outputs(parameters, (held_out - units.shift) * units.scale)
        errors = units.mean + units.spread * outputs - wanted
    max_errors = errors.abs().amax(-1)
    best = int(max_errors.nan_to_num(math.inf).argmin())
    chosen = networks[best]
    chosen.load_state_dict({**chosen.state_dict(), **{k: v[best] for k, v in parameters.items()}})
    return FunctionFit(
        model=_InUnits(chosen, units),
        best=best,
        max_errors=tuple(max_errors.tolist()),
        rms_errors=tuple(errors.square().mean(-1).sqrt().tolist()),
        parameters=sum(p.numel() for p in chosen.parameters()),
    )


@dataclass(frozen=True)
class _Units:
    """What was subtracted and divided to give inputs and outputs mean 0 and variance 1."""

    shift: torch.Tensor  # (d,)
    scale: torch.Tensor  # (d,)
    mean: torch.Tensor  # ()
    spread: torch.Tensor  # ()


class _InUnits(torch.nn.Module):
    """A network between the units of the function that it was fitted to."""

    def __init__(self, network: torch.nn.Module, units: _Units) -> None:
        super().__init__()
        self.network = network
        for name, value in vars(units).items():
            self.register_buffer(name, value)

    shift: torch.Tensor
    scale: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.network((x - self.shift) * self.scale)
        return self.mean + self.spread * output[..., 0]


class _Ensemble:
    """Networks of one architecture, evaluated and trained together."""

    def __init__(self, networks: Sequence[torch.nn.Module]) -> None:
        self.base = networks[0]
        self.names = [name for name, _ in self.base.named_parameters()]
        each = [dict(network.named_parameters()) for network in networks]
        self.start = {n: torch.stack([p[n].detach() for p in each]) for n in self.names}

    def _output(self, parameters: Parameters, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(self.base, parameters, (x,))
        return result[..., 0]

    def outputs(self, parameters: Parameters, x: torch.Tensor) -> torch.Tensor:
        """Outputs of each network, ``(starts, t)``."""
        result: torch.Tensor = torch.func.vmap(self._output, in_dims=(0, None))(parameters, x)
        return result

    def jacobian(self, parameters: Parameters, x: torch.Tensor) -> torch.Tensor:
        """Derivatives of each output by its network's parameters, ``(starts, t, p)``."""
        by_point = torch.func.vmap(torch.func.grad(self._output), in_dims=(None, 0))
        gradients = torch.func.vmap(by_point, in_dims=(0, None))(parameters, x)
        return torch.cat([gradients[name].flatten(2) for name in self.names], -1)

    def descend(self, x: torch.Tensor, y: torch.Tensor, steps: int) -> Parameters:
        """Run Adam on the mean squared error, with the learning rate annealed to zero."""
        parameters = {n: p.clone().requires_grad_() for n, p in self.start.items()}
        optimiser = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE)
        base, hottest = self.base, getattr(self.base, "temperature", 1.0)
        for step in range(steps):
            if isinstance(base, Neurons):
                base.temperature = hottest * COLDEST ** (step / steps)
            rate = LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2
            optimiser.param_groups[0]["lr"] = rate
            optimiser.zero_grad()
            loss = (self.outputs(parameters, x) - y).square().mean(-1).sum()
            torch.autograd.backward(loss)
            optimiser.step()
        if isinstance(base, Neurons):
            base.temperature = hottest
        return {n: p.detach() for n, p in parameters.items()}

    @torch.no_grad()
    def polish(
        self, parameters: Parameters, x: torch.Tensor, y: torch.Tensor, steps: int
    ) -> Parameters:
        """Run Levenberg-Marquardt, each start with its own damping."""
        base = self.base
        rule = base.backward if isinstance(base, Neurons) else None
        if isinstance(base, Neurons):
            base.backward = "hard"
        residuals = self.outputs(parameters, x) - y
        costs = residuals.square().sum(-1)
        damping = torch.full_like(costs, 1e-2)
        for _ in range(steps):
            jacobian = self.jacobian(parameters, x)
            normal = jacobian.mT @ jacobian
            # Marquardt's scaling; the floor is for parameters that no output depends on.
            ridge = damping[:, None] * (normal.diagonal(dim1=-2, dim2=-1) + 1e-9)
            gradient = jacobian.mT @ residuals[..., None]
            change = torch.linalg.solve_ex(normal + torch.diag_embed(ridge), gradient)[0][..., 0]
            proposal = self._moved(parameters, change)
            new_residuals = self.outputs(proposal, x) - y
            new_costs = new_residuals.square().sum(-1)
            better = new_costs < costs  # False for NaN
            parameters = {
                n: torch.where(better.view(-1, *[1] * (p.dim() - 1)), proposal[n], p)
                for n, p in parameters.items()
            }
            residuals = torch.where(better[:, None], new_residuals, residuals)
            costs = torch.where(better, new_costs, costs)
            damping = (damping * torch.where(better, 0.3, 4.0)).clamp(1e-12, DAMPED_OUT)
            if bool((damping == DAMPED_OUT).all()):
                break
        if isinstance(base, Neurons) and rule is not None:
            base.backward = rule
        return parameters

    def _moved(self, parameters: Parameters, change: torch.Tensor) -> Parameters:
        sizes = [parameters[name][0].numel() for name in self.names]
        parts = dict(zip(self.names, torch.split(change, sizes, -1), strict=True))
        return {name: p - parts[name].view_as(p) for name, p in parameters.items()}


def _intervals(box: Any) -> list[tuple[float, float]]:
    rows = _checks.real_array(box, "box")
    if rows.ndim != 2 or rows.shape[0] not in POINTS or rows.shape[1] != 2:
        raise ShapeError(f"`box` must hold (low, high) of one or two variables, got {box!r}")
    intervals = [(float(low), float(high)) for low, high in rows]
    if not all(-math.inf < low < high < math.inf for low, high in intervals):
        raise ArgumentError(f"`box` must hold finite intervals with low < high, got {box!r}")
    return intervals


def _grid(intervals: Sequence[tuple[float, float]], points: int) -> torch.Tensor:
    """Return ``(points ** d, d)``, the ends included."""
    axes = [torch.linspace(*ends, points, dtype=torch.float64) for ends in intervals]
    return torch.cartesian_prod(*axes).reshape(-1, len(axes))


def _values(function: Function, x: torch.Tensor) -> torch.Tensor:
    y = function(*x.unbind(-1))
    if not isinstance(y, torch.Tensor):
        raise DTypeError(f"`function` must return a torch tensor, got {type(y).__name__}")
    if y.shape != x.shape[:1]:
        raise ShapeError(f"`function` must return shape ({len(x)},), got {tuple(y.shape)}")
    if not y.isfinite().all():
        raise ArgumentError("`function` must be finite in the whole of `box`")
    return y.double()


def _standardised(
    x: torch.Tensor, y: torch.Tensor, intervals: Sequence[tuple[float, float]]
) -> tuple[torch.Tensor, torch.Tensor, _Units]:
    ends = torch.tensor(intervals, dtype=torch.float64)
    shift, scale = ends.mean(1), math.sqrt(12) / (ends[:, 1] - ends[:, 0])
    mean, spread = y.mean(), y.std(correction=0)
    spread = torch.where(spread > 0, spread, 1.0)
    return (x - shift) * scale, (y - mean) / spread, _Units(shift, scale, mean, spread)
