"""A page to explore agents' embeddings with: one file that needs neither a network nor a server."""

from __future__ import annotations

import base64
import dataclasses
import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal, SupportsIndex, get_args

import numpy as np
import numpy.typing as npt

from eigenwell import cartpole
from eigenwell._checks import finite_float32, integer, real_array
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.report._pages import piece, write_page

Floats = npt.NDArray[np.floating[Any]]
# Where the page looks at a line, and when survival on it counts as different: as
# agents.latent.classify does by default, with as many points between the ends.
POINTS = (np.arange(61) - 20) / 20
_MARGIN = 0.05
_Z = NormalDist().inv_cdf(1 - 0.05 / (2 * int(((POINTS > 0) & (POINTS < 1)).sum())))

Activation = Literal["identity", "tanh", "relu", "silu", "elu"]


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A layer of a decoder: ``activation(x @ weight + bias)``.

    Attributes:
        weight: ``(in, out)``.
        bias: ``(out,)``.
        activation: Of its outputs.

    Raises:
        ShapeError: Weight and bias do not fit.
        ArgumentError: A number is not finite, or the activation is unknown.
    """

    weight: Floats
    bias: Floats
    activation: Activation

    def __post_init__(self) -> None:
        shape = np.shape(self.weight)
        if len(shape) != 2:
            raise ShapeError(f"`weight` must have shape (in, out), got {shape}")
        object.__setattr__(self, "weight", finite_float32(self.weight, "weight", shape))
        object.__setattr__(self, "bias", finite_float32(self.bias, "bias", shape[1:]))
        if self.activation not in get_args(Activation):
            known = ", ".join(get_args(Activation))
            raise ArgumentError(f"`activation` must be one of {known}, got {self.activation!r}")


@dataclass(frozen=True, eq=False, kw_only=True)
class AgentsPage:
    """What the page shows: a population, where its agents lie, and the way back to weights.

    Attributes:
        embeddings: What the decoder takes, ``(n, d)``.
        survival: Mean steps of each agent, ``(n,)``.
        group: Of each agent, counted from 1, ``(n,)``.
        group_names: Of all groups, such as ``"51-100"``.
        weights: As :func:`eigenwell.cartpole.rollout` takes them, ``(n, p)``; the page holds them
            in float16.
        decoder: Layers from d to p, applied to an embedding.
        scale: Of the decoder's outputs, ``(p,)``: weights are ``shift + scale * output``.
        shift: See there.
        architecture: Of the policies, an MLP.
        starts: Paired, ``(episodes, 4)``, float64.
        cap: Steps after which an episode ends.
        physics: Of the cart; without noise.
        pairs: Name of each pair to start from, and its two agents.
        caption: A line on where this comes from.

    Raises:
        ShapeError: Lengths do not fit.
        ArgumentError: A number is not finite or out of range, or the architecture is no MLP.
    """

    embeddings: Floats
    survival: Floats
    group: npt.NDArray[np.integer[Any]]
    group_names: Sequence[str]
    weights: Floats
    decoder: Sequence[DenseLayer]
    scale: Floats
    shift: Floats
    architecture: cartpole.Architecture
    starts: Floats
    cap: int = 200
    physics: cartpole.Physics = field(default_factory=cartpole.Physics)
    pairs: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    caption: str = ""

    def __post_init__(self) -> None:
        n, d = _matrix_shape(self.embeddings, "embeddings")
        if n < 2 or d < 1:
            raise ShapeError(f"`embeddings` must hold at least 2 agents, got shape {(n, d)}")
        if not isinstance(self.architecture, cartpole.MLP):
            got = type(self.architecture).__name__
            raise ArgumentError(f"`architecture` must be a cartpole.MLP, got {got}")
        if self.physics.observation_noise:
            raise ArgumentError("`physics` must be without observation noise: the page has none")
        p, episodes = self.architecture.parameters, _matrix_shape(self.starts, "starts")[0]
        shapes = {
            "embeddings": (n, d),
            "survival": (n,),
            "weights": (n, p),
            "scale": (p,),
            "shift": (p,),
        }
        for name, shape in shapes.items():
            object.__setattr__(self, name, finite_float32(getattr(self, name), name, shape))
        if np.abs(self.weights).max() > np.finfo(np.float16).max:
            raise ArgumentError("`weights` must be at most 65504 in size: the page holds float16")
        starts = real_array(self.starts, "starts")
        if starts.shape != (episodes, 4) or episodes < 1 or not np.isfinite(starts).all():
            raise ShapeError(f"`starts` must be finite, of shape (episodes, 4), got {starts.shape}")
        object.__setattr__(self, "starts", starts)
        integer(self.cap, "cap", low=1, high=100_000)
        group = np.asarray(self.group)
        if group.shape != (n,) or not np.isin(group, np.arange(len(self.group_names)) + 1).all():
            raise ArgumentError(
                f"`group` must hold {n} numbers from 1 to {len(self.group_names)}, the names given"
            )
        widths = [layer.weight.shape for layer in self.decoder]
        ends = [d, *(out for _, out in widths)]
        if ends[:-1] != [inputs for inputs, _ in widths] or ends[-1] != p:
            raise ShapeError(f"`decoder` must lead from {d} to {p} numbers, got layers of {widths}")
        for name, pair in self.pairs.items():
            for agent in pair:
                integer(agent, f"pairs[{name!r}]", low=0, high=n - 1)


def agents_page(
    path: str | os.PathLike[str],
    parts: AgentsPage,
    *,
    title: str = "Agents on a map",
    max_agents: SupportsIndex = 1500,
) -> None:
    """Write an interactive page: a map of agents, survival between two of them, four carts.

    The page decodes embeddings and runs CartPole in float64, as
    :func:`eigenwell.cartpole.rollout` does with ``mode="exact"``.

    Args:
        path: The HTML file, written all of it or nothing.
        parts: What it shows.
        title: One line above it.
        max_agents: Shown, spread evenly over the ranks of survival; those of pairs always are.

    Raises:
        ArgumentError: An option is out of range, or the file cannot be written.

    Note:
        Some 30 kB, for each agent 3 bytes a parameter and 5 a number of its embedding, and 5 for
        each number of the decoder: 1.3 MB for 1500 agents of 212 parameters.
    """
    most = integer(max_agents, "max_agents", low=2, high=10**6)
    write_page(
        path,
        "_agents_page.html",
        data=_data(parts, most),
        title=html.escape(title),
        caption=html.escape(parts.caption),
        margin=f"{100 * _MARGIN:g} %",
        science=piece("_agents_science.js"),
        pictures=piece("_agents_pictures.js"),
        actions=piece("_agents_actions.js"),
    )


def map_of(embeddings: Floats, survival: Floats) -> tuple[Floats, tuple[str, str]]:
    """Return where agents lie on a map, ``(n, 2)``, and what its axes are.

    Two numbers are shown as they are, one against survival, more by their first two principal
    components.
    """
    d = embeddings.shape[1]
    if d == 1:
        return np.column_stack([embeddings, survival]), ("embedding", "mean survival (steps)")
    if d == 2:
        return embeddings, ("embedding, first number", "embedding, second number")
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    shares = 100 * sizes**2 / max((sizes**2).sum(), np.finfo(np.float64).tiny)
    # The sign of a component is arbitrary: survival rises to the right and upwards.
    points = centred @ axes[:2].T
    signs = np.sign((points * (survival - survival.mean())[:, None]).sum(axis=0))
    names = (f"principal component {k + 1} ({shares[k]:.0f} % of variance)" for k in range(2))
    return points * np.where(signs, signs, 1.0), (next(names), next(names))


def _data(parts: AgentsPage, most: int) -> dict[str, Any]:
    """Return what the page's scripts read."""
    shown = _spread(parts, most)
    points, axes = map_of(parts.embeddings, parts.survival)
    where = {int(agent): i for i, agent in enumerate(shown)}
    return {
        "ids": shown.tolist(),
        "dimension": parts.embeddings.shape[1],
        "embeddings": _packed(parts.embeddings[shown], "<f4"),
        "survival": _packed(parts.survival[shown], "<f4"),
        "points": _packed(points[shown], "<f4"),
        "axes": axes,
        "group": (np.asarray(parts.group)[shown] - 1).tolist(),
        "groups": list(parts.group_names),
        "weights": _packed(parts.weights[shown], "<f2"),
        "decoder": [
            {
                "inputs": layer.weight.shape[0],
                "outputs": layer.weight.shape[1],
                "activation": layer.activation,
                "weight": _packed(layer.weight, "<f4"),
                "bias": _packed(layer.bias, "<f4"),
            }
            for layer in parts.decoder
        ],
        "scale": _packed(parts.scale, "<f4"),
        "shift": _packed(parts.shift, "<f4"),
        "sizes": [4, *(outputs for _, outputs in parts.architecture.layers)],
        "activation": parts.architecture.activation,
        "physics": dataclasses.asdict(parts.physics),
        "cap": parts.cap,
        "t": POINTS.tolist(),
        "z": _Z,
        "margin": _MARGIN,
        "starts": _packed(parts.starts, "<f8"),
        "presets": [
            {"name": name, "pair": [where[int(agent)] for agent in pair]}
            for name, pair in parts.pairs.items()
        ],
    }


def _spread(parts: AgentsPage, most: int) -> npt.NDArray[np.int64]:
    """Return the agents to show, ascending."""
    ranks = np.linspace(0, len(parts.survival) - 1, min(most, len(parts.survival)))
    even = np.argsort(parts.survival, kind="stable")[ranks.round().astype(np.int64)]
    named = [int(agent) for pair in parts.pairs.values() for agent in pair]
    return np.union1d(even, named).astype(np.int64)


def _packed(array: Floats, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode()


def _matrix_shape(value: Any, name: str) -> tuple[int, int]:
    shape = np.shape(value)
    if len(shape) != 2:
        raise ShapeError(f"`{name}` must have two dimensions, got shape {shape}")
    return shape[0], shape[1]
