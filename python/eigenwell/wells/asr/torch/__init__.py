"""The parts of adaptive sampling that are made of tensors: encoder, pairs, losses, policy."""

from eigenwell.wells.asr.torch._encoder import SmallEncoder
from eigenwell.wells.asr.torch._losses import margin_loss, triplet_loss
from eigenwell.wells.asr.torch._policy import PolicyNetwork, SamplerPolicy, clipped_gain
from eigenwell.wells.asr.torch._sampling import (
    draw_negatives,
    draw_positives,
    pair_index,
)
from eigenwell.wells.asr.torch._trainer import Miner, Trainer

__all__ = [
    "Miner",
    "PolicyNetwork",
    "SamplerPolicy",
    "SmallEncoder",
    "Trainer",
    "clipped_gain",
    "draw_negatives",
    "draw_positives",
    "margin_loss",
    "pair_index",
    "triplet_loss",
]
