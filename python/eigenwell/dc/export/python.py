"""One Python script that needs NumPy only."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from eigenwell.dc.export import _facts, _template, _text, _vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.dc import PackedPolicy

# Two vectors and few words, so that the walker's script stays under 80 lines.
_MAX_VECTORS = 2
_PROVENANCE = ("environment", "score", "license")

# `gymnasium.make("module:Name-v0")` imports the module, so a colon from foreign metadata stays out.
_ENVIRONMENT = re.compile(r"([A-Za-z0-9_.-]+/)?[A-Za-z0-9_.-]+")


def script(policy: PackedPolicy, *, name: str) -> str:
    """Return a script with ``policy(obs)`` and ``self_test()``; run as a program it does both.

    As a program it exits with 1 if the self-test fails. Else, if the metadata name an environment
    and gymnasium has it, it plays as many episodes as its argument says, by default 3.

    Args:
        policy: The policy.
        name: Stands in the docstring; checked by the caller.
    """
    vectors = _vectors.choose(policy, _MAX_VECTORS)
    flags = _facts.flags(policy)
    environment = policy.metadata.get("environment")
    if isinstance(environment, str) and _ENVIRONMENT.fullmatch(environment):
        flags.add("environment")
    values = _facts.values(policy, name, vectors, about="    ", provenance=_PROVENANCE)
    values |= {
        "environment": environment,
        "words": _array("WORDS", _text.words(policy.words, policy.bits), "uint64"),
        "codebook": _floats("CODEBOOK", policy.codebook),
        "biases": _floats("A", policy.biases),
        "test_inputs": _floats("TEST_INPUTS", vectors.inputs),
        "test_outputs": _floats("TEST_OUTPUTS", vectors.outputs),
        "tolerance": _text.float32(vectors.tolerance),
        "bend": "" if policy.quadratic is None else " + K * linear**2",
        "clipped": _clipped(policy.clip),
    }
    if policy.quadratic is not None:
        values["quadratic"] = _floats("K", policy.quadratic)
    if policy.shift is not None:
        values["shift"] = _floats("SHIFT", policy.shift)
    if policy.scale is not None:
        values["scale"] = _floats("SCALE", policy.scale)
    if "input_clip" in flags:
        values["input_clip"] = _text.float32(policy.input_clip)
    return _template.render("policy.py.in", values, flags)


def _array(name: str, items: list[str], dtype: str, shape: str = "") -> str:
    """Set an assignment without a line for its brackets, which keeps a small policy on one page."""
    items = [*items[:-1], f"{items[-1]}]", f"np.{dtype}){shape}"]
    lines = _text.lines(items, first=f"{name} = np.array([", rest="    ")
    return "\n".join(lines).removesuffix(",")


def _floats(name: str, values: npt.NDArray[np.float32]) -> str:
    shape = f".reshape{values.shape}" if values.ndim > 1 else ""
    return _array(name, _text.floats(values), "float32", shape)


def _clipped(clip: tuple[float, float]) -> str:
    low, high = (
        "None" if math.isinf(bound) else f"np.float32({_text.float32(bound)})" for bound in clip
    )
    return "action" if low == high == "None" else f"np.clip(action, {low}, {high})"
