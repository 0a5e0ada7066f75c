"""`export`: which format a file's name asks for, and models of Stable-Baselines3."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import DQN
from tests.dc.export.support import STRICT, acted, compiled
from tests.integrations.support import (
    BOX,
    environment,
    model,
    observations,
    predicted,
    statistics,
)

from eigenwell import dc
from eigenwell.dc.export import export
from eigenwell.integrations.sb3 import DCActorCriticPolicy, to_packed

FILTER = """
#include <stdio.h>
#include "robot.h"

int main(void) {
    static robot_policy policy;
    float observation[ROBOT_INPUTS], action[ROBOT_NEURONS];
    robot_init(&policy);
    while (fread(observation, sizeof observation, 1, stdin) == 1) {
        if (robot_act(&policy, observation, action) != ROBOT_OK) {
            return 100;
        }
        fwrite(action, sizeof action, 1, stdout);
    }
    return robot_self_test(&policy);
}
"""


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path, Any, Any]:
    """A model and its statistics, as files and as they are."""
    env = environment(BOX)
    made, normalise = model(env), statistics(env)
    made.save(tmp_path / "model.zip")
    normalise.save(str(tmp_path / "vecnormalize.pkl"))
    return tmp_path / "model.zip", tmp_path / "vecnormalize.pkl", made, normalise


@pytest.mark.parametrize(
    ("file", "to"), [("a.h", "c"), ("a.hpp", "cpp"), ("a.py", "python"), ("a.onnx", "onnx")]
)
def test_the_name_of_the_file_says_the_format(
    here: Any, tmp_path: Path, file: str, to: str
) -> None:
    result = here("export", "walker", "-o", tmp_path / file, "--json")
    assert json.loads(result.out)["to"] == to
    expected = export(dc.walker(), to, name="a")
    content = (tmp_path / file).read_bytes()
    assert content == (expected.encode() if isinstance(expected, str) else expected)


def test_a_model_and_its_statistics_become_one_header(
    here: Any, saved: Any, tmp_path: Path
) -> None:
    zipped, pickled, made, normalise = saved
    file = tmp_path / "robot.h"
    result = here("export", zipped, "--vecnormalize", pickled, "-o", file)
    assert result.status == 0, result.err
    sources = {"main.c": FILTER, "robot.h": file.read_text()}
    flags = ("-std=c99", "-O2", *STRICT, "-Wl,--no-as-needed", "-lm")
    program = compiled(tmp_path, "gcc", sources, *flags)
    obs = observations(5, normalise)
    # The bar.
    np.testing.assert_allclose(
        acted([program], obs, 4), predicted(made, obs, normalise), rtol=0, atol=1e-5
    )


def test_a_model_of_dc_neurons_is_packed(here: Any, tmp_path: Path) -> None:
    env = environment(dc_box())
    made, normalise = model(env, DCActorCriticPolicy), statistics(env)
    made.save(tmp_path / "model.zip")
    normalise.save(str(tmp_path / "vn.pkl"))
    arguments = ("export", tmp_path / "model.zip", "--vecnormalize", tmp_path / "vn.pkl")
    assert here(*arguments, "-o", tmp_path / "a.hpp", "--bits", 6).status == 0
    expected = export(to_packed(made, normalise, bits=6), "cpp", name="a")
    assert (tmp_path / "a.hpp").read_text() == expected


def dc_box() -> Any:
    return type(BOX)(-1, 1, (4,), np.float32)


def test_mistakes(here: Any, saved: Any, tmp_path: Path) -> None:
    zipped, pickled, *_ = saved
    out = tmp_path / "a.h"

    def sentence(*arguments: object) -> str:
        result = here("export", *arguments)
        assert result.status == 2
        assert not out.exists()
        return str(result.sentence)

    assert "`--to` must be one of c, cpp, python, onnx for a file that ends in '.txt'" in sentence(
        "walker", "-o", tmp_path / "a.txt"
    )
    assert "`--to` must be c for the MLP policies" in sentence(zipped, "--to", "onnx", "-o", out)
    assert "`--vecnormalize` must come with a .zip" in sentence(
        "walker", "--vecnormalize", pickled, "-o", out
    )
    assert "cannot be read: No such file" in sentence(zipped, "--vecnormalize", "no.pkl", "-o", out)
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1]))
    assert "must hold a VecNormalize, got list" in sentence(
        zipped, "--vecnormalize", tmp_path / "list.pkl", "-o", out
    )
    (tmp_path / "cut.pkl").write_bytes(pickled.read_bytes()[:100])
    assert "is not a VecNormalize that can be loaded here: Unpickling" in sentence(
        zipped, "--vecnormalize", tmp_path / "cut.pkl", "-o", out
    )
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("readme", "nothing")
    assert "is not a model of Stable-Baselines3" in sentence(tmp_path / "other.zip", "-o", out)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of DQN's buffer, that is larger than memory
def test_a_model_of_another_algorithm(here: Any, tmp_path: Path) -> None:
    import gymnasium as gym

    DQN("MlpPolicy", environment(gym.spaces.Discrete(2)), buffer_size=1).save(tmp_path / "d.zip")
    result = here("export", tmp_path / "d.zip", "-o", tmp_path / "d.h")
    assert result.status == 2
    assert "must hold a PPO or A2C model, got one whose policy is DQNPolicy" in result.sentence


def test_without_stable_baselines3(here: Any, saved: Any, monkeypatch: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    result = here("export", saved[0], "-o", saved[0].with_name("a.h"))
    assert result.status == 2
    assert 'pip install "eigenwell[sb3]"' in result.sentence
