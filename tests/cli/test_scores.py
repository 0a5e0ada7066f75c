"""`walk` and `eval`: what they print, for people and for machines, also after Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eigenwell import dc
from eigenwell.dc import bitwise
from eigenwell.evaluation import environment_fingerprint

# SWIG's types in Box2D warn while they are made, and an error at that point ends the interpreter.
pytestmark = pytest.mark.filterwarnings(
    "ignore:builtin type .* has no __module__:DeprecationWarning"
)

CTRL_C = ("--env", "toy_environments:CtrlC-v0")


def test_the_bundled_walker_walks(apart: Any) -> None:
    result = apart("walk", "--episodes", 2, "--seed", 3)
    assert result.status == 0
    title, heading, *rows, summary = result.out.splitlines()
    assert title == "the article's walker in BipedalWalker-v3"
    assert heading.split() == ["seed", "return", "steps", "ended"]
    assert [row.split()[0] for row in rows] == ["3", "4"]
    assert all(float(row.split()[1]) > 300 for row in rows)
    assert "over 2 episodes" in summary
    assert [line.split(":")[0] for line in result.err.splitlines()] == [
        "episode 1/2",
        "episode 2/2",
    ]


def test_a_policy_walks_in_its_own_environment(here: Any, toy_policy: Path) -> None:
    result = here("walk", toy_policy, "--episodes", 1, "--quiet")
    assert result.err == ""
    assert "   0     4.0      4  truncated" in result.out.splitlines()
    assert result.out.splitlines()[0] == f"{toy_policy} in toy_environments:Toy-v0"


def test_json_is_one_document_and_progress_stays_off_stdout(here: Any, toy_policy: Path) -> None:
    result = here("walk", toy_policy, "--episodes", 2, "--seed", 5, "--json")
    document = json.loads(result.out)
    assert document["command"] == "walk"
    assert document["episodes"] == [
        {"seed": seed, "return": 4.0, "length": 4, "terminated": False, "truncated": True}
        for seed in (5, 6)
    ]
    assert (document["mean"], document["interrupted"]) == (4.0, False)
    assert "episode 2/2" in result.err
    assert here("walk", toy_policy, "--json", "--quiet").err == ""


@pytest.mark.parametrize("verb", ["walk", "eval"])
def test_ctrl_c_prints_what_was_done(here: Any, toy_policy: Path, verb: str) -> None:
    result = here(verb, toy_policy, *CTRL_C, "--json")
    document = json.loads(result.out)
    assert result.status == 130
    assert document["interrupted"] is True
    assert [episode["seed"] for episode in document["episodes"]] == [0, 1]


def test_ctrl_c_for_people(apart: Any, toy_policy: Path) -> None:
    walked = apart("walk", toy_policy, *CTRL_C)
    assert walked.status == 130
    assert "interrupted after 2 of 10; mean return 4.0" in walked.out
    scored = apart("eval", toy_policy, *CTRL_C)
    assert scored.status == 130
    assert "2 of 100, interrupted" in scored.out
    assert "Traceback" not in walked.err + scored.err


def test_ctrl_c_before_the_first_episode_ended(here: Any, toy_policy: Path) -> None:
    result = here("walk", toy_policy, *CTRL_C, "--seed", 2)
    assert result.status == 130
    assert "interrupted before the first episode ended" in result.out
    document = json.loads(here("eval", toy_policy, *CTRL_C, "--seed", 2, "--json").out)
    assert (document["mean"], document["completed"]) == (None, 0)


def test_a_picture_of_the_first_episode(here: Any, tmp_path: Path) -> None:
    file = tmp_path / "walk.gif"
    result = here("walk", "--episodes", 1, "--gif", file)
    assert result.status == 0
    assert file.stat().st_size < 2_000_000
    with Image.open(file) as image:
        assert image.size == (360, 240)
        # One of two of the steps, which are 50 a second: 40 ms a frame.
        assert 500 < getattr(image, "n_frames", 1) < 700
        assert image.info["duration"] == 40
    assert f"{file}: " in result.err


def test_a_picture_survives_a_later_ctrl_c(here: Any, toy_policy: Path, tmp_path: Path) -> None:
    file = tmp_path / "walk.gif"
    result = here("walk", toy_policy, *CTRL_C, "--gif", file, "--json")
    assert json.loads(result.out)["gif"] == str(file)
    assert file.read_bytes().startswith(b"GIF89a")
    file.unlink()
    result = here("walk", toy_policy, *CTRL_C, "--gif", file, "--json", "--seed", 2)
    assert json.loads(result.out)["gif"] is None
    assert not file.exists()


def test_eval_prints_the_statistics(here: Any, toy_policy: Path) -> None:
    result = here("eval", toy_policy, "--episodes", 20, "--quiet")
    rows = dict(line.split("  ", 1) for line in result.out.splitlines()[1:])
    facts = {name: value.strip() for name, value in rows.items()}
    assert facts["mean return"] == "4.00"
    assert facts["standard deviation"] == "0.00"
    assert facts["95% interval of the mean"] == "4.00 to 4.00"
    assert facts["solved"] == "undefined, the environment states no threshold"
    assert facts["physics"].startswith("unknown")


def test_eval_of_too_few_episodes_says_so(here: Any) -> None:
    document = json.loads(here("eval", "--episodes", 2, "--json").out)
    assert document["solved"] is None
    assert document["reward_threshold"] == 300.0
    assert "unknown, too few episodes" in here("eval", "--episodes", 1).out


def test_eval_without_the_quadratic_term(here: Any) -> None:
    document = json.loads(here("eval", "--episodes", 1, "--no-quadratic", "--json").out)
    with_it = json.loads(here("eval", "--episodes", 1, "--json").out)
    assert (document["quadratic"], with_it["quadratic"]) == (False, True)
    assert document["mean"] != with_it["mean"]
    assert document["mean"] > 300


def test_eval_saves_what_it_prints(here: Any, toy_policy: Path, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    result = here("eval", toy_policy, "--episodes", 2, "--json", "--save-json", file)
    assert json.loads(file.read_text()) == json.loads(result.out)


@pytest.mark.parametrize(
    ("fingerprint", "same", "words"),
    [(None, True, "the same as where"), ("0" * 64, False, "DIFFERENT from where")],
)
def test_eval_compares_the_physics(
    here: Any, tmp_path: Path, fingerprint: str | None, same: bool, words: str
) -> None:
    walker, name = dc.walker(), "BipedalWalker-v3"
    metadata = {
        "environment": name,
        "environment_fingerprint": fingerprint or environment_fingerprint(name),
    }
    policy = dc.PackedPolicy.from_arrays(
        walker.indices,
        walker.codebook,
        walker.biases,
        eigenvalues=6,
        quadratic=walker.quadratic,
        metadata=metadata,
    )
    policy.save(tmp_path / "walker.dcp")
    for verb in (("eval", "--episodes", 1), ("inspect",)):
        first, *more = verb
        arguments = (first, tmp_path / "walker.dcp", *more)
        assert json.loads(here(*arguments, "--json").out)["physics_same"] is same
        assert words in here(*arguments).out


def test_a_warning_is_shown_once_and_plainly(apart: Any, toy_policy: Path) -> None:
    result = apart("walk", toy_policy, "--env", "toy_environments:Warns-v0", "--quiet")
    assert result.err == "eigenwell: warning: the ground is wet\n"
    assert result.status == 0


def test_a_bitwise_policy_is_scored_from_its_file(here: Any, tmp_path: Path) -> None:
    file = tmp_path / "cartpole.json"
    bitwise.cartpole().save(file)
    result = here("eval", file, "--episodes", 2, "--seed", 10_000, "--json", "--quiet")
    document = json.loads(result.out)
    assert (result.status, document["environment"]) == (0, "CartPole-v1")
    assert [episode["return"] for episode in document["episodes"]] == [500, 500]
    assert document["quadratic"] is False
    for arguments, message in (
        (("--no-quadratic",), "`--no-quadratic` must come with a .dcp file"),
        (("--env", "Acrobot-v1"), "observations must be a Box of shape (4,), got a Box of shape"),
        (("--env", "toy_environments:Toy-v0"), "chooses between the actions 0 and 1, got Box("),
    ):
        result = here("eval", file, *arguments)
        assert result.status == 2
        assert message in result.sentence
    file.write_text("{}")
    assert f"`{file}` is not a valid bitwise policy" in here("eval", file).sentence
