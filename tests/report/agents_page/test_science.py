"""What the page of agents computes is what Python computes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from tests.helpers.agents_page import CAP, STARTS, T, agree, choose, lines, parts, rollout, steps

from eigenwell import cartpole
from eigenwell.agents.latent import classify
from eigenwell.agents.latent._patterns import Name
from eigenwell.report import DenseLayer, agents_page


def test_survival_is_that_of_python(page: Any) -> None:
    found = page.evaluate("data.ids.map((_, i) => Array.from(survive(weightsOf(i))))")
    expected = rollout(parts().weights.astype(np.float16).astype(np.float64))
    agree(np.array(found), expected)
    # Runs of all lengths, so that this says something.
    assert expected.min() < 12
    assert (expected == CAP).any()
    assert len(np.unique(expected)) > 40


@pytest.mark.parametrize("network", [cartpole.MLP(), cartpole.MLP((4, 5, 7, 2), "relu")])
def test_other_networks_and_physics(context: Any, tmp_path: Path, network: Any) -> None:
    weights = np.random.default_rng(1).normal(0, 0.7, (30, network.parameters))
    physics = cartpole.Physics(half_length=0.8, force=7.0, pole_mass=0.2, x_limit=1.5)
    decoder = [DenseLayer(np.zeros((3, network.parameters)), weights[0] * 0, "identity")]
    made = {"architecture": network, "physics": physics, "decoder": decoder, "pairs": {}}
    made |= {name: getattr(parts(), name)[:30] for name in ("embeddings", "survival", "group")}
    made |= {"weights": weights, "scale": weights[0], "shift": weights[0]}
    agents_page(tmp_path / "a.html", dataclasses.replace(parts(), **made))
    page = context.new_page()
    page.goto((tmp_path / "a.html").as_uri())
    found = page.evaluate("data.ids.map((_, i) => Array.from(survive(weightsOf(i))))")
    kept = weights.astype(np.float16).astype(np.float64)
    expected = cartpole.rollout(kept, architecture=network, starts=STARTS, cap=CAP, physics=physics)
    agree(np.array(found), expected)
    page.close()


def test_the_lines(page: Any) -> None:
    for kind, along in (("latent", "onLatentLine"), ("weights", "onWeightLine")):
        found = page.evaluate(f"data.t.map((t) => Array.from({along}(3, 40, t)))")
        # Sums of some ten float64 in another order.
        assert np.array(found) == pytest.approx(lines(parts(), 3, 40)[kind], abs=1e-13)


def test_patterns_of_pairs(page: Any) -> None:
    names = set()
    for a, b in ((3, 40), (7, 8), (11, 25), (0, 59), (30, 31), (16, 2)):
        choose(page, a, b)
        said = page.locator("#verdict").inner_text()
        for kind, label in (("latent", "Latent"), ("weights", "Weight")):
            name = classify(steps(page, kind), T, cap=CAP).name
            assert f"{label} line: {name}." in said
            names.add(name)
    assert len(names) >= 3


def test_the_rule_is_that_of_python(page: Any) -> None:
    rng = np.random.default_rng(5)
    inside = np.clip(T, 0, 1)
    drawn = []
    for _ in range(200):
        ends = rng.uniform(10, 110, 2)
        curve = ends[0] + inside * (ends[1] - ends[0])
        curve += rng.normal(0, rng.choice([5, 25])) * np.sin(np.pi * rng.integers(1, 3) * inside)
        noise = rng.normal(0, rng.choice([1, 10]), (61, 12)) + rng.normal(0, 10, 12)
        drawn.append(np.clip(curve[:, None] + noise, 1, CAP).round(3))
    expected = [classify(line, T, cap=CAP).name for line in drawn]
    text = json.dumps(np.array(drawn).tolist())
    assert page.evaluate("(text) => JSON.parse(text).map(classify)", text) == expected
    assert min(expected.count(name) for name in get_args(Name)) > 5


@pytest.mark.parametrize("d", [1, 2, 16])
def test_embeddings_of_any_size(pages: Any, d: int) -> None:
    page = pages(f"{d}", d)
    page.wait_for_function("curves?.done")
    found = np.array(page.evaluate("Array.from(points)")).reshape(-1, 2)
    made = parts(d)
    if d < 16:
        expected = made.embeddings if d == 2 else np.c_[made.embeddings, made.survival]
        assert found == pytest.approx(expected, rel=1e-6)
    else:
        centred = made.embeddings - made.embeddings.mean(axis=0)
        sizes = np.linalg.svd(centred, compute_uv=False)
        assert np.linalg.norm(found, axis=0) == pytest.approx(sizes[:2], rel=1e-5)
        assert abs(found[:, 0] @ found[:, 1]) < 1e-3
        assert (np.corrcoef(found.T, made.survival)[2, :2] > 0).all()
        assert f"{100 * sizes[0] ** 2 / (sizes**2).sum():.0f} % of variance" in page.evaluate(
            "data.axes[0]"
        )


def test_fewer_agents_are_spread_over_survival(pages: Any) -> None:
    title = "<img src=x onerror=alert(1)> @DATA@ </script>"
    page = pages("few", max_agents=10, title=title)
    assert page.locator("h1").inner_text() == title
    assert page.locator("#about").inner_text() == parts().caption
    ids = page.evaluate("data.ids")
    order = parts().survival.argsort(kind="stable")
    # The worst, the best, and those of the pairs.
    assert {3, 40, 7, 8, int(order[0]), int(order[-1])} <= set(ids)
    assert len(ids) <= 14
    assert page.evaluate("[data.ids[pair.a], data.ids[pair.b]]") == [3, 40]
