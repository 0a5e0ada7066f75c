"""A part of a training that stands alone: its networks, its steps, its checkpoint."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from eigenwell.errors import ArgumentError, FormatError, TrainingError
from eigenwell.worlds import _checkpoint
from eigenwell.worlds.torch._trainer import load_weights

if TYPE_CHECKING:
    from eigenwell.worlds.torch._model import Row

Arrays = dict[str, npt.NDArray[Any]]


class Stage(ABC):
    """Some networks and the steps that train them.

    Whatever is random in a step comes from the seed and the step's number alone, so nothing of a
    generator has to be kept.

    Args:
        name: Of its file and its rows.
        steps: How many.
        seed: Numbers that no other stage has.
        identity: Whatever decides the result, as JSON holds it: to know a checkpoint by.

    Attributes:
        modules: What has weights, by name.
        optimisers: By name, with the peak rate of each.
    """

    def __init__(
        self, name: str, steps: int, seed: tuple[int, ...], identity: Mapping[str, Any]
    ) -> None:
        self.name, self.steps, self.identity = name, steps, dict(identity)
        self.done = 0
        self.modules: dict[str, nn.Module] = {}
        self.optimisers: dict[str, tuple[torch.optim.Adam, float]] = {}
        self.generator = torch.Generator()
        self._seed = seed

    @abstractmethod
    def losses(self) -> dict[str, float]:
        """Take one step; return its losses."""

    def measure(self) -> dict[str, float]:
        """Return more about how it stands, for a row of metrics."""
        return {}

    def start(self) -> dict[str, float]:
        """Set seed and rates for the next step, take it, and count it."""
        seed = np.random.SeedSequence([*self._seed, self.done])
        self.generator.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        for optimiser, peak in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = peak * self.rate(self.done / self.steps)
        losses = self.losses()
        self.done += 1
        return losses

    def rate(self, done: float) -> float:
        """Return the share of the peak rate, after this share of the steps: up, then a cosine."""
        rise = 0.1
        if done < rise:
            return 0.04 + 0.96 * done / rise
        return 0.5 * (1 + math.cos(math.pi * (done - rise) / (1 - rise)))

    def descend(self, loss: Tensor, *learning: str) -> float:
        """Take one step down a loss with some optimisers; return its value.

        Raises:
            TrainingError: It is not finite.
        """
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"the loss is {value} in step {self.done} of {self.name}")
        for name in learning:
            self.optimisers[name][0].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for name in learning:
            self.optimisers[name][0].step()
        return value

    def draw(self, high: int, count: int) -> Tensor:
        """Return random integers below ``high``."""
        return torch.randint(high, (count,), generator=self.generator)

    def arrays(self) -> Arrays:
        """Return weights and optimisers.

        Raises:
            TrainingError: A weight is not finite.
        """
        named: Arrays = {}
        for prefix, module in self.modules.items():
            for name, tensor in module.state_dict().items():
                named[f"{prefix}.{name}"] = tensor.numpy()
        for name, array in named.items():
            if not np.isfinite(array).all():
                raise TrainingError(f"`{name}` is not finite after step {self.done} of {self.name}")
        if self.done < self.steps:
            for label, (optimiser, _) in self.optimisers.items():
                for number, state in optimiser.state_dict()["state"].items():
                    for name, tensor in state.items():
                        named[f"adam {label}.{number}.{name}"] = tensor.numpy()
        return named

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]], done: int) -> None:
        """Take up what :meth:`arrays` returned.

        Raises:
            FormatError: They are of other networks.
        """
        for prefix, module in self.modules.items():
            load_weights(module, prefix, arrays)
        for label, (optimiser, _) in self.optimisers.items():
            states: dict[int, dict[str, Tensor]] = {}
            for name, array in arrays.items():
                first, _, rest = name.partition(".")
                number, _, field = rest.partition(".")
                if first == f"adam {label}":
                    states.setdefault(int(number), {})[field] = torch.from_numpy(np.array(array))
            optimiser.load_state_dict({**optimiser.state_dict(), "state": states})
        self.done = done


def run(
    stage: Stage,
    file: Path | None,
    *,
    every: int,
    report_every: int,
    report: Callable[[Row], None],
    stop: Event,
) -> None:
    """Take all steps of a stage, from where its file has it.

    Args:
        stage: What to run.
        file: Its checkpoint, written every so many steps and at the end; None keeps none.
        every: Steps between two checkpoints.
        report_every: Steps between two rows of metrics.
        report: Takes the rows.
        stop: Set from elsewhere, it ends the stage after a step, with a checkpoint.

    Raises:
        ArgumentError: The file is of another stage.
        FormatError: It is damaged.
        TrainingError: A loss or a weight is not finite; the last good checkpoint stays.
    """
    if file is not None and file.exists():
        _take_up(stage, file)
    kept = stage.done
    try:
        while stage.done < stage.steps and not stop.is_set():
            losses = stage.start()
            last = stage.done == stage.steps
            if stage.done % report_every == 0 or last:
                report({"step": stage.done, "of": stage.steps, **losses, **stage.measure()})
            if file is not None and (stage.done % every == 0 or last or stop.is_set()):
                _checkpoint.write(file, stage.arrays(), {"done": stage.done, **stage.identity})
                kept = stage.done
    except TrainingError as error:
        if file is None:
            raise
        where = f"`{file}` has step {kept}" if kept else "nothing was saved yet"
        raise TrainingError(f"{error}; {where}") from error


def _take_up(stage: Stage, file: Path) -> None:
    arrays, about = _checkpoint.read(file)
    for name, value in stage.identity.items():
        if about.get(name) != value:
            raise ArgumentError(
                f"`{file}` was made with {name} = {about.get(name)!r}, not {value!r}: name another "
                f"folder"
            )
    try:
        stage.restore(arrays, int(about["done"]))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"`{file}` is damaged: {type(error).__name__} {error}") from None
