"""The packed policy of a quantised layer, and what its file says of itself."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell.dc import PackedPolicy
from eigenwell.evaluation import Evaluation, environment_fingerprint
from eigenwell.ppo._policy import INPUT_CLIP
from eigenwell.ppo._provenance import provenance

if TYPE_CHECKING:
    from eigenwell.ppo.distil._config import DistilConfig
    from eigenwell.ppo.distil._teacher import Teacher
    from eigenwell.ppo.torch._quantised_layer import QuantisedLayer


def pack(layer: QuantisedLayer, teacher: Teacher, *, bits: int) -> PackedPolicy:
    """Return the packed policy of a layer, in the environment's units.

    Actions have bounds -1 and 1 while they are learnt. A neuron's output is homogeneous in its
    pieces, so the environment's range goes into codebook and biases, and its centre, half each for
    maximum and minimum, into the biases.
    """
    low, high = teacher.bounds
    half, centre = (high - low) / 2, (high + low) / 2
    indices, book, biases = layer.arrays()
    shift, scale = teacher.policy.shift, teacher.policy.scale
    return PackedPolicy.from_arrays(
        indices,
        half * book.astype(np.float64),
        half * biases.astype(np.float64) + centre / 2,
        eigenvalues=layer.eigenvalues,
        shift=shift if shift.any() else None,
        scale=scale if (scale != 1).any() else None,
        clip=(low, high),
        input_clip=INPUT_CLIP,
        bits=bits,
    )


def repack(policy: PackedPolicy, about: dict[str, Any]) -> PackedPolicy:
    """Return the same policy with other metadata."""
    return PackedPolicy.from_arrays(
        policy.indices,
        policy.codebook,
        policy.biases,
        eigenvalues=policy.eigenvalues,
        shift=policy.shift,
        scale=policy.scale,
        clip=policy.clip,
        input_clip=policy.input_clip,
        bits=policy.bits,
        metadata=about,
        self_test_inputs=policy.self_test_inputs,
    )


def metadata(
    teacher: Teacher, config: DistilConfig, before: Evaluation, after: Evaluation
) -> dict[str, Any]:
    """Return environment, scores, and everything that the policy was made by."""
    env_id = teacher.policy.config.environment
    described = teacher.policy.description()
    trained = {"config": described["config"], **teacher.about}
    return {
        "name": f"{env_id}, seed {teacher.policy.config.seed}, {config.bits} bits",
        "environment": env_id,
        "environment_fingerprint": environment_fingerprint(env_id),
        "score": _summary(after, config),
        "float_score": _summary(before, config),
        "source": "eigenwell.ppo.train, then eigenwell.ppo.distil",
        "training": trained,
        "distil": {**dataclasses.asdict(config), "steps": config.total_steps},
        "versions": provenance()["versions"],
    }


def _summary(evaluation: Evaluation, config: DistilConfig) -> dict[str, Any]:
    return {
        "mean": evaluation.mean,
        "std": evaluation.std,
        "episodes": len(evaluation.episodes),
        "first_seed": config.first_seed,
    }
