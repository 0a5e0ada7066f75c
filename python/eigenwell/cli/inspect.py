"""``eigenwell inspect``: what is in a policy's file, and whether it works here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._policies import PolicyPath, load_policy, physics_report, policy_label
from eigenwell.errors import EigenwellError
from eigenwell.evaluation import make_environment
from eigenwell.report import Table

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.dc import PackedPolicy

_LONGEST_METADATA = 200


@dataclass(frozen=True)
class Inspect(Options):
    """Show a policy's sizes, codebook, self-test, Lipschitz certificate and metadata."""

    policy: PolicyPath = None
    """A .dcp file, or trained for the walker trained here; by default the article's walker."""

    def run(self, output: Output) -> int:
        """Print the tables."""
        policy = load_policy(self.policy)
        error = policy.self_test()
        physics_same, physics = _physics(policy)
        bound, bound_holds = _certificate(policy)
        zeros = float(np.mean(policy.weights == 0))
        document = {
            "command": "inspect",
            "eigenwell": __version__,
            "policy": policy_label(self.policy),
            "bytes": len(policy.dumps()),
            "inputs": policy.inputs,
            "neurons": policy.neurons,
            "eigenvalues": policy.eigenvalues,
            "bits": policy.bits,
            "zero_weights": zeros,
            "codebook": policy.codebook,
            "quadratic": policy.quadratic is not None,
            "shift": policy.shift is not None,
            "scale": policy.scale is not None,
            "clip": policy.clip,
            "input_clip": policy.input_clip,
            "self_test": {
                "vectors": len(policy.self_test_inputs),
                "max_abs_error": error,
                "tolerance": policy.self_test_tolerance,
            },
            "lipschitz_bound": {"holds": bound_holds, "bound": bound},
            "physics_same": physics_same,
            "metadata": policy.metadata,
        }
        facts = [*_sizes(policy, zeros), *_behaviour(policy, error, bound, bound_holds)]
        output.result(
            document,
            Table.of_facts(policy_label(self.policy), [*facts, ("physics", physics)]),
            Table.of_facts("metadata", _metadata(policy)),
        )
        return _status.DONE


def _sizes(policy: PackedPolicy, zeros: float) -> list[tuple[str, str]]:
    codebook = policy.codebook
    count = policy.weights.size
    return [
        ("file", f"{len(policy.dumps())} bytes"),
        ("inputs", str(policy.inputs)),
        ("neurons", f"{policy.neurons} of {policy.eigenvalues} eigenvalues"),
        ("weights", f"{count} of {policy.bits} bits, {zeros:.1%} of them zero"),
        ("codebook", f"{codebook.size} values from {codebook.min():g} to {codebook.max():g}"),
        ("quadratic term", "yes" if policy.quadratic is not None else "no"),
        ("input shift, scale", f"{_yes(policy.shift)}, {_yes(policy.scale)}"),
        ("input clip", f"{policy.input_clip:g}"),
        ("action clip", f"{policy.clip[0]:g} to {policy.clip[1]:g}"),
    ]


def _behaviour(
    policy: PackedPolicy, error: float, bound: npt.NDArray[np.float64], holds: str
) -> list[tuple[str, str]]:
    steepest = ", ".join(f"{value:.3g}" for value in bound.max(axis=1))
    tested = (
        f"passed, {len(policy.self_test_inputs)} vectors, largest error {error:.2g} "
        f"of {policy.self_test_tolerance:.2g} allowed"
    )
    return [
        ("self-test", tested),
        ("|d action / d observation|", f"at most {steepest} ({holds})"),
    ]


def _metadata(policy: PackedPolicy) -> list[tuple[str, str]]:
    """Return the metadata as rows; long values are cut."""
    rows = []
    for key, value in policy.metadata.items():
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) > _LONGEST_METADATA:
            text = f"{text[:_LONGEST_METADATA]}..."
        rows.append((key, text))
    return rows


def _certificate(policy: PackedPolicy) -> tuple[npt.NDArray[np.float64], str]:
    """Return the Lipschitz bound ``(k, n)`` and where it holds.

    With a quadratic term the slope grows with the observation, so that a bound needs a box: that of
    the observations which the environment allows, if it allows only some.
    """
    if policy.quadratic is None:
        return policy.lipschitz_bound(), "everywhere"
    box = _observation_box(policy)
    if box is None:
        return policy.lipschitz_bound(), "the quadratic term has no bound without one of the input"
    return policy.lipschitz_bound(box), "for every observation that the environment allows"


def _observation_box(policy: PackedPolicy) -> npt.NDArray[np.float32] | None:
    """Return the bounds ``(2, n)`` of the environment's observations, if there are any."""
    env_id = policy.metadata.get("environment")
    if not isinstance(env_id, str):
        return None
    try:
        environment = make_environment(env_id)
    except EigenwellError:
        return None
    space: Any = environment.observation_space
    environment.close()
    if getattr(space, "shape", None) != (policy.inputs,) or not hasattr(space, "low"):
        return None
    box = np.stack([space.low, space.high]).astype(np.float32)
    return box if np.isfinite(box).all() else None


def _physics(policy: PackedPolicy) -> tuple[bool | None, str]:
    """Compare the physics; a policy can be inspected without its environment."""
    env_id = policy.metadata.get("environment")
    if not isinstance(env_id, str):
        return None, "the policy names no environment"
    try:
        return physics_report(policy, env_id)
    except EigenwellError as error:
        return None, f"not checked: {error}"


def _yes(value: object) -> str:
    return "no" if value is None else "yes"
