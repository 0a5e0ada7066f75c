"""The C header of a Stable-Baselines3 policy against its own `predict`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from tests.dc.export.support import STRICT, acted, compiled
from tests.integrations.support import (
    BOX,
    environment,
    model,
    observations,
    predicted,
    reals,
    statistics,
)

from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, ShapeError
from eigenwell.integrations.sb3 import DCActorCriticPolicy, to_c

C99 = ("-std=c99", *STRICT)
# The object files come after the flags, so that the linker does not see yet who needs libm.
LIBM = ("-Wl,--no-as-needed", "-lm", "-lmvec")
# The bar. Layers of tens of units with weights below 1 come to some 1e-6.
TOLERANCE = 1e-5

# A filter from observations to actions, both float32, for each of the headers: the argument says
# which. The exit status is the self-test's.
FILTER = """
static int run_@(void) {
    static @_policy policy;
    float observation[@_INPUTS];
    @_action action[@_NEURONS];
    @_init(&policy);
    while (fread(observation, sizeof observation, 1, stdin) == 1) {
        if (@_act(&policy, observation, action) != @_OK) {
            return 100;
        }
        for (size_t k = 0; k < @_ACTIONS; ++k) {
            const float number = (float)action[k];
            fwrite(&number, sizeof number, 1, stdout);
        }
    }
    return @_self_test(&policy);
}
"""

nn = torch.nn


def built(folder: Path, headers: list[str], compiler: str = "gcc", *flags: str) -> Path:
    """Compile headers, called p0, p1 and so on, to one program."""
    names = [f"p{i}" for i in range(len(headers))]
    lines = ["#include <stdio.h>", *(f'#include "{name}.h"' for name in names)]
    for name in names:
        runner = FILTER.replace("@_policy", f"{name}_policy").replace("run_@", f"run_{name}")
        runner = re.sub(r"@_([A-Z]+)", rf"{name.upper()}_\1", runner)
        lines.append(runner.replace("@", name))
    cases = "".join(f"        case {i}: return run_{name}();\n" for i, name in enumerate(names))
    lines.append(
        "int main(int count, char** arguments) {\n"
        "    switch (count > 1 ? arguments[1][0] - 'A' : 0) {\n"
        f"{cases}        default: return 101;\n    }}\n}}\n"
    )
    sources = {f"{name}.h": text for name, text in zip(names, headers, strict=True)}
    main = "main.cpp" if compiler.endswith("++") else "main.c"
    return compiled(folder, compiler, {main: "\n".join(lines), **sources}, *flags, *LIBM)


def assert_same(
    models: list[tuple[Any, Any]], folder: Path, compiler: str = "gcc", *flags: str
) -> None:
    """Compare headers of models, each with its statistics or None, with `predict`."""
    headers = [to_c(made, vec_normalize=n, name=f"p{i}") for i, (made, n) in enumerate(models)]
    program = built(folder, headers, compiler, *(flags or C99))
    for i, (made, normalise) in enumerate(models):
        obs = observations(int(np.prod(made.observation_space.shape)), normalise)
        expected = predicted(made, obs, normalise).reshape(len(obs), -1)
        ours = acted([program, chr(ord("A") + i)], obs, expected.shape[1])
        what = f"{made.action_space}, {made.policy_kwargs}"
        if isinstance(made.action_space, gym.spaces.Box):
            space = made.action_space
            free = (expected > space.low.ravel()) & (expected < space.high.ravel())
            assert free.any(), f"every action is clipped: {what}"
            np.testing.assert_allclose(ours, expected, rtol=0, atol=TOLERANCE, err_msg=what)
        else:
            assert len(np.unique(expected, axis=0)) > 1, f"one action for all: {what}"
            # Two choices that are as good as each other up to rounding are as rare as that.
            assert (ours != expected).any(1).sum() <= 1, what


def test_actions_of_every_kind_are_those_of_predict(tmp_path: Path) -> None:
    spaces = [
        BOX,
        gym.spaces.Box(-2, 2, (2, 3)),
        gym.spaces.Discrete(4, start=7),
        gym.spaces.MultiDiscrete([3, 2, 4]),
        gym.spaces.MultiBinary(3),
    ]
    models = []
    for space in spaces:
        env = environment(space)
        made = model(env)
        models += [(made, None), (made, statistics(env))]
    assert_same(models, tmp_path)


def leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


def gelu_tanh() -> nn.Module:
    return nn.GELU("tanh")


def test_networks_of_every_kind(tmp_path: Path) -> None:
    env = environment(BOX)
    activations = [leaky, nn.ELU, nn.SELU, nn.GELU, gelu_tanh, nn.SiLU, nn.Sigmoid, nn.Softplus]
    kinds: list[tuple[dict[str, Any], Any, bool]] = [
        *(({"activation_fn": kind, "net_arch": [16, 16]}, PPO, False) for kind in activations),
        ({"activation_fn": nn.Identity, "net_arch": [16]}, PPO, False),
        ({"activation_fn": nn.ReLU, "net_arch": {"pi": [32, 5, 32], "vf": [8]}}, PPO, False),
        ({"net_arch": []}, A2C, False),
        ({"net_arch": [3]}, A2C, False),
        ({"net_arch": [256, 256]}, PPO, False),
        ({"share_features_extractor": False}, PPO, False),
        ({"log_std_init": -2.0}, PPO, True),
        ({"squash_output": True}, PPO, True),
    ]
    models = [
        (model(env, algorithm=kind, use_sde=sde, policy_kwargs=options), statistics(env))
        for options, kind, sde in kinds
    ]
    matrix = environment(BOX, gym.spaces.Box(-10, 10, (2, 3), np.float32))
    assert_same([*models, (model(matrix), statistics(matrix))], tmp_path)


def test_statistics_of_the_rewards_alone_are_none() -> None:
    env = environment(BOX)
    idle = statistics(env)
    idle.norm_obs = False
    assert to_c(model(env), vec_normalize=idle) == to_c(model(env))


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [
        ("clang", ("-std=c99", "-O2", *STRICT)),
        ("g++", ("-std=c++11", *STRICT)),
        ("gcc", (*C99, "-O3", "-ffast-math")),
    ],
    ids=["clang", "c++", "fast-math"],
)
def test_compilers(compiler: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    env = environment(BOX)
    made, normalise = model(env), statistics(env)
    # Fast mathematics adds the two parts of a mean before they are subtracted.
    normalise.obs_rms.mean[0] = 1.0
    assert_same([(made, normalise)], tmp_path, compiler, *flags)
    for bad in (np.nan, np.inf):
        assert exit_status(tmp_path / "program", np.full(5, bad, np.float32)) == 100


def exit_status(program: Path, obs: Any) -> int:
    return subprocess.run(
        [program], input=obs.tobytes(), capture_output=True, check=False
    ).returncode


def test_overflow_is_told_and_a_wrong_weight_fails_the_self_test(tmp_path: Path) -> None:
    for space in (BOX, gym.spaces.Discrete(4)):
        options = {"activation_fn": nn.ReLU, "net_arch": [8]}
        source = to_c(model(environment(space), policy_kwargs=options), name="p0")
        program = built(tmp_path, [source], "gcc", *C99)
        assert exit_status(program, np.zeros(0, np.float32)) == 0
        assert exit_status(program, np.full(5, 3e38, np.float32)) == 100
        wrong = re.sub(r"(p0_biases_1\[\d\] = \{\n    )[^,]*", r"\g<1>1e3f", source)
        assert wrong != source
        damaged = built(tmp_path, [wrong], "gcc", *C99)
        assert exit_status(damaged, np.zeros(0, np.float32)) != 0


def test_the_file_and_the_names_in_it(tmp_path: Path) -> None:
    made = model(environment(BOX))
    text = to_c(made, tmp_path / "my-robot.h")
    assert (tmp_path / "my-robot.h").read_text("ascii") == text
    assert "static inline int my_robot_act(" in text
    assert text == to_c(made.policy, name="my_robot")
    assert "$" not in text
    assert max(map(len, text.splitlines())) <= 110


class Cached(ActorCriticPolicy):
    def _predict(self, observation: Any, deterministic: bool = False) -> Any:
        return super()._predict(observation, deterministic)


class Doubled(nn.Tanh):
    """Calls itself by a known name but does something else."""

    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


def with_hook() -> Any:
    made = model(environment(BOX))
    made.policy.action_net.register_forward_hook(lambda *a: a[-1] + 1)
    return made


def not_finite() -> Any:
    made = model(environment(BOX))
    made.policy.action_net.weight.data[0, 0] = torch.nan
    return made


PICTURE = gym.spaces.Box(0, 255, (36, 36, 3), np.uint8)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: 3, DTypeError, "`model` must be a PPO or A2C .* got int"),
        (lambda: DQN("MlpPolicy", environment(gym.spaces.Discrete(2))), DTypeError, "got DQN"),
        (lambda: model(environment(BOX), Cached), ArgumentError, "Cached.*`_predict` of its own"),
        (
            lambda: model(environment(BOX), policy_kwargs={"activation_fn": nn.PReLU}),
            ArgumentError,
            "activations of Tanh, ReLU.*, got PReLU",
        ),
        (
            lambda: model(environment(BOX), policy_kwargs={"activation_fn": Doubled}),
            ArgumentError,
            "got Doubled",
        ),
        (
            lambda: model(environment(BOX, gym.spaces.Discrete(3))),
            ArgumentError,
            r"observations in a Box of numbers, got Discrete\(3\)",
        ),
        (
            lambda: model(environment(BOX, gym.spaces.Dict({"a": reals(2)})), "MultiInputPolicy"),
            ArgumentError,
            "observations in a Box of numbers, got Dict",
        ),
        (lambda: model(environment(BOX, PICTURE), "CnnPolicy"), ArgumentError, "Box of numbers"),
        (lambda: model(environment(BOX), DCActorCriticPolicy), ArgumentError, "use to_packed"),
        (with_hook, ArgumentError, "its own `predict` is off by"),
        (not_finite, ArgumentError, "finite weights"),
    ],
    ids=lambda value: "" if callable(value) else None,
)
def test_what_cannot_be_exported(make: Any, error: type[EigenwellError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        to_c(make())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "method",
    [
        "predict",
        "_predict",
        "get_distribution",
        "extract_features",
        "_get_action_dist_from_latent",
    ],
)
def test_a_policy_class_that_may_compute_something_else(method: str) -> None:
    made = model(environment(BOX))
    made.policy.__class__ = type("Own", (ActorCriticPolicy,), {method: lambda *_: None})
    with pytest.raises(ArgumentError, match=f"got Own, which has a `{method}` of its own"):
        to_c(made)


def test_statistics_that_do_not_fit() -> None:
    env = environment(BOX)
    made, normalise = model(env), statistics(env)
    with pytest.raises(DTypeError, match="`vec_normalize` must be a VecNormalize, got str"):
        to_c(made, vec_normalize="vecnormalize.pkl")
    with pytest.raises(ShapeError, match=r"shape \(5,\).*, got \(3,\)"):
        to_c(made, vec_normalize=statistics(environment(BOX, reals(3))))
    normalise.obs_rms.var[2] = np.nan
    with pytest.raises(ArgumentError, match="finite statistics"):
        to_c(made, vec_normalize=normalise)
    with pytest.raises(DTypeError, match="`name` must be a string"):
        to_c(made, name=3)
    with pytest.raises(ArgumentError, match="`name` must be a C identifier"):
        to_c(made, name="3")
