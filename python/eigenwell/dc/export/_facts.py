"""What all generated sources say about a policy: dimensions, sizes, provenance, literals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from eigenwell._native import __version__
from eigenwell.dc.export import _text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.dc import PackedPolicy
    from eigenwell.dc.export._vectors import Vectors

# What of the metadata a comment shows, in this order.
PROVENANCE = ("name", "environment", "score", "episodes", "source", "license")


def flags(policy: PackedPolicy) -> set[str]:
    """Conditions of the templates: which optional parts the policy has."""
    low, high = policy.clip
    conditions = {
        "quadratic": policy.quadratic is not None,
        "shift": policy.shift is not None,
        "scale": policy.scale is not None,
        "input_clip": math.isfinite(policy.input_clip),
        "clip_low": math.isfinite(low),
        "clip_high": math.isfinite(high),
        "blocks": policy.inputs >= 4,
        "tail": policy.inputs % 4 != 0,
    }
    conditions["normalise"] = any(conditions[part] for part in ("shift", "scale", "input_clip"))
    conditions["clip"] = conditions["clip_low"] or conditions["clip_high"]
    return {condition for condition, holds in conditions.items() if holds}


def values(
    policy: PackedPolicy,
    name: str,
    vectors: Vectors,
    *,
    about: str,
    provenance: tuple[str, ...] = PROVENANCE,
) -> dict[str, object]:
    """Placeholders that need no syntax of a language.

    Args:
        policy: The policy.
        name: Of the export.
        vectors: The test vectors that go with it.
        about: What a line of the comment on provenance starts with, such as ``" *   "``.
        provenance: Keys of the metadata for that comment.
    """
    n, k, m = policy.inputs, policy.neurons, policy.eigenvalues
    per_word = 64 // policy.bits
    return {
        "name": name,
        "NAME": name.upper(),
        "version": __version__,
        "about": _about(policy, about, provenance),
        "k_dc_neurons": f"a policy of {_count(k, 'DC neuron')}",
        "maps": f"{_count(n, 'observation')} to {_count(k, 'action')} in {_interval(policy.clip)}",
        "weights_text": f"{n * k * m} of {policy.bits} bits, {per_word} to a 64-bit word",
        "self_test_text": (
            f"{_count(len(vectors.inputs), 'vector')} that between them reach {vectors.reached} of "
            f"the {_count(k * m, 'eigenvalue')}"
        ),
        "codebook_text": _codebook(policy),
        "normalisation_text": _normalisation(policy),
        "eigenvalue_text": "A_e + L_e" + (" + K_e L_e^2" if policy.quadratic is not None else ""),
        "action_text": _action(policy.clip),
        "inputs": n,
        "neurons": k,
        "eigenvalues": m,
        "columns": k * m,
        "weight_count": n * k * m,
        "bits": policy.bits,
        "per_word": per_word,
        "used_bits": per_word * policy.bits,
        "mask": (1 << policy.bits) - 1,
        "table_size": 1 << policy.bits,
        "word_count": len(policy.words),
        "block": 4 if n >= 4 else 1,
        "test_count": len(vectors.inputs),
        "flash": flash_bytes(policy),
        "flash_test": 4 * (vectors.inputs.size + vectors.outputs.size),
        "ram": 4 * n * k * m,
    }


def literals(policy: PackedPolicy, vectors: Vectors) -> dict[str, str]:
    """Tables of a C or C++ source; per-eigenvalue ones as ``[eigenvalue][neuron]``."""
    suffix, word_suffix = "f", "u"
    low, high = policy.clip
    parts = {
        "words": _text.table(_text.words(policy.words, policy.bits, word_suffix)),
        "codebook": _text.table(_text.floats(policy.codebook, suffix)),
        "biases": _text.rows(policy.biases.T, suffix),
        "test_inputs": _braced(vectors.inputs, suffix),
        "test_outputs": _braced(vectors.outputs, suffix),
        "tolerance": _text.float32(vectors.tolerance, suffix),
    }
    for part, array in (("shift", policy.shift), ("scale", policy.scale)):
        if array is not None:
            parts[part] = _text.table(_text.floats(array, suffix))
    if policy.quadratic is not None:
        parts["quadratic"] = _text.rows(policy.quadratic.T, suffix)
    bounds = {"clip_low": low, "clip_high": high, "input_clip": policy.input_clip}
    parts |= {
        key: _text.float32(bound, suffix) for key, bound in bounds.items() if math.isfinite(bound)
    }
    return parts


def flash_bytes(policy: PackedPolicy) -> int:
    """Bytes of the constants that an action needs, weights packed, codebook padded to 2**bits."""
    arrays = (policy.biases, policy.quadratic, policy.shift, policy.scale)
    singles = (1 << policy.bits) + sum(array.size for array in arrays if array is not None)
    return int(policy.words.nbytes) + 4 * singles


def _about(policy: PackedPolicy, start: str, keys: tuple[str, ...]) -> str:
    metadata = policy.metadata
    known = {key: metadata[key] for key in keys if metadata.get(key) not in (None, "")}
    known = known or {"origin": "its metadata do not say"}
    return "\n".join(_text.entry(start, key, text) for key, text in known.items())


def _braced(matrix: npt.NDArray[np.float32], suffix: str) -> str:
    rows = (_text.table(_text.floats(row, suffix), "     ") for row in matrix)
    return ",\n".join("    {" + row.lstrip().rstrip(",") + "}" for row in rows) + ","


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _number(value: float) -> str:
    return f"{value:.7g}"


def _interval(clip: tuple[float, float]) -> str:
    left = "(" if math.isinf(clip[0]) else "["
    right = ")" if math.isinf(clip[1]) else "]"
    return f"{left}{_number(clip[0])}, {_number(clip[1])}{right}"


def _codebook(policy: PackedPolicy) -> str:
    rest = (1 << policy.bits) - len(policy.codebook)
    unlisted = f"the {rest} not listed are zero: " if rest else ""
    return f"{unlisted}no index can leave the table"


def _normalisation(policy: PackedPolicy) -> str:
    x = "observation_i"
    if policy.shift is not None:
        x = f"{x} - shift_i"
    if policy.scale is not None:
        x = f"({x}) * scale_i" if policy.shift is not None else f"{x} * scale_i"
    if math.isfinite(policy.input_clip):
        bound = _number(policy.input_clip)
        x = f"clip({x}, -{bound}, {bound})"
    return f"x_i = {x}"


def _action(clip: tuple[float, float]) -> str:
    total = "max E_e + min E_e"
    low, high = (_number(bound) for bound in clip)
    return total if all(map(math.isinf, clip)) else f"clip({total}, {low}, {high})"
