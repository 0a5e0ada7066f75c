"""An encoder in training with negatives by distance, between two epochs."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from eigenwell._checks import require
from eigenwell.errors import ArgumentError, FormatError, TrainingError
from eigenwell.pairwise import torch as pairwise
from eigenwell.wells.asr import metrics
from eigenwell.wells.asr.torch._encoder import SmallEncoder
from eigenwell.wells.asr.torch._losses import margin_loss, triplet_loss
from eigenwell.wells.asr.torch._policy import SamplerPolicy
from eigenwell.wells.asr.torch._sampling import (
    draw_from_sums,
    pair_index,
    positive_chances,
    weights_at,
)

if TYPE_CHECKING:
    from eigenwell.wells.asr._config import ASRConfig
    from eigenwell.wells.asr.datasets import Dataset

#: Takes the embeddings and labels of a batch and returns anchors, positives and negatives, as the
#: miners of pytorch-metric-learning do.
Miner: TypeAlias = Callable[
    [torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor, torch.Tensor]
]
Arrays = dict[str, npt.NDArray[Any]]

# Streams of random numbers that do not depend on the sampler, so that runs are paired by seed.
_NETWORK, _BATCHES, _PAIRS = range(3)
_CHUNK = 512
# A draw from a bin of less weight is rare: in a normal start, from the floor.
_RARE = 1e-6


class Trainer:
    """Everything that training changes, and the way to change it by an epoch.

    Args:
        config: Of the run.
        dataset: To train and to measure with.
        miner: Chooses the triplets instead of the distribution, which then stays as it is.

    Attributes:
        encoder: The network.
        distribution: Of negatives over distance.
        policy: That moves it.
        epoch: How many there were.
        seconds: What they took, by part.

    Raises:
        ArgumentError: The data set has too few classes or images for a batch, or none to validate.
    """

    def __init__(self, config: ASRConfig, dataset: Dataset, miner: Miner | None = None) -> None:
        self.config, self.dataset, self.epoch = config, dataset, 0
        self._images, self._labels = dataset.images, np.asarray(dataset.labels)
        self._members = _classes_of(dataset, config)
        self._miner = miner
        learns = config.policy == "learn" and miner is None
        if learns and len(dataset.validation) < 2:
            raise ArgumentError("`dataset` must have validation images for a policy that learns")
        sample = self._images[np.asarray(dataset.train)[:2048]].astype(np.float32)
        self._mean, self._scale = float(sample.mean()), float(max(sample.std(), 1.0))
        shape = self._tensor(np.asarray(dataset.train)[:1]).shape[1:]
        generator = torch.Generator().manual_seed(self._seed(_NETWORK))
        self.encoder = _encoder(config, tuple(shape), generator)
        self.beta = nn.Parameter(torch.tensor(config.beta))
        groups: list[dict[str, Any]] = [
            {"params": list(self.encoder.parameters()), "lr": config.learning_rate},
            {"params": [self.beta], "lr": config.beta_learning_rate},
        ]
        self._optimiser = torch.optim.Adam(groups, fused=True)
        self.distribution = config.distribution()
        self.policy = SamplerPolicy(config)
        self._index = pair_index(config.classes * config.images)
        # The same for every batch, whose images stand class by class.
        places = torch.arange(config.classes).repeat_interleave(config.images)
        self._alike = places[:, None] == places
        # Cumulative chances of the positives, and below them room for those of the negatives.
        self._sums = positive_chances(places).cumsum(1).repeat(2, 1)
        self.seconds = dict.fromkeys(("encoder", "sampling", "policy", "evaluation"), 0.0)

    def train_epoch(self) -> dict[str, float]:
        """Train for an epoch.

        Returns:
            Means over its batches: ``loss``, ``active``, the share of triplets (or pairs) with a
            loss above 0; ``used``, the share of anchors with a negative; ``drawn``, the mean
            distance of the negatives, and ``rare``, the share of them from bins of a weight below
            1e-6.

        Raises:
            TrainingError: The loss or a distance is not finite.
        """
        batches = np.random.default_rng(self._seed(_BATCHES, self.epoch))
        pairs = torch.Generator().manual_seed(self._seed(_PAIRS, self.epoch))
        sums = np.zeros(5)
        for batch in range(self.config.batches):
            try:
                row = self._step(batches, pairs)
            except ArgumentError as error:
                raise self._diverged(batch, str(error)) from None
            if not np.isfinite(row).all():
                raise self._diverged(batch, f"the loss is {row[0]}")
            sums += row
            self._act(self.epoch * self.config.batches + batch + 1)
        self.epoch += 1
        loss, active, used, drawn, rare = sums / self.config.batches
        share = max(used, 1e-12)
        return {
            "loss": loss,
            "active": active,
            "used": used,
            "drawn": drawn / share,
            "rare": rare / share,
        }

    def measure(self) -> dict[str, float]:
        """Return the metrics of the test classes, and ``validation_recall_1``."""
        began = time.perf_counter()
        test, validation = self.dataset.test, self.dataset.validation
        found = metrics.evaluate(self.embed(test), self._labels[test], seed=self.config.seed)
        if len(validation) > 1:
            near = metrics.neighbours(self.embed(validation), self._labels[validation])
            found["validation_recall_1"] = near.recall[1]
        self.seconds["evaluation"] += time.perf_counter() - began
        return found

    def embed(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the embeddings of images of the data set, ``(n, embedding)``."""
        with torch.no_grad():
            parts = [
                self.encoder(self._tensor(indices[first : first + _CHUNK])).numpy()
                for first in range(0, len(indices), _CHUNK)
            ]
        return np.concatenate(parts)

    def _step(
        self, batches: np.random.Generator, pairs: torch.Generator
    ) -> npt.NDArray[np.float64]:
        config = self.config
        began = time.perf_counter()
        indices = self._batch(batches)
        labels = torch.from_numpy(self._labels[indices])
        embeddings = self.encoder(self._tensor(indices))
        encoded = time.perf_counter()
        distances = pairwise.pdist(embeddings)
        if self._miner is None:
            weights = torch.from_numpy(self.distribution.weights)
            # Weighed as pairs, half as many as the elements of the matrix that is drawn from.
            chances = weights_at(distances.detach(), weights, support=config.support)
            matrix = chances.index_select(0, self._index.view(-1)).view(self._index.shape)
            matrix.masked_fill_(self._alike, 0.0)
            torch.cumsum(matrix, 1, out=self._sums[len(matrix) :])
            positives, negatives = draw_from_sums(self._sums, pairs).chunk(2)
            anchors = (negatives >= 0).nonzero()[:, 0]
            positives, negatives = positives[anchors], negatives[anchors]
        else:
            anchors, positives, negatives = self._miner(embeddings.detach(), labels)
        sampled = time.perf_counter()
        row = np.zeros(5)
        if len(anchors):
            near, far = self._index[anchors, positives], self._index[anchors, negatives]
            loss, active = self._loss(distances[near], distances[far])
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
            used = len(np.unique(anchors.numpy())) / len(labels)
            drawn = distances.detach()[far]
            rare = self.distribution.weights[self.distribution.bin_of(drawn.numpy())] < _RARE
            row[:] = (
                loss.item(),
                active.item(),
                used,
                used * drawn.mean().item(),
                used * rare.mean(),
            )
        self.seconds["sampling"] += sampled - encoded
        self.seconds["encoder"] += time.perf_counter() - sampled + encoded - began
        return row

    def _loss(
        self, positive: torch.Tensor, negative: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.config.loss == "triplet":
            return triplet_loss(positive, negative, margin=self.config.margin)
        return margin_loss(positive, negative, self.beta, margin=self.config.margin)

    def _act(self, batch: int) -> None:
        """Let the policy act on the distribution where its time has come."""
        config = self.config
        if config.policy == "frozen" or batch % config.update_every or self._miner is not None:
            return
        began = time.perf_counter()
        recall = nmi = 0.0
        if config.policy == "learn":
            chosen = self.dataset.validation
            embeddings, labels = self.embed(chosen), self._labels[chosen]
            recall = metrics.neighbours(embeddings, labels).recall[1]
            clusters = metrics.cluster(embeddings, len(np.unique(labels)), seed=config.seed)
            nmi = metrics.clustering(labels, clusters)[0]
        actions = self.policy.act(
            recall,
            nmi,
            self.distribution.weights,
            progress=batch / (config.epochs * config.batches),
        )
        self.distribution = self.distribution.updated(actions, multipliers=config.multipliers)
        self.seconds["policy"] += time.perf_counter() - began

    def _batch(self, generator: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return the indices of some images of some classes, class by class."""
        count = self.config.images
        indices = []
        for label in generator.permutation(len(self._members))[: self.config.classes]:
            members = generator.permutation(self._members[label])[:count]
            indices.append(members if len(members) == count else np.resize(members, count))
        return np.concatenate(indices)

    def _tensor(self, indices: npt.NDArray[np.int64]) -> torch.Tensor:
        images = torch.from_numpy(self._images[indices].astype(np.float32))
        images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
        return (images - self._mean) / self._scale

    def _seed(self, *stream: int) -> int:
        return int(np.random.SeedSequence([self.config.seed, *stream]).generate_state(1)[0])

    def _diverged(self, batch: int, why: str) -> TrainingError:
        return TrainingError(
            f"training failed in epoch {self.epoch + 1}, batch {batch + 1}: {why}: lower "
            f"`learning_rate`, {self.config.learning_rate} now"
        )

    def state(self) -> Arrays:
        """Return everything that training changes, as arrays by name."""
        arrays: Arrays = {
            "beta": self.beta.detach().numpy(),
            **{f"policy.{name}": array for name, array in self.policy.state().items()},
        }
        for part, (network, optimiser) in self._parts().items():
            for name, tensor in network.state_dict().items():
                arrays[f"{part}.{name}"] = tensor.numpy()
            for number, values in optimiser.state_dict()["state"].items():
                for name, tensor in values.items():
                    arrays[f"{part}.adam.{number}.{name}"] = tensor.numpy()
        return arrays

    def load_state(self, arrays: Mapping[str, npt.NDArray[Any]], epoch: int) -> None:
        """Take it back, as it was after an epoch.

        Raises:
            FormatError: It is not of such a run.
        """
        try:
            self._take({name: np.array(array) for name, array in arrays.items()})
        except (KeyError, RuntimeError, ValueError, IndexError) as error:
            reason = " ".join(str(error).split())
            raise FormatError(f"the checkpoint is not of this run: {reason}") from None
        self.epoch = epoch

    def _take(self, arrays: Arrays) -> None:
        self.beta.data = torch.from_numpy(arrays["beta"])
        self.policy.load_state(
            {n.removeprefix("policy."): a for n, a in arrays.items() if n.startswith("policy.")}
        )
        for actions in self.policy.actions:
            self.distribution = self.distribution.updated(
                actions, multipliers=self.config.multipliers
            )
        for part, (network, optimiser) in self._parts().items():
            network.load_state_dict(
                {name: torch.from_numpy(arrays[f"{part}.{name}"]) for name in network.state_dict()}
            )
            saved = optimiser.state_dict()
            adam = f"{part}.adam."
            for name, array in arrays.items():
                if name.startswith(adam):
                    number, _, what = name.removeprefix(adam).partition(".")
                    saved["state"].setdefault(int(number), {})[what] = torch.from_numpy(array)
            optimiser.load_state_dict(saved)

    def _parts(self) -> dict[str, tuple[nn.Module, torch.optim.Optimizer]]:
        return {
            "encoder": (self.encoder, self._optimiser),
            "actor": (self.policy.network, self.policy.optimiser),
        }


def _encoder(config: ASRConfig, shape: tuple[int, ...], generator: torch.Generator) -> nn.Module:
    if config.encoder == "small":
        channels, height, width = shape
        return SmallEncoder((channels, height, width), config.embedding, generator)
    resnet = require("eigenwell.wells.asr.torch._resnet", extra="wells")
    network: nn.Module = resnet.resnet50(config.embedding)
    return network


def _classes_of(dataset: Dataset, config: ASRConfig) -> list[npt.NDArray[np.int64]]:
    """Return the training images of each class that has a pair."""
    train = np.asarray(dataset.train)
    labels = np.asarray(dataset.labels)[train]
    members = [train[labels == label] for label in np.unique(labels)]
    pairs = [found for found in members if len(found) > 1]
    if len(pairs) < len(members):
        warnings.warn(
            f"{len(members) - len(pairs)} of {len(members)} training classes have one image, so no "
            "positive pair: they are left out of the batches",
            stacklevel=3,
        )
    if len(pairs) < config.classes:
        raise ArgumentError(
            f"`classes` must be at most {len(pairs)}, the training classes of {dataset.name} with "
            f"two images or more, got {config.classes}"
        )
    return pairs
