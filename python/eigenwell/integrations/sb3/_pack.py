"""From a trained DC actor to the packed format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from eigenwell import _checks
from eigenwell.dc._indices import MAX_BITS, MIN_BITS
from eigenwell.dc.torch import DCPolicy
from eigenwell.errors import ArgumentError, DTypeError
from eigenwell.integrations.sb3._network import normaliser_of, policy_of
from eigenwell.integrations.sb3._policy import DCActorCriticPolicy

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecNormalize

    from eigenwell.dc import PackedPolicy


def to_packed(
    model: Any,
    vec_normalize: VecNormalize | None = None,
    *,
    bits: SupportsIndex = 8,
    codebook: npt.ArrayLike | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> PackedPolicy:
    """Pack the DC actor of a model: the actions of ``predict(deterministic=True)``.

    Discrete actions come out as one logit for each choice; the action is the largest one's index.

    Args:
        model: A PPO or A2C with :class:`DCActorCriticPolicy`, or that policy.
        vec_normalize: Statistics that observations were normalised by.
        bits: Of a weight, 2 to 8. A policy of at most ``2**bits`` different weights keeps them as
            they are; else they move to the nearest level of an affine grid.
        codebook: What weights may be instead, at most ``2**bits`` numbers.
        metadata: Anything that JSON can hold.

    Raises:
        DTypeError: The model has no DC actor, or ``vec_normalize`` is none.
        ArgumentError: The space of the actions cannot be had, its bounds differ from component to
            component, or a number is not finite.
        ShapeError: The statistics are those of other observations.
    """
    policy = policy_of(model)
    if not isinstance(policy, DCActorCriticPolicy):
        raise DTypeError(
            f"`model` must have a DCActorCriticPolicy to be packed, got {type(policy).__name__}"
        )
    space, clip = policy.action_space, (-np.inf, np.inf)
    if isinstance(space, spaces.Box):
        clip = (float(space.low.min()), float(space.high.max()))
        if (space.low != clip[0]).any() or (space.high != clip[1]).any():
            raise ArgumentError(
                f"`model` must have the same bounds for every action to be packed, got {space}: "
                "wrap its environment in gymnasium.wrappers.RescaleAction"
            )
    elif not isinstance(space, spaces.Discrete):
        raise ArgumentError(f"`model` must have Box or Discrete actions to be packed, got {space}")
    bits = _checks.integer(bits, "bits", low=MIN_BITS, high=MAX_BITS)
    statistics = normaliser_of(policy, vec_normalize)
    layer: Any = policy.action_net
    if codebook is None:
        different = np.unique(layer.weights.detach().cpu().numpy())
        codebook = different if len(different) <= 1 << bits else None
    return DCPolicy(
        layer,
        shift=None if statistics is None else statistics.mean,
        scale=None if statistics is None else statistics.scale,
        input_clip=np.inf if statistics is None else statistics.clip,
        clip=clip,
    ).pack(bits=bits, codebook=codebook, metadata=metadata)
