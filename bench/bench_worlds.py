"""Meta-world models: training and collection, ours beside the straightforward way, on one core.

    make bench ARGS="-k worlds"

The straightforward way is the same networks as one writes them down: convolutions with channels
first, ``nn.ConvTranspose2d``, a recurrent cell in a loop over time, a sigmoid and then the cross
entropy, and a ``DataLoader`` that reads the Zarr store frame by frame. Its rows take away from it
what somebody might say is unfair: the disk, the loading, sequences one after the other. Same
weights and batches give the same losses and gradients before anything is timed.

``--benchmark-timer=time.process_time`` looks at processor time on a machine that is shared.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from eigenwell import worlds
from eigenwell.worlds.torch import _phases, _trainer
from eigenwell.worlds.torch._batches import Batch
from eigenwell.worlds.torch._eyes import VisionStage
from eigenwell.worlds.torch._model import kl_from_unit, sample

pytestmark = pytest.mark.filterwarnings("default")

WORLDS = ("o", "m")
EPISODES, LENGTH = 16, 1000
WIDTHS = {"slim": (8, 16, 32, 64), "original": (32, 64, 128, 256)}
STEPS = {"slim": 8, "original": 2}  # of a call, of the eyes
BYTES_PER_FRAME = 600
# Float32 in another order of summation.
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3
# The plain step's sums over pixels leave its float32 gradients up to 6e-3 of the greatest off those
# of float64. So steps are compared in float64, and our float32 gradients with our own of float64.
EXACT = 1e-10


@pytest.fixture(scope="module", autouse=True)
def _one_core():
    threads, cores = torch.get_num_threads(), None
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):  # Zarr compresses with as many threads as there are cores
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
    yield
    torch.set_num_threads(threads)
    if cores:
        os.sched_setaffinity(0, cores)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worlds")
    return [
        worlds.collect(folder / name, variant=name, episodes=EPISODES, length=LENGTH)
        for name in WORLDS
    ]


class Plain(nn.Module):
    """The vision model as one writes it down; the names of its weights are ours.

    Frames of ``(n, 64, 64)`` go through it ``at_once`` at a time.
    """

    def __init__(self, config, at_once=10**6):
        super().__init__()
        a, b, c, d = config.widths
        self.at_once = at_once
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, a, config.first_kernel, 2), nn.ReLU()),
            *(nn.Conv2d(a, b, 4, 2), nn.ReLU()),
            *(nn.Conv2d(b, c, 4, 2), nn.ReLU(), nn.Conv2d(c, d, 4, 2), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(4 * d, 2 * config.latent)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(config.latent, 4 * d), nn.Unflatten(1, (4 * d, 1, 1))),
            *(nn.ConvTranspose2d(4 * d, c, 5, 2), nn.ReLU(), nn.ConvTranspose2d(c, b, 5, 2)),
            *(nn.ReLU(), nn.ConvTranspose2d(b, a, 6, 2), nn.ReLU(), nn.ConvTranspose2d(a, 1, 6, 2)),
        )

    def encode(self, frames):
        parts = [self.encoder(part[:, None]) for part in frames.split(self.at_once)]
        mean, log_variance = torch.cat(parts).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 4)

    def decode(self, latents):
        return torch.cat([self.decoder(part).squeeze(1) for part in latents.split(self.at_once)])


class PlainMemory(nn.Module):
    """The memory, a time at a time."""

    def __init__(self, config, actions):
        super().__init__()
        kind = nn.LSTMCell if config.memory == "lstm" else nn.GRUCell
        self.cell = kind(config.latent + actions, config.units)
        self.gaussian = nn.Linear(config.units, 2 * config.latent)
        self.residual = config.residual

    def forward(self, latents, actions):
        state, said = None, []
        for z, action in zip(latents.unbind(1), actions.unbind(1), strict=True):
            state = self.cell(torch.cat([z, action], dim=1), state)
            hidden = state[0] if isinstance(state, tuple) else state
            mean, log_variance = self.gaussian(hidden).chunk(2, dim=1)
            said.append((z + mean if self.residual else mean, log_variance.clamp(-10, 4)))
        means, log_variances = zip(*said, strict=True)
        return torch.stack(means, dim=1), torch.stack(log_variances, dim=1)


def plain_model(*, by_sequence):
    class PlainModel(nn.Module):
        def __init__(self, config, count, actions):
            super().__init__()
            self.actions = actions
            at_once = config.length if by_sequence else 10**6
            self.visions = nn.ModuleList(Plain(config, at_once) for _ in range(count))
            self.memories = nn.ModuleList([PlainMemory(config, actions)])

        def vision(self, world):
            return self.visions[world]

        def memory(self, _world):
            return self.memories[0]

    return PlainModel


def plain_cross_entropy(logits, frames, weights=None):
    said = logits.reshape(frames.shape).sigmoid()
    total = functional.binary_cross_entropy(said, frames, weight=weights, reduction="sum")
    return total / len(logits)


class Stored(Dataset):
    """Sequences of a store and their actions, each read and unpacked when asked for."""

    def __init__(self, path, length, *, in_memory=False):
        world = worlds.load(path)
        group = zarr.open_group(path, mode="r")
        self.frames = world.block.frames if in_memory else group["frames"]
        self.actions = world.block.actions if in_memory else group["actions"]
        self.variant, self.length = world.variant, length
        self.places = list(itertools.product(range(EPISODES - 1), range(LENGTH - length + 1)))

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        episode, time = self.places[index]
        times = slice(time, time + self.length)
        pixels = np.unpackbits(self.frames[episode, times], axis=-1).reshape(-1, 64, 64)
        frames = np.ascontiguousarray(self.variant.frames(pixels), np.float32)
        return frames, self.actions[episode, times].astype(np.int64)


def batches_of(dataset, size):
    loader = DataLoader(dataset, size, shuffle=True, num_workers=0, drop_last=True)
    while True:
        yield from loader


def agree(ours, plain, names=str, tolerances=(LOSS_TOLERANCE, GRADIENT_TOLERANCE)):
    """Losses and the gradients that a backward pass left are the same."""
    (loss, module), (plain_loss, plain_module) = ours, plain
    loss_tolerance, gradient_tolerance = tolerances
    assert abs(loss - plain_loss) <= loss_tolerance * abs(plain_loss)
    gradients = {name: p.grad for name, p in plain_module.named_parameters()}
    for name, parameter in module.named_parameters():
        wanted = gradients[names(name)]
        error = (parameter.grad - wanted).abs().max()
        assert error <= gradient_tolerance * wanted.abs().max(), name


def multiply_adds(config):
    """Count those of a frame: forwards, and twice that backwards but for the first layer's."""
    counts = []

    def count(layer, inputs, output):
        up = isinstance(layer, nn.ConvTranspose2d)
        each = layer.weight.shape[1] * layer.weight[0, 0].numel()
        counts.append((inputs[0] if up else output).numel() * each)

    plain = Plain(config)
    for layer in (*plain.encoder, *plain.decoder):
        if hasattr(layer, "weight"):
            layer.register_forward_hook(count)
    plain.decode(plain.encode(torch.zeros(1, 64, 64))[0])
    return 3 * sum(counts) - counts[0]


