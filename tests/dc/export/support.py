"""What the tests of the exporters share: shapes, bounds, compilers, and damage done on purpose."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from tests.helpers.policies import random_policy

from eigenwell.dc._layer import Layer
from eigenwell.dc.export import _vectors

if TYPE_CHECKING:
    from eigenwell import dc

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")

Float32 = npt.NDArray[np.float32]
INF = math.inf


@dataclass(frozen=True)
class Case:
    """A random policy: its shape, and which optional parts it has."""

    n: int
    k: int
    m: int
    bits: int
    parts: tuple[str, ...] = ()
    clip: tuple[float, float] = (-1.0, 1.0)

    def __str__(self) -> str:
        parts = "-".join((*self.parts, *map("{:g}".format, self.clip)))
        return f"{self.n}x{self.k}x{self.m}-{self.bits}bits-{parts}"

    def policy(self) -> dc.PackedPolicy:
        terms = [part for part in self.parts if part != "input_clip"]
        return random_policy(
            inputs=self.n,
            neurons=self.k,
            eigenvalues=self.m,
            bits=self.bits,
            clip=self.clip,
            input_clip=1.5 if "input_clip" in self.parts else INF,
            metadata={"environment": "NoSuchWorld-v0", "score": 12.5},
            **dict.fromkeys(terms, True),
        )


ALL = ("quadratic", "shift", "scale", "input_clip")
CASES = (
    Case(1, 1, 1, 2),
    Case(1, 1, 2, 8, ("quadratic",)),
    Case(2, 3, 1, 3, ("shift",), clip=(-INF, INF)),
    Case(3, 2, 5, 4, ("scale",), clip=(-0.25, INF)),
    Case(4, 1, 6, 5, ("input_clip",), clip=(-INF, 0.5)),
    Case(5, 4, 3, 6, ALL, clip=(0.0, 2.5)),
    Case(7, 9, 7, 7, ("shift", "scale")),
    Case(17, 3, 64, 8, ("quadratic", "scale")),
    Case(24, 4, 6, 5, ("quadratic",)),
    Case(33, 5, 4, 5, ALL),
    Case(2, 256, 64, 3, ("shift", "input_clip")),
    Case(4096, 1, 2, 2, ALL),
    Case(513, 16, 8, 5),
)


def observations(policy: dc.PackedPolicy, count: int = 97) -> Float32:
    """Observations from the shift outwards, so that some actions are free and some are clipped."""
    x = np.random.default_rng(1).standard_normal((count, policy.inputs))
    x *= np.linspace(0, 4, count)[:, None]
    if policy.shift is not None:
        x += policy.shift
    return x.astype(np.float32)


def rounding_bound(policy: dc.PackedPolicy, obs: Float32) -> float:
    """What float32 can lose in any order of summation: 2 (n + 4) u sum of absolute terms.

    N. J. Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1; 3 |K| L**2 since
    the square doubles the relative error of L.
    """
    x = obs.astype(np.float64)
    x = x - (0 if policy.shift is None else policy.shift)
    x = x * (1 if policy.scale is None else policy.scale)
    linear = np.abs(np.clip(x, -policy.input_clip, policy.input_clip)) @ np.abs(policy.weights)
    size = np.abs(policy.biases).ravel() + linear
    if policy.quadratic is not None:
        size += 3 * np.abs(policy.quadratic).ravel() * linear**2
    return float(2 * (policy.inputs + 4) * 2.0**-24 * size.max())


def assert_agrees(policy: dc.PackedPolicy, obs: Float32, actions: npt.NDArray[np.float32]) -> None:
    """Compare actions with the oracle's, and make sure that there was something to compare."""
    right = policy.reference(obs)
    low, high = policy.clip
    assert ((right > low) & (right < high)).any(), "every action is clipped"
    np.testing.assert_allclose(actions, right, rtol=0, atol=rounding_bound(policy, obs))


def deciding_weight(policy: dc.PackedPolicy, limit: int) -> tuple[int, int]:
    """Return (input, column) of a weight that decides an action in the export's own vectors."""
    vectors = _vectors.choose(policy, limit)
    deciding = Layer.of(policy).deciding(vectors.inputs)
    row = int(np.flatnonzero(deciding.any(axis=1))[0])
    column = int(np.flatnonzero(deciding[row])[0])
    return int(np.abs(vectors.inputs[row]).argmax()), column


def damaged(policy: dc.PackedPolicy, source: str, limit: int) -> str:
    """Return an exported source in which one index of one word is another one."""
    line, column = deciding_weight(policy, limit)
    current = policy.codebook[policy.indices[line, column]]
    index = int(np.abs(policy.codebook - current).argmax())
    position, per_word = line * policy.neurons * policy.eigenvalues + column, 64 // policy.bits
    word = int(policy.words[position // per_word])
    shift = policy.bits * (position % per_word)
    changed = word & ~(((1 << policy.bits) - 1) << shift) | index << shift
    digits = -(-per_word * policy.bits // 4)
    old = f"0x{word:0{digits}x}"
    assert source.count(old) == 1
    return source.replace(old, f"0x{changed:0{digits}x}")


def found(tool: str) -> str:
    """Return the path of a program, or skip the test."""
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    return path


def compiled(folder: Path, compiler: str, sources: dict[str, str], *flags: str) -> Path:
    """Write sources (file name to text), compile and link those that are units, give the program.

    Raises:
        AssertionError: They do not compile; the message is what the compiler said.
    """
    tool = found(compiler)
    for name, text in sources.items():
        (folder / name).write_text(text, "ascii")
    units = [name for name in sources if name.endswith((".c", ".cpp"))]
    done = subprocess.run(
        [tool, *flags, *units, "-o", "program"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "program"


def acted(command: Sequence[str | Path], obs: Float32, neurons: int) -> Float32:
    """Run a program that maps float32 observations on stdin to float32 actions on stdout."""
    done = subprocess.run(command, input=obs.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr.decode()}"
    return np.frombuffer(done.stdout, dtype=np.float32).reshape(len(obs), neurons)


def status(command: Sequence[str | Path]) -> int:
    """Run a program for its exit status."""
    return subprocess.run(command, capture_output=True, check=False).returncode
