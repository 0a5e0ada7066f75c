"""ResNet-50, the usual encoder of CUB-200-2011, Cars 196 and Stanford Online Products."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import nn

from eigenwell._checks import require
from eigenwell.errors import ArgumentError


class ResNet50(nn.Module):
    """torchvision's ResNet-50 with a linear layer; embeddings of length 1.

    Args:
        dimensions: Of an embedding.
        weights: Name of torchvision's weights, downloaded when first used; None begins from chance.
            With weights batch normalisation keeps its statistics, as in PADS.

    Raises:
        BackendUnavailableError: torchvision is not installed.
        ArgumentError: There are no such weights, or they cannot be downloaded.
    """

    def __init__(self, dimensions: int, weights: str | None = "IMAGENET1K_V2") -> None:
        super().__init__()
        models = require("torchvision.models", extra="wells")
        try:
            self.backbone: Any = models.resnet50(weights=weights)
        except (KeyError, ValueError, OSError) as error:
            raise ArgumentError(f"`weights` {weights!r} cannot be had: {error}") from None
        self.backbone.fc = nn.Linear(self.backbone.fc.in_features, dimensions)
        self._fixed = weights is not None
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set the mode, without that of batch normalisation where its statistics are kept."""
        super().train(mode)
        for module in self.modules():
            if self._fixed and isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the embeddings ``(n, dimensions)`` of images ``(n, 3, height, width)``."""
        embeddings: torch.Tensor = nn.functional.normalize(self.backbone(images))
        return embeddings


def resnet50(dimensions: int, *, weights: str | None = "IMAGENET1K_V2") -> ResNet50:
    """Return the encoder: :class:`ResNet50`."""
    return ResNet50(dimensions, weights)
