"""One model in training: its batches, optimisers and steps, and all of it as arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from eigenwell.errors import FormatError, TrainingError
from eigenwell.worlds.torch import _phases
from eigenwell.worlds.torch._batches import Sampler, check_worlds, usual_picture
from eigenwell.worlds.torch._model import MetaModel

if TYPE_CHECKING:
    from eigenwell.worlds import _storage
    from eigenwell.worlds._config import MetaConfig

Arrays = dict[str, npt.NDArray[Any]]


class Trainer:
    """Trains a model, an iteration at a time.

    Batches and noise come from the seed and the iteration's number alone, so nothing of a random
    generator has to be kept.

    Args:
        config: What to train, and how.
        worlds: At least two.

    Raises:
        ArgumentError: The worlds do not go together.
    """

    def __init__(self, config: MetaConfig, worlds: Sequence[_storage.World]) -> None:
        check_worlds(worlds, config)
        self.config, self.worlds, self.iteration = config, worlds, 0
        self.sampler = Sampler(worlds, config)
        count, actions = len(worlds), worlds[0].origin.actions
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = MetaModel(config, count, actions)
            self.aligner = _phases.Aligner(config, count, actions)
        joint = config.recipe == "joint"
        # A generator's first moment would still push where its adversary was.
        betas = (0.5, 0.999) if joint and config.adversary else (0.9, 0.999)
        remembers = [*self.model.memories.parameters(), *self.aligner.inverse.parameters()]
        self.optimisers = {
            "vision": torch.optim.Adam(
                self.model.visions.parameters(), config.vision_rate, betas=betas
            ),
            "memory": torch.optim.Adam(remembers, config.memory_rate, betas=betas),
            "adversary": torch.optim.Adam(
                self.aligner.adversary.parameters(), config.adversary_rate, betas=betas
            ),
        }
        self._generator = torch.Generator()
        self._usual = torch.stack([usual_picture(world) for world in worlds])

    def step(self) -> dict[str, float]:
        """Run an iteration; return the mean of each loss over its steps.

        Raises:
            TrainingError: A loss is not finite; that step was not taken.
        """
        turn = self._joint if self.config.recipe == "joint" else self._alternating
        sums: dict[str, list[float]] = {}
        for losses in turn():
            for name, value in losses.items():
                sums.setdefault(name, []).append(float(value.detach()))
        self.iteration += 1
        return {name: sum(values) / len(values) for name, values in sums.items()}

    def _alternating(self) -> Iterator[_phases.Losses]:
        """P steps, steps of the memory alone, R steps."""
        config, numbers = self.config, itertools.count()
        phases = (
            (_phases.prediction_phase, config.prediction_steps, ("vision", "memory")),
            (_phases.prediction_phase, config.memory_steps, ("memory",)),
            (_phases.reconstruction_phase, config.reconstruction_steps, ("vision",)),
        )
        for phase, steps, learning in phases:
            if config.matching_only and phase is _phases.prediction_phase:
                continue
            for _ in range(steps):
                batch = self._batch(next(numbers))
                losses = phase(self.model, batch, config, self._generator)
                self._descend(losses["total"], *learning)
                yield losses

    def _joint(self) -> Iterator[_phases.Losses]:
        config = self.config
        alone = self.iteration < config.head_start
        others = range(1 if config.head_start else 0, len(self.worlds))
        since = self.iteration - config.head_start
        trained = range(1) if alone else others
        # With world 0 what all others must come to, its weights and the memory's stay.
        stays = bool(config.head_start) and not alone
        for world in range(len(self.worlds)):
            self.model.vision(world).requires_grad_(world in trained)
        for module in (self.model.memories, self.aligner.inverse):
            module.requires_grad_(not stays)
        batch = self._batch(0)
        losses, latents = _phases.joint_losses(
            self.model,
            self.aligner,
            batch,
            config,
            self._generator,
            usual=self._usual,
            trained=trained,
            ramp=min(1.0, since / config.ramp) if config.ramp else 1.0,
        )
        self._descend(losses["total"], "vision", "memory")
        if "adversary" in losses:
            actions = _phases.one_hot(batch, self.model.actions)
            for _ in range(config.adversary_steps):
                told = self.aligner.adversary_loss(latents, actions)
                self._descend(told, "adversary")
            losses["telling"] = told
        yield losses

    def _batch(self, number: int) -> Any:
        seed = np.random.SeedSequence([self.config.seed, self.iteration, number])
        self._generator.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        return self.sampler.draw(self.iteration, number)

    def _descend(self, loss: Tensor, *learning: str) -> None:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"the loss is {value} in iteration {self.iteration}")
        for name in self.optimisers:
            self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for name in learning:
            self.optimisers[name].step()

    def arrays(self) -> Arrays:
        """Return weights and optimisers.

        Raises:
            TrainingError: A weight is not finite.
        """
        named: Arrays = {}
        for prefix, module in self._modules():
            for name, tensor in module.state_dict().items():
                named[f"{prefix}.{name}"] = tensor.numpy()
        for name, array in named.items():
            if not np.isfinite(array).all():
                raise TrainingError(f"`{name}` is not finite after iteration {self.iteration}")
        for label, optimiser in self.optimisers.items():
            for number, state in optimiser.state_dict()["state"].items():
                for name, tensor in state.items():
                    named[f"{label}.{number}.{name}"] = tensor.numpy()
        return named

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]], iteration: int) -> None:
        """Take up what :meth:`arrays` returned.

        Raises:
            FormatError: They are of another model.
        """
        for prefix, module in self._modules():
            load_weights(module, prefix, arrays)
        for label, optimiser in self.optimisers.items():
            states: dict[int, dict[str, Tensor]] = {}
            for name, array in arrays.items():
                first, _, rest = name.partition(".")
                number, _, field = rest.partition(".")
                if first == label:
                    states.setdefault(int(number), {})[field] = torch.from_numpy(np.array(array))
            whole = optimiser.state_dict()
            optimiser.load_state_dict({**whole, "state": states})
        self.iteration = iteration

    def _modules(self) -> tuple[tuple[str, nn.Module], ...]:
        return (("model", self.model), ("aligner", self.aligner))


def load_weights(module: nn.Module, prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Load the arrays whose names begin with ``prefix`` into a module.

    Raises:
        FormatError: They are of another one.
    """
    start = f"{prefix}."
    tensors = {
        name.removeprefix(start): torch.from_numpy(np.array(array))
        for name, array in arrays.items()
        if name.startswith(start)
    }
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise FormatError(f"the checkpoint is of another model: {reason}") from None