class PlainEyes:
    """Training of one world's eyes, the straightforward way."""

    def __init__(self, stage, batches):
        self.config, self.batches = stage.config, batches
        self.usual, self.added = stage._usual, stage._weights
        self.vision = Plain(stage.config)
        self.vision.load_state_dict(stage.vision.state_dict())
        self.adam = torch.optim.Adam(self.vision.parameters(), 1e-3)

    def loss(self, frames, noise=None):
        mean, log_variance = self.vision.encode(frames)
        noise = torch.randn_like(mean) if noise is None else noise
        logits = self.vision.decode(mean + (log_variance / 2).exp() * noise)
        weights = 1 + self.added * (frames - self.usual).abs()
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
        return plain_cross_entropy(logits, frames, weights) + self.config.kl_weight * divergence

    def step(self):
        loss = self.loss(next(self.batches)[0].reshape(-1, 64, 64))
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()


def check_eyes(stage, plain):
    frames = stage.frames()
    noise = torch.randn(len(frames), stage.config.latent, generator=torch.Generator())
    mean, log_variance = stage.vision.encode(frames)
    z = sample(mean, log_variance, torch.Generator())
    loss = stage.pixels(z, frames)
    loss = loss + stage.config.kl_weight * kl_from_unit(mean, log_variance).mean()
    other = plain.loss(frames, noise)
    loss.backward()
    other.backward()
    agree((loss.item(), stage.vision), (other.item(), plain.vision))


