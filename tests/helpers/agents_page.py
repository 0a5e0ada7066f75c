"""Agents for a page, what Python says of them, and how tests handle the page."""

from __future__ import annotations

import base64
import functools
import io
import itertools
from typing import Any

import numpy as np
from PIL import Image

from eigenwell import cartpole
from eigenwell.report import _agents_page
from eigenwell.report._agents_page import AgentsPage, DenseLayer

NETWORK = cartpole.MLP((4, 6, 2))
AGENTS, CAP = 60, 120
STARTS = cartpole.starts(12, seed=3)
T = np.array(_agents_page.POINTS)


@functools.cache
def parts(d: int = 3) -> AgentsPage:
    """Agents around one that balances, of graded skill, and a decoder with every activation."""
    rng = np.random.default_rng(0)
    p = NETWORK.parameters
    good = np.zeros(p)
    good[[0, 6, 12, 18]] = 0.5, 0.8, 4.0, 2.0  # the first hidden unit reads the state
    good[[30, 31]] = -2.0, 2.0  # and drives the logits
    embeddings = rng.normal(0, 1, (AGENTS, d))
    directions = rng.normal(0, 1, (d, p))
    weights = good + embeddings @ directions + rng.normal(0, 0.1, (AGENTS, p))
    survival = rollout(weights).mean(axis=1)
    widths = (d, 9, 8, 7, 6)
    activations: tuple[Any, ...] = ("silu", "tanh", "elu", "relu")
    layers = [
        DenseLayer(rng.normal(0, 0.8, (i, o)), rng.normal(0, 0.3, o), activation)
        for (i, o), activation in zip(itertools.pairwise(widths), activations, strict=True)
    ]
    layers.append(DenseLayer(rng.normal(0, 1, (6, p)), rng.normal(0, 0.1, p), "identity"))
    return AgentsPage(
        embeddings=embeddings,
        survival=survival,
        group=1 + np.searchsorted([30, 60, 90], survival),
        group_names=("1-30", "31-60", "61-90", "91-120"),
        weights=weights,
        decoder=layers,
        scale=rng.uniform(0.2, 1, p),
        shift=good,
        architecture=NETWORK,
        starts=STARTS,
        cap=CAP,
        pairs={"slope: two agents": (3, 40), "valley": (7, 8)},
        caption="Made agents <b>&</b> a made decoder.",
    )


def rollout(weights: Any) -> Any:
    return cartpole.rollout(weights, architecture=NETWORK, starts=STARTS, cap=CAP)


def decode(page: AgentsPage, z: Any) -> Any:
    acts: dict[str, Any] = {
        "identity": lambda x: x,
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0),
        "silu": lambda x: x / (1 + np.exp(-x)),
        "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    }
    for layer in page.decoder:
        z = acts[layer.activation](z @ layer.weight.astype(np.float64) + layer.bias)
    return page.shift + page.scale.astype(np.float64) * z


def lines(page: AgentsPage, a: int, b: int) -> dict[str, Any]:
    """Weights along the two lines, as the page has them: float32 embeddings, float16 weights."""
    t, kept = T[:, None], page.weights.astype(np.float16).astype(np.float64)
    z = page.embeddings.astype(np.float64)
    return {
        "latent": decode(page, (1 - t) * z[a] + t * z[b]),
        "weights": (1 - t) * kept[a] + t * kept[b],
    }


def choose(page: Any, a: int, b: int) -> None:
    page.fill("#first", str(a))
    page.fill("#second", str(b))
    page.press("#second", "Enter")
    page.wait_for_function("curves.done")


def steps(page: Any, kind: str) -> Any:
    return np.array(page.evaluate(f"curves.{kind}.map((steps) => Array.from(steps))"))


def colours(page: Any, canvas: str) -> Any:
    """A canvas's pixels, ``(height, width, 3)``."""
    url = page.evaluate("(id) => at(id).toDataURL()", canvas)
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return np.asarray(image.convert("RGB")).astype(int)


def count_colour(page: Any, hexadecimal: str) -> int:
    """Pixels of a colour in the picture of the curves."""
    wanted = [int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(colours(page, "curves") - wanted).max(axis=-1) < 3).sum())


def agree(found: Any, expected: Any) -> None:
    # Sines and hyperbolic tangents of a browser may differ in the last bit, which float32
    # observations hide from nearly all policies: one run in a thousand may be another one.
    assert found.shape == expected.shape
    assert (found != expected).mean() <= 1e-3
