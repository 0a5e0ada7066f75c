"""Pairwise energies under pytest-benchmark: every contender of a group in the same run.

    make bench ARGS="-k pairwise"

Correctness is asserted before anything is timed. ``eigenwell bench pairwise`` prints the same
contenders as tables, with their errors and their memory, and draws how they scale; there KeOps is
timed in its own process, here with the way to it and back, some 0.1 ms. What its
``--json`` writes becomes the tables of README.md with

    python bench/bench_pairwise.py result.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from eigenwell import backend, pairwise
from eigenwell.benchmarks import Contender
from eigenwell.benchmarks import pairwise as contenders

# The competitors' warnings are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

CASES = [
    pytest.param(
        contender,
        task,
        id=f"{n}-{d}-{'gradient' if gradient else 'energy'}-{contender.name}",
        marks=[
            pytest.mark.benchmark(
                group=f"{'energy and gradient' if gradient else 'energy'}, {n} points, d = {d}"
            )
        ],
    )
    for n, d in [(100, 3), (1000, 3), (10_000, 3), (1000, 2), (1000, 16), (1000, 128), (100_000, 3)]
    for gradient in (False, True)
    for task in [contenders.Task(contenders.cloud(n, d), gradient)]
    for contender in contenders.contenders(task)
    if isinstance(contender, Contender)
    # Seconds a call: the others are left to the smaller clouds.
    if n < 100_000 or contender.name == f"eigenwell {contenders.isas()[-1]}"
]


@pytest.fixture(scope="module", autouse=True)
def _two_threads():
    before = backend.active_isa()
    with contenders.threads(2):
        yield
    backend.force_isa(before)


@pytest.mark.parametrize(("contender", "task"), CASES)
def test_energy(benchmark, contender, task):
    errors = contenders.error_of(task, contender)
    if contender.name.startswith("eigenwell"):
        assert max(error for error in errors if error is not None) <= contenders.TOLERANCE
    benchmark.extra_info["relative errors"] = errors
    benchmark.extra_info["pairs per call"] = contender.items
    benchmark(contender.call)


def _torch_matrix(mode):
    torch = pytest.importorskip("torch")

    def build(x, loss):
        points, weights = torch.tensor(x, requires_grad=True), torch.tensor(loss)

        def call():
            distances = torch.cdist(points, points, compute_mode=mode)
            return torch.autograd.grad(distances, points, weights)[0].numpy()

        return call

    return build


def _eigenwell_matrix(x, loss):
    def call():
        distances = pairwise.cdist(x, x)
        first, second = pairwise.cdist_gradient(x, x, loss, distances=distances)
        return first + second

    return call


@pytest.mark.benchmark(group="matrix of distances of 3000 points and its backward")
@pytest.mark.parametrize(
    ("build", "tolerance"),
    [
        pytest.param(_torch_matrix("donot_use_mm_for_euclid_dist"), 1e-5, id="torch.cdist"),
        pytest.param(_torch_matrix("use_mm_for_euclid_dist"), 1e-2, id="torch.cdist, matmul"),
        pytest.param(_eigenwell_matrix, 1e-6, id="eigenwell"),
    ],
)
def test_matrix(benchmark, build, tolerance):
    x = contenders.cloud(3000, 3)
    loss = np.random.default_rng(1).standard_normal((3000, 3000), dtype=np.float32)
    wanted = np.add(*pairwise.cdist_gradient(x.astype("f8"), x.astype("f8"), loss.astype("f8")))
    call = build(x, loss)
    assert np.linalg.norm(call() - wanted) <= tolerance * np.linalg.norm(wanted)
    benchmark(call)


_LOSSES = {
    "torch.cdist": lambda torch, x: torch.cdist(
        x, x, compute_mode="donot_use_mm_for_euclid_dist"
    ).sum(),
    "torch.cdist, matmul": lambda torch, x: torch.cdist(
        x, x, compute_mode="use_mm_for_euclid_dist"
    ).sum(),
    "x.sum()": lambda _, x: x.sum(),  # what torch takes for itself
    "eigenwell": lambda _, x: pairwise.energy(x),
}


@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("loss", _LOSSES)
def test_backward(benchmark, loss, n):
    torch = pytest.importorskip("torch")
    benchmark.group = f"sum of distances of {n} points and .backward() in torch, d = 3"
    points = torch.tensor(contenders.cloud(n, 3), requires_grad=True)

    def call():
        points.grad = None
        _LOSSES[loss](torch, points).backward()

    call()
    wanted = pairwise.energy_and_gradient(points.detach().double())[1]
    if loss != "x.sum()":
        bound = 1e-6 if loss == "eigenwell" else 1e-4
        assert (points.grad - wanted).norm() <= bound * wanted.norm()
    benchmark(call)


_DASH = "\N{EN DASH}"


def tables(document):
    """Return Markdown: for each number of coordinates a table, a column for each size."""
    lines = []
    for gradient in (True, False):
        for d in dict.fromkeys(task["dimensions"] for task in document["tasks"]):
            tasks = {
                task["points"]: task["contenders"]
                for task in document["tasks"]
                if (task["dimensions"], task["gradient"]) == (d, gradient)
            }
            if not tasks:
                continue
            lines += [
                f"**{'Energy and gradient' if gradient else 'Energy alone'}, d = {d}**",
                "",
                "| | " + " | ".join(f"n = {n:,}" for n in tasks) + " | largest error | peak MB |",
                "|---" + "|---:" * (len(tasks) + 2) + "|",
            ]
            for name in dict.fromkeys(name for task in tasks.values() for name in task):
                facts = [task[name] for task in tasks.values()]
                row = [name, *map(_time, facts), *_errors_and_memory(facts)]
                lines.append("| " + " | ".join(row) + " |")
            lines.append("")
    return "\n".join(lines)


def _time(fact):
    if "absent" in fact:
        return f"{_DASH} ({fact['absent']})"
    low, high = fact["quartiles"]
    return f"{fact['median']:.3g} ({low:.3g}{_DASH}{high:.3g})"


def _errors_and_memory(facts):
    there = [fact for fact in facts if "absent" not in fact]
    if not there:
        return "", ""
    errors = [
        f"{max(fact[key] for fact in there):.0e}"
        for key in ("energy_error", "gradient_error")
        if there[0][key] is not None
    ]
    peaks = [fact["peak_bytes"] for fact in there if fact["peak_bytes"] is not None]
    return " / ".join(errors), f"{max(peaks) / 1e6:,.1f}" if peaks else ""


if __name__ == "__main__":
    print(tables(json.loads(Path(sys.argv[1]).read_text("utf-8"))))