EYES = ("eigenwell", "eigenwell, no loading", "plain", "plain, in memory", "plain, no loading")


@pytest.mark.parametrize("who", EYES)
@pytest.mark.parametrize("size", WIDTHS)
def test_eyes(benchmark, size, who, stores):
    latent = worlds.MetaConfig.article().latent
    config = worlds.StagedConfig(widths=WIDTHS[size], latent=latent)
    stage = VisionStage(worlds.load(stores[1]), config)
    data = Stored(stores[1], 1, in_memory="memory" in who)
    plain = PlainEyes(stage, batches_of(data, config.vision_batch))
    check_eyes(stage, plain)
    if "no loading" in who:
        batch = stage.frames()
        stage.frames = lambda: batch
        plain.batches = itertools.repeat((batch,))
    steps = STEPS[size]
    step = stage.start if "eigenwell" in who else plain.step

    def call():
        for _ in range(steps):
            step()

    benchmark.group = f"worlds: eyes, {size}, {steps} steps of {config.vision_batch} frames"
    benchmark.pedantic(call, rounds=5, warmup_rounds=1)
    rate = steps * config.vision_batch / benchmark.stats.stats.median
    benchmark.extra_info["frames per second"] = rate
    benchmark.extra_info["billion multiply-adds per second"] = rate * multiply_adds(config) / 1e9


class PlainSampler:
    """Batches of several stores, sequence by sequence."""

    def __init__(self, paths, config):
        self._loaders = [
            batches_of(Stored(path, config.length), config.sequences) for path in paths
        ]

    def draw(self, *_numbers):
        frames, actions = zip(*map(next, self._loaders), strict=True)
        return Batch(torch.stack(frames), torch.stack(actions))


def plain_name(name):
    return name.removesuffix("_l0")


def straightforward(trainer, monkeypatch, *, by_sequence):
    """Return the same trainer with networks, cell, loss and loading of the plain kind."""
    monkeypatch.setattr(_phases, "cross_entropy", plain_cross_entropy)
    monkeypatch.setattr(_trainer, "MetaModel", plain_model(by_sequence=by_sequence))
    plain = _trainer.Trainer(trainer.config, trainer.worlds)
    weights = {plain_name(name): w for name, w in trainer.model.state_dict().items()}
    plain.model.load_state_dict(weights)
    plain.aligner.load_state_dict(trainer.aligner.state_dict())
    return plain


def first_losses(trainer):
    """Return the loss of each kind of step from the first weights, and the last one's gradients."""
    config, generator = trainer.config, torch.Generator()
    batch = trainer.sampler.draw(0)
    if config.recipe == "joint":
        how = {"usual": trainer._usual, "trained": range(len(trainer.worlds)), "ramp": 1.0}
        kinds = [
            _phases.joint_losses(
                trainer.model, trainer.aligner, batch, config, generator.manual_seed(1), **how
            )[0]
        ]
    else:
        kinds = [
            phase(trainer.model, batch, config, generator.manual_seed(1))
            for phase in (_phases.prediction_phase, _phases.reconstruction_phase)
        ]
    total = sum(losses["total"] for losses in kinds)
    total.backward()
    return total.item(), trainer.model


