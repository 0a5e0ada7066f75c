"""The CUDA extension builds where there is an nvcc, and loads without a GPU.

Nothing here runs a kernel: cpp/tests/test_pairwise_cuda_*.cpp check their bodies on the CPU.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers.repository import PACKAGE, ROOT

FUNCTIONS = {
    "cartpole_rollout",
    "cdist",
    "cdist_backward",
    "descend",
    "descend_workspace",
    "device_count",
    "pdist",
    "pdist_backward",
    "riesz",
    "riesz_hvp",
    "riesz_workspace",
}

# Run with the build folder as its first argument. No driver call may happen on import, and a launch
# without a device must be an exception; workspaces depend on sizes alone.
LOAD_WITHOUT_GPU = """
import sys
sys.path.insert(0, sys.argv[1])
import _cuda
from eigenwell.errors import DeviceError, DTypeError

print(" ".join(name for name in dir(_cuda) if not name.startswith("_")))
sizes = dict(n=1000, m=1000, d=3, dtype="float32")
assert 0 < _cuda.riesz_workspace(batch=1, **sizes) <= _cuda.riesz_workspace(batch=9, **sizes)
species, terms = [(0, 0, 0, 100, 0.1)], [(0, 0, 1.0, 1.0, 0.0, "all")]
assert _cuda.descend_workspace(species, terms, d=3, dtype="float32") > 100 * 3 * 8
try:
    _cuda.riesz_workspace(batch=1, n=1, m=1, d=3, dtype="int8")
except DTypeError:
    pass
else:
    raise SystemExit("int8 passed")
if _cuda.device_count() == 0:
    try:
        _cuda.pdist(256, 256, batch=1, n=9, d=3, dtype="float32", workspace=256, stream=0)
    except DeviceError as error:
        assert "launch" in str(error)
    else:
        raise SystemExit("a launch without a device passed")
"""


def _needs(program: str) -> str:
    here = Path(sys.executable).parent / program
    found = str(here) if here.exists() else shutil.which(program)
    if found is None:
        pytest.skip(f"there is no {program} on this machine")
    return found


def _pybind11(folder: Path) -> str:
    if importlib.util.find_spec("pybind11") is None:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder))
        subprocess.run((*pip, "pybind11>=3.1"), check=True)
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = (sys.executable, "-m", "pybind11", "--cmakedir")
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


def _configure(folder: Path, cuda: str, nvcc: str) -> subprocess.CompletedProcess[str]:
    command = (
        _needs("cmake"),
        *("-S", str(ROOT), "-B", str(folder / "build"), "-G", "Ninja"),
        f"-DCMAKE_MAKE_PROGRAM={_needs('ninja')}",
        f"-DEIGENWELL_CUDA={cuda}",
        "-DEIGENWELL_BUILD_PYTHON=ON",
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={_pybind11(folder / 'pybind11').strip()}",
    )
    env = {**os.environ, "CUDACXX": nvcc}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=env)


def test_the_extension_builds_without_warnings_and_loads_without_a_gpu(tmp_path: Path) -> None:
    configured = _configure(tmp_path, "ON", _needs("nvcc"))
    assert configured.returncode == 0, configured.stderr
    build = (_needs("cmake"), "--build", str(tmp_path / "build"), "--target", "_cuda")
    built = subprocess.run(build, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout
    assert "warning" not in built.stdout + built.stderr
    (extension,) = (tmp_path / "build").rglob("_cuda*.so")
    command = (sys.executable, "-c", LOAD_WITHOUT_GPU, str(extension.parent))
    loaded = subprocess.run(command, check=False, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    assert set(loaded.stdout.split()) == FUNCTIONS


def _broken_nvcc(folder: Path) -> str:
    """Give a compiler that says its version and can do nothing more."""
    nvcc = folder / "nvcc"
    nvcc.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "release 13.0, V13.0.88" || exit 1\n')
    nvcc.chmod(0o755)
    return str(nvcc)


def test_half_a_toolkit_does_not_break_a_build_that_did_not_ask(tmp_path: Path) -> None:
    configured = _configure(tmp_path, "AUTO", _broken_nvcc(tmp_path))
    assert configured.returncode == 0, configured.stderr
    assert "CUDA extension: no, there is no nvcc that compiles" in configured.stdout


def test_half_a_toolkit_is_an_error_where_cuda_was_asked_for(tmp_path: Path) -> None:
    configured = _configure(tmp_path, "ON", _broken_nvcc(tmp_path))
    assert configured.returncode != 0
    assert "EIGENWELL_CUDA=ON, but there is no nvcc that compiles" in configured.stderr


def test_the_stub_lists_what_the_extension_has() -> None:
    stub = (PACKAGE / "_cuda.pyi").read_text("utf-8")
    named = {line[4:].partition("(")[0] for line in stub.splitlines() if line.startswith("def ")}
    assert named == FUNCTIONS
