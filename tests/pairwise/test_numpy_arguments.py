"""What goes into the functions on NumPy arrays: strange arrays work or raise one clear sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from tests.helpers.clouds import cloud

from eigenwell import _native, pairwise
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, ShapeError


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros(3), ShapeError, r"`x` must have shape \(..., n, d\), got \(3,\)"),
        (np.zeros((3, 0)), ShapeError, "at least one coordinate"),
        ([[1.0], [1.0, 2.0]], ShapeError, "rectangular"),
        (np.zeros((3, 2), complex), DTypeError, "real numbers, got dtype complex128"),
        (np.zeros((3, 2), bool), DTypeError, "real numbers"),
        ("cloud", DTypeError, "real numbers"),
        (None, DTypeError, "real numbers"),
        ([[0.0, np.inf]], ArgumentError, r"`x` must be finite, got inf at index \(0, 1\)"),
        (np.array([[0, np.nan]], "float16"), ArgumentError, r"got nan at index \(0, 1\)"),
    ],
)
def test_points(x: Any, error: type[Exception], message: str) -> None:
    for call in (pairwise.energy, pairwise.energy_and_gradient, pairwise.pdist):
        with pytest.raises(error, match=message):
            call(x)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"exponent": 0}, ArgumentError, "`exponent` must be finite and not 0"),
        ({"exponent": np.nan}, ArgumentError, "`exponent`"),
        ({"exponent": "one"}, DTypeError, "`exponent` must be a number, got str"),
        ({"softening": -1.0}, ArgumentError, "`softening` must be finite and at least 0"),
        ({"pairs": "lower"}, ArgumentError, "`pairs` must be one of all, upper, different"),
        ({"weights": np.ones(4)}, ShapeError, r"`weights` must have shape \(..., 3\)"),
        ({"weights": np.ones(3, "float32")}, DTypeError, "`weights` must have the dtype"),
        ({"weights": (np.ones(3), None)}, DTypeError, "`weights` must be one array"),
        ({"weights": [1, np.nan, 1]}, ArgumentError, "`weights` must be finite"),
        ({"y": np.zeros((2, 2)), "weights": np.ones(3)}, DTypeError, "`weights` must be a tuple"),
        ({"y": np.zeros((2, 3))}, ShapeError, "`y` must have as many coordinates as `x`, 2"),
        ({"y": np.zeros((2, 2), "float32")}, DTypeError, "`y` must have the dtype of `x`"),
        ({"y": np.zeros((5, 2, 2)), "weights": (np.ones((4, 3)), None)}, ShapeError, "broadcast"),
    ],
)
def test_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pairwise.energy(np.zeros((3, 2)), **options)


def test_directions() -> None:
    x = np.zeros((3, 2))
    with pytest.raises(ShapeError, match="`v` must have the shape"):
        pairwise.hessian_vector_product(x, np.zeros((4, 2)))
    with pytest.raises(DTypeError, match="`v` must be a tuple"):
        pairwise.hessian_vector_product(x, x, x)
    with pytest.raises(DTypeError, match="`v` must have the dtype"):
        pairwise.hessian_vector_product(x, x.astype("float32"))


def test_strange_arrays_give_what_their_copies_give() -> None:
    base = cloud((40, 6), "float32")
    odd = np.zeros(1 + 40 * 3 * 4, np.uint8)[1:].view("float32").reshape(40, 3)
    odd[...] = base[:, :3]
    read_only = base[:, :3].copy()
    read_only.flags.writeable = False
    wanted = pairwise.energy_and_gradient(read_only)
    for x in (
        base[:, :3],
        np.asfortranarray(base[:, :3]),
        base[::-1, :3][::-1],
        odd,
        read_only,
        base[:, :3].astype(">f4"),
        read_only.view(type("Sub", (np.ndarray,), {})),
    ):
        value, gradient = pairwise.energy_and_gradient(x)
        assert value == wanted[0]
        np.testing.assert_array_equal(gradient, wanted[1])


def test_integers_and_lists_are_float64() -> None:
    value, gradient = pairwise.energy_and_gradient([[0, 0], [3, 4]])
    assert value == 10
    assert gradient.dtype == np.float64


def test_empty_sets() -> None:
    for n in (0, 1):
        value, gradient = pairwise.energy_and_gradient(np.zeros((2, n, 3)))
        assert value.tolist() == [0, 0]
        assert gradient.shape == (2, n, 3)
        assert not gradient.any()
        assert pairwise.pdist(np.zeros((n, 3))).shape == (0,)
    value, gx, gy = pairwise.energy_and_gradient(np.zeros((4, 3)), np.zeros((0, 3)))
    assert value == 0
    assert gx.shape == (4, 3)
    assert gy.shape == (0, 3)
    assert pairwise.energy(np.zeros((0, 4, 3))).shape == (0,)
    assert pairwise.cdist(np.zeros((4, 3)), np.zeros((0, 3))).shape == (4, 0)


def test_the_native_functions_refuse_unknown_names() -> None:
    x = np.zeros((2, 2))
    sizes: dict[str, Any] = {"batch": 1, "n": 2, "m": 2, "d": 2, "threads": 1}
    options: dict[str, Any] = {"exponent": 1.0, "softening": 0.0}
    for names in ({"dtype": "int8", "pairs": "all"}, {"dtype": "float64", "pairs": "none"}):
        with pytest.raises(EigenwellError, match="must be"):
            _native.riesz(x, 0, 0, 0, 0, 0, 0, **sizes, **options, **names)


def test_callers_in_several_threads_share_the_pool() -> None:
    x = cloud((1500, 3), "float32")
    wanted = pairwise.energy(x)
    wrong: list[float] = []

    def work() -> None:
        wrong.extend(e for _ in range(10) if (e := pairwise.energy(x)) != wanted)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_computes_the_same() -> None:
    code = (
        "import os, numpy as np\n"
        "from eigenwell import pairwise\n"
        "x = np.random.default_rng(0).standard_normal((1500, 3))\n"
        "wanted = pairwise.energy(x)\n"
        "child = os.fork()\n"
        "same = pairwise.energy(x) == wanted\n"
        "if child == 0: os._exit(0 if same else 1)\n"
        "status = os.waitpid(child, 0)[1]\n"
        "print(same, status)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "EIGENWELL_NUM_THREADS": "3"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.stdout == "True 0\n", run.stderr