class DoubleSampler:
    """The batches of another sampler, in float64."""

    def __init__(self, sampler):
        self._sampler = sampler

    def draw(self, *numbers):
        batch = self._sampler.draw(*numbers)
        return Batch(batch.frames.double(), batch.actions)


def in_double(trainer):
    """Turn a trainer to float64, to be checked and thrown away."""
    trainer.model.double()
    trainer.aligner.double()
    trainer._usual = trainer._usual.double()
    trainer.sampler = DoubleSampler(trainer.sampler)
    return trainer


def sample_alike(mean, log_variance, generator):
    """Draw the noise of float32, whatever the type."""
    noise = torch.randn(mean.shape, generator=generator).to(mean.dtype)
    return mean + (log_variance / 2).exp() * noise


def check_step(config, paths, *, by_sequence):
    """First losses are the same, in float64 their gradients too, and ours of float32 are those."""
    trainer = _trainer.Trainer(config, [worlds.load(path) for path in paths])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_phases, "sample", sample_alike)
        with pytest.MonkeyPatch.context() as inner:
            plain = straightforward(trainer, inner, by_sequence=by_sequence)
            plain_loss, _ = first_losses(plain)
            plain.model.zero_grad()
            plain_exactly = first_losses(in_double(plain))
        loss, model = first_losses(trainer)
        assert abs(loss - plain_loss) <= LOSS_TOLERANCE * abs(plain_loss)
        rounded = {name: p.grad.double() for name, p in model.named_parameters()}
        model.zero_grad()
        agree(first_losses(in_double(trainer)), plain_exactly, plain_name, (EXACT, EXACT))
    for name, parameter in model.named_parameters():
        error = (rounded[name] - parameter.grad).abs().max()
        assert error <= GRADIENT_TOLERANCE * parameter.grad.abs().max(), name


RECIPES = {
    "joint, slim": worlds.MetaConfig(),
    "article, slim": worlds.MetaConfig.article(
        slim=True, prediction_steps=2, reconstruction_steps=1
    ),
    "article, original": worlds.MetaConfig.article(prediction_steps=2, reconstruction_steps=1),
}


@pytest.mark.parametrize("who", ["eigenwell", "plain", "plain, in memory, whole batches"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_step(benchmark, monkeypatch, recipe, who, stores):
    config, by_sequence = RECIPES[recipe], "whole" not in who
    check_step(config, stores, by_sequence=by_sequence)
    trainer = _trainer.Trainer(config, [worlds.load(path) for path in stores])
    if who != "eigenwell":
        trainer = straightforward(trainer, monkeypatch, by_sequence=by_sequence)
        if "memory" not in who:
            trainer.sampler = PlainSampler(stores, config)
    steps = 4 if config.recipe == "joint" else 1
    per_step = 1 if config.recipe == "joint" else 3
    frames = steps * per_step * len(stores) * config.sequences * config.length

    def call():
        for _ in range(steps):
            trainer.step()

    benchmark.group = f"worlds: {recipe}, {frames} frames of two worlds"
    slow = "original" in recipe
    benchmark.pedantic(call, rounds=3 if slow else 5, warmup_rounds=1)
    benchmark.extra_info["frames per second"] = frames / benchmark.stats.stats.median


@pytest.mark.parametrize("policy", ["rally", "random"])
def test_collect(benchmark, policy, tmp_path):
    numbers = itertools.count()

    def call():
        path = tmp_path / str(next(numbers))
        return worlds.collect(path, policy=policy, episodes=64, length=LENGTH)

    world = worlds.load(call())
    benchmark.group = "worlds: 64,000 frames collected and stored"
    path = benchmark.pedantic(call, rounds=5)
    again = worlds.load(path)
    assert np.array_equal(world.block.frames, again.block.frames)
    count = int(again.block.lengths.sum())
    assert count == 64 * LENGTH
    size = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
    assert size <= BYTES_PER_FRAME * count
    benchmark.extra_info["frames per second"] = count / benchmark.stats.stats.median
    benchmark.extra_info["bytes per frame"] = size / count
