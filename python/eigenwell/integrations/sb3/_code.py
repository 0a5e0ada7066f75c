"""The pieces of the C header that depend on the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from eigenwell.dc.export import _text

if TYPE_CHECKING:
    from eigenwell.integrations.sb3._network import Network

_LARGEST = float(np.finfo(np.float32).max)


def constants(network: Network, name: str) -> str:
    """Set the tables of weights, statistics and bounds."""
    tables: list[tuple[str, str, str, list[str]]] = []
    if network.normaliser is not None:
        mean = network.normaliser.mean
        coarse = mean.astype(np.float32)
        fine = (mean - coarse).astype(np.float32)
        scale = network.normaliser.scale.astype(np.float32)
        about = "Means of the observation in two parts: together as good as a double."
        tables += [
            (about, "float", "mean", _text.floats(coarse, "f")),
            ("", "float", "mean_rest", _text.floats(fine, "f")),
            ("1 / sqrt(variance + epsilon)", "float", "scale", _text.floats(scale, "f")),
        ]
    for i, layer in enumerate(network.layers):
        n, m = layer.weights.shape
        about = f"Layer {i + 1} of {len(network.layers)}: [{n}][{m}]"
        tables += [
            (about, "float", f"weights_{i}", _text.floats(layer.weights, "f")),
            ("", "float", f"biases_{i}", _text.floats(layer.biases, "f")),
        ]
    if network.continuous:
        low, high = (np.clip(b, -_LARGEST, _LARGEST) for b in (network.low, network.high))
        tables += [
            ("Bounds of the action space.", "float", "low", _text.floats(low, "f")),
            ("", "float", "high", _text.floats(high, "f")),
        ]
    elif network.kind == "choose":
        choices = [str(count) for count in network.choices]
        tables.append(("How many there are to choose from.", "int32_t", "choices", choices))
    return "\n".join(
        (f"/* {about} */\n" if about else "")
        + f"static const {kind} {name}_{what}[{len(items)}] = {{\n{_text.table(items)}\n}};\n"
        for about, kind, what, items in tables
    )


def normalise(network: Network, name: str) -> str:
    """Define the function that normalises, if there is something to normalise by."""
    if network.normaliser is None:
        return ""
    clip = min(network.normaliser.clip, _LARGEST)
    return f"""
/* x = clip((observation - mean) / sqrt(variance + epsilon)), as VecNormalize has it in double. */
static inline void {name}_normalise(const float* observation, float* x) {{
    for (size_t i = 0; i < {name.upper()}_INPUTS; ++i) {{
        float value = ((observation[i] - {name}_mean[i]) - {name}_mean_rest[i]) * {name}_scale[i];
        value = value < -{literal(clip)} ? -{literal(clip)} : value;
        value = value > {literal(clip)} ? {literal(clip)} : value;
        x[i] = value;
    }}
}}
"""


def buffers(network: Network, name: str) -> str:
    """Declare what layers write to in turns."""
    written = len(network.layers) + (network.normaliser is not None)
    widest = f"{name.upper()}_WIDEST"
    return f"    float a[{widest}]" + (f", b[{widest}];" if written > 1 else ";")


def forward(network: Network, name: str) -> tuple[str, str]:
    """Return the statements from observation to outputs, and in what those end."""
    lines, x, y = [], "observation", "a"
    if network.normaliser is not None:
        lines.append(f"    {name}_normalise(observation, a);")
        x, y = "a", "b"
    for i, layer in enumerate(network.layers):
        n, m = layer.weights.shape
        tables = f"{name}_weights_{i}, {name}_biases_{i}"
        lines.append(f"    {name}_dense({tables}, {n}, {m}, {x}, {y});")
        if layer.activation is not None and layer.activation.c != "x":
            lines += [
                f"    for (size_t i = 0; i < {m}; ++i) {{",
                f"        const float x = {y}[i];",
                f"        {y}[i] = {layer.activation.c};",
                "    }",
            ]
        x, y = y, "b" if y == "a" else "a"
    return "\n".join(lines), x


def head(network: Network, name: str, last: str) -> str:
    """Return the statements from the last layer's outputs to the action."""
    macro = f"{name.upper()}_ACTIONS"
    loop = f"    for (size_t k = 0; k < {macro}; ++k) {{\n"
    if network.kind == "clip":
        return (
            f"{loop}        float value = {last}[k];\n"
            f"        value = value < {name}_low[k] ? {name}_low[k] : value;\n"
            f"        value = value > {name}_high[k] ? {name}_high[k] : value;\n"
            "        action[k] = value;\n    }"
        )
    if network.kind == "squash":
        return (
            f"{loop}        const float range = {name}_high[k] - {name}_low[k];\n"
            f"        action[k] = {name}_low[k] + 0.5f * (tanhf({last}[k]) + 1.0f) * range;\n    }}"
        )
    if network.kind == "sign":
        return f"{loop}        action[k] = {last}[k] > 0.0f ? 1 : 0;\n    }}"
    return f"""    {{
        const float* logits = {last};
        for (size_t k = 0; k < {macro}; ++k) {{
            int32_t best = 0;
            for (int32_t i = 1; i < {name}_choices[k]; ++i) {{
                best = logits[i] > logits[best] ? i : best;
            }}
            action[k] = best;
            logits += {name}_choices[k];
        }}
    }}"""


def observation(network: Network) -> str:
    """Say what the observation must be."""
    if network.normaliser is None:
        return "as it is"
    clip = network.normaliser.clip
    return f"raw: normalised by VecNormalize's statistics and clipped to {clip:g}"


def action(network: Network) -> str:
    """Say what the action is."""
    if network.kind == "clip":
        return "the mean, clipped to the bounds of the action space"
    if network.kind == "squash":
        return "the mean, squashed by tanh into the bounds of the action space"
    if network.kind == "sign":
        return "0 or 1 for each component, the likelier"
    space = network.policy.action_space
    start = int(space.start) if isinstance(space, spaces.Discrete) else 0
    index = "index of the likeliest choice"
    return f"{index}, from 0; the space's is {start} more" if start else index


def braced(rows: list[list[str]]) -> str:
    """Set a table of literals, each row in braces."""
    lines = (_text.table(row, "     ").lstrip().rstrip(",") for row in rows)
    return ",\n".join(f"    {{{line}}}" for line in lines) + ","


def literal(value: float) -> str:
    """Return the nearest float as C reads it back."""
    return _text.float32(np.float32(value), "f")
