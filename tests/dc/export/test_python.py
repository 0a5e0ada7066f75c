"""The NumPy script, always in an interpreter of its own, where eigenwell stays out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.dc.export.support import acted, assert_agrees, damaged, observations

from eigenwell import dc
from eigenwell.dc.export import export

LIMIT = 2  # test vectors in a script

FILTER = """
import sys, numpy as np, p
obs = np.frombuffer(sys.stdin.buffer.read(), np.float32).reshape(-1, p.B.shape[0])
actions = p.policy(obs)
assert actions.dtype == np.float32 and actions.shape[0] == len(obs), actions
assert np.allclose(p.policy(obs[-1].astype(float).tolist()), actions[-1], atol=1e-4)
assert p.policy(obs[:0]).shape == (0, actions.shape[1])
assert p.self_test() == 0
assert not {"eigenwell", "gymnasium"} & set(sys.modules)
sys.stdout.buffer.write(actions.tobytes())
"""


def script(policy: dc.PackedPolicy) -> str:
    text = export(policy, "python", name="p")
    assert isinstance(text, str)
    return text


def ran(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "p.py").write_text(text, "ascii")
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "p.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_actions_agree_with_the_oracle(policy: dc.PackedPolicy, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(script(policy), "ascii")
    (tmp_path / "filter.py").write_text(FILTER, "ascii")
    obs = observations(policy)
    actions = acted([sys.executable, "-W", "error", tmp_path / "filter.py"], obs, policy.neurons)
    assert_agrees(policy, obs, actions)


def test_the_walkers_script_has_under_80_lines(walker: dc.PackedPolicy) -> None:
    lines = str(export(walker, "python", name="walker")).splitlines()
    assert len(lines) < 80
    assert max(map(len, lines)) <= 100


def test_the_walkers_script_checks_itself_and_walks(
    walker: dc.PackedPolicy, tmp_path: Path
) -> None:
    pytest.importorskip("gymnasium")
    pytest.importorskip("Box2D")
    done = ran(tmp_path, script(walker), "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("self-test passed\n")
    assert float(done.stdout.split()[-1]) > 300


def test_one_wrong_weight_fails_the_self_test(walker: dc.PackedPolicy, tmp_path: Path) -> None:
    done = ran(tmp_path, damaged(walker, script(walker), LIMIT), "0")
    assert done.returncode == 1
    assert "self-test failed" in done.stderr


def test_an_environment_that_is_not_there_is_no_failure_of_the_policy(tmp_path: Path) -> None:
    policy = dc.PackedPolicy.from_arrays(
        [[0, 1]], [0.5, -0.5], [0.0, 0.1], eigenvalues=2, metadata={"environment": "NoSuch-v0"}
    )
    done = ran(tmp_path, script(policy))
    assert done.returncode == 0, done.stderr
    assert "self-test passed\nnot played: " in done.stdout


@pytest.mark.parametrize("name", ["os:Env-v0", 'x"; import os; "', "a\nb", 7, None, "\u2028x"])
def test_a_strange_environment_is_not_played(name: object, tmp_path: Path) -> None:
    policy = dc.PackedPolicy.from_arrays(
        [[0, 1]], [0.5, -0.5], [0.0, 0.1], eigenvalues=2, metadata={"environment": name}
    )
    text = script(policy)
    assert "gymnasium" not in text
    done = ran(tmp_path, text)
    assert (done.returncode, done.stdout) == (0, "self-test passed\n")


@pytest.mark.parametrize(
    "obs",
    [np.zeros(23), np.zeros((2, 25)), np.float32(1), np.full(24, np.nan), np.full(24, np.inf)],
)
def test_bad_observations_are_refused(walker: dc.PackedPolicy, obs: object) -> None:
    scope: dict[str, object] = {"__name__": "p"}
    exec(script(walker), scope)
    act = scope["policy"]
    assert callable(act)
    with pytest.raises(ValueError, match="`obs` must be finite and of shape"):
        act(obs)
    assert act(np.zeros(24)).shape == (4,)
