"""The wheel in an empty environment: as a NumPy package, as a CMake package, and walking.

EIGENWELL_WHEEL names the wheel to use, as `make test` does; without it one is built from this tree.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers.repository import EXAMPLES, ROOT
from tests.helpers.wheels import problems_of_wheel

pytestmark = pytest.mark.consumer


def _run(*command: str | Path, status: int = 0, cwd: Path | None = None) -> str:
    """Run a command as a stranger would and give its stdout; its stderr too where it shall fail."""
    # Nothing of this process may leak in: neither its import path nor a forced instruction set.
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "EIGENWELL_"))}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=env,
    )
    assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stderr if status else done.stdout


def _environment(folder: Path, *requirements: str) -> Path:
    """Make an environment with the requirements installed and give its folder of commands."""
    _run(sys.executable, "-m", "venv", folder)
    commands = folder / "bin"
    _run(commands / "python", "-m", "pip", "install", "--quiet", *requirements)
    return commands


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if given := os.environ.get("EIGENWELL_WHEEL"):
        return ROOT / given
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT)
    (built,) = folder.glob("eigenwell-*.whl")
    return built


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commands of an environment that has the wheel and what it asks for, and no extra."""
    return _environment(tmp_path_factory.mktemp("core") / "venv", str(wheel))


def _cmake() -> str:
    # The cmake of the environment that runs the tests comes first: it may be on no PATH.
    beside = Path(sys.executable).with_name("cmake")
    found = str(beside) if beside.exists() else shutil.which("cmake")
    assert found, 'cmake is missing: pip install "eigenwell[test]"'
    return found


def test_the_wheel_holds_what_it_should(wheel: Path) -> None:
    assert problems_of_wheel(wheel) == []


def test_numpy_alone_comes_with_it(core: Path) -> None:
    listed = json.loads(_run(core / "python", "-m", "pip", "list", "--format", "json"))
    assert {entry["name"] for entry in listed} - {"pip", "setuptools"} == {"eigenwell", "numpy"}


def test_the_core_acts_and_passes_its_self_test(core: Path, tmp_path: Path) -> None:
    script = (
        "import numpy, eigenwell\n"
        "policy = eigenwell.dc.walker()\n"
        "policy.self_test()\n"
        "print(policy(numpy.zeros((3, policy.inputs))).shape)\n"
        "from eigenwell.dc.export import export\n"
        "print(*(len(export(policy, to)) > 1000 for to in ('c', 'cpp', 'python')))"
    )
    assert _run(core / "python", "-c", script, cwd=tmp_path) == "(3, 4)\nTrue True True\n"


def test_a_missing_extra_is_one_sentence_with_its_cure(core: Path, tmp_path: Path) -> None:
    said = _run(core / "eigenwell", "walk", status=2, cwd=tmp_path)
    assert said.count("\n") == 1
    assert 'pip install "eigenwell[walk]"' in said


@pytest.mark.parametrize("way", ["eigenwell_DIR", "CMAKE_PREFIX_PATH"])
def test_find_package_builds_the_cpp_example(core: Path, tmp_path: Path, way: str) -> None:
    cmake_dir = _run(core / "python", "-m", "eigenwell", "--cmake-dir", cwd=tmp_path).strip()
    platlib = "import sysconfig; print(sysconfig.get_path('platlib'))"
    site_packages = _run(core / "python", "-c", platlib).strip()
    found_at = {"eigenwell_DIR": cmake_dir, "CMAKE_PREFIX_PATH": site_packages}[way]
    build = tmp_path / "build"
    _run(_cmake(), "-S", EXAMPLES / "embed_cpp", "-B", build, f"-D{way}={found_at}")
    _run(_cmake(), "--build", build)
    policy = Path(site_packages) / "eigenwell" / "dc" / "article_walker.dcp"
    for program in ("embed_cpp", "embed_headers"):
        assert _run(build / program, policy, cwd=tmp_path)


def test_eigenwell_walk_works_there(wheel: Path, tmp_path: Path) -> None:
    commands = _environment(tmp_path / "venv", f"{wheel}[walk]")
    printed = _run(commands / "eigenwell", "walk", "--episodes", "1", "--json", cwd=tmp_path)
    assert json.loads(printed)["mean"] > 300
