"""The descent in torch: its optimizers, on its devices, with native gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eigenwell import _checks
from eigenwell.errors import DeviceError
from eigenwell.pairwise import energy_and_gradient
from eigenwell.particles._engines import Array, State

if TYPE_CHECKING:
    from eigenwell.particles._system import System


@dataclass(frozen=True)
class TorchDescent:
    """``torch.optim.SGD`` or ``Adam`` with the gradients of :mod:`eigenwell.pairwise`."""

    system: System
    momentum: float
    optimizer: str
    device: str

    def __post_init__(self) -> None:
        torch = _checks.require("torch", extra="learn")
        try:
            torch.zeros(1, device=self.device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch raises each
            reason = str(error).partition("\n")[0]
            raise DeviceError(
                f"`device` must be one that torch can use here, got {self.device!r}: {reason}"
            ) from error

    def advance(
        self, state: State, steps: int, record_every: int
    ) -> tuple[State, tuple[Array, ...]]:
        """As :class:`eigenwell.particles._engines.Engine` says."""
        torch = _checks.require("torch", extra="learn")
        points = [torch.tensor(x, device=self.device) for x in state.positions]
        optimizer = self._optimizer(torch, points, state)
        records = [[x.new_empty((0, *x.shape))] for x in points]
        for step in range(1, steps + 1):
            for x, gradient in zip(points, self._gradients(torch, points), strict=True):
                x.grad = gradient
            optimizer.step()
            if step % record_every == 0:
                for kept, x in zip(records, points, strict=True):
                    kept.append(x[None].clone())
        memory = {
            f"{name}.{key}": value.cpu().numpy()
            for name, x in zip(self.system.names, points, strict=True)
            for key, value in optimizer.state[x].items()
            if value is not None  # SGD's momentum_buffer without momentum
        }
        return State(tuple(x.cpu().numpy() for x in points), memory), tuple(
            torch.cat(kept).cpu().numpy() for kept in records
        )

    def _optimizer(self, torch: Any, points: list[Any], state: State) -> Any:
        groups = [
            {"params": [x], "lr": species.learning_rate}
            for x, species in zip(points, self.system.species, strict=True)
        ]
        optimizer = (
            torch.optim.Adam(groups)
            if self.optimizer == "adam"
            else torch.optim.SGD(groups, momentum=self.momentum)
        )
        owners = dict(zip(self.system.names, points, strict=True))
        for entry, value in state.memory.items():
            name, _, key = entry.partition(".")
            # Adam counts its steps on the CPU, in a tensor without axes.
            where = self.device if value.ndim else "cpu"
            optimizer.state[owners[name]][key] = torch.tensor(value, device=where)
        return optimizer

    def _gradients(self, torch: Any, points: list[Any]) -> list[Any]:
        gradients = [torch.zeros_like(x) for x in points]
        for term in self.system.terms():
            own = term.second in {None, term.first}
            found: Any = energy_and_gradient(
                points[term.first],
                None if own else points[term.second or 0],
                exponent=term.exponent,
                pairs=term.pairs,
            )
            # One gradient of a species with itself, two of two.
            for index, gradient in zip((term.first, term.second), found[1:], strict=False):
                gradients[index or 0].add_(gradient, alpha=term.strength)
        return gradients
