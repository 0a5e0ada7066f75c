"""`import eigenwell` and the core behind it load NumPy and nothing of the extras."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# What the extras bring. Who asks for none of it waits for none of it.
EXTRAS = {
    *("gymnasium", "pygame", "rich", "tyro"),
    *("torch", "onnx", "onnxruntime"),
    *("matplotlib", "plotly", "PIL"),
}


def _loaded_by(statements: str) -> set[str]:
    """Give the top-level packages that a fresh interpreter has loaded after the statements."""
    listing = "import sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    run = subprocess.run(
        [sys.executable, "-c", f"{statements}\n{listing}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statements",
    [
        "import eigenwell",
        "import eigenwell.dc\npolicy = eigenwell.dc.walker()\npolicy([0.0] * policy.inputs)",
    ],
    ids=["import", "one action"],
)
def test_no_extra_is_loaded(statements: str) -> None:
    loaded = _loaded_by(statements)
    assert "eigenwell" in loaded
    assert not loaded & EXTRAS


def test_what_is_loaded_would_be_seen() -> None:
    assert "rich" in _loaded_by("import rich")
