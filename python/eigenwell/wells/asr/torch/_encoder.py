"""A small convolutional network, fast on one core."""

from __future__ import annotations

import math

import torch
from torch import nn

_WIDTHS = (8, 16, 32)


class SmallEncoder(nn.Module):
    """Three convolutions of stride 2 and a linear layer; embeddings of length 1.

    There is no batch normalisation, which would hold a contracting embedding apart (PADS keeps it
    frozen in its ResNet-50); its absence also saves a third of a step.

    Args:
        shape: Channels, height and width of an image.
        dimensions: Of an embedding.
        generator: Of the weights (He et al. 2015).
    """

    def __init__(
        self, shape: tuple[int, int, int], dimensions: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        channels, height, width = shape
        layers: list[nn.Module] = []
        for out in _WIDTHS:
            layers += [nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.ReLU()]
            channels, height, width = out, math.ceil(height / 2), math.ceil(width / 2)
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(channels * height * width, dimensions)
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the embeddings ``(n, dimensions)`` of images ``(n, channels, height, width)``."""
        embeddings: torch.Tensor = nn.functional.normalize(self.layers(images))
        return embeddings
