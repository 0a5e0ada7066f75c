"""Small checkpoints, the games that are played for them, and the commands that show them."""

from __future__ import annotations

import dataclasses
import importlib.resources
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

for module in ("torch", "safetensors"):
    pytest.importorskip(module, reason=f"{module} is not installed")

import torch  # noqa: E402
from torch import nn  # noqa: E402

from eigenwell.errors import ArgumentError, EigenwellError, FormatError  # noqa: E402
from eigenwell.worlds import MetaConfig, StagedConfig, _checkpoint, _demo  # noqa: E402
from eigenwell.worlds._storage import Origin  # noqa: E402
from eigenwell.worlds.torch import MetaModel, Trained, load, mirror_test  # noqa: E402
from eigenwell.worlds.torch._networks import _program, networks  # noqa: E402
from eigenwell.worlds.torch._shrink import demo, shrink  # noqa: E402
from eigenwell.worlds.torch._staged import staged_model  # noqa: E402

if TYPE_CHECKING:
    from eigenwell import worlds

ORIGINS = tuple(Origin("pong", name, "rally", 7, 1 + k, 4, 90) for k, name in enumerate("om"))
SMALL: Any = {"widths": (2, 2, 2, 2), "latent": 3, "units": 4}


@pytest.fixture(scope="module")
def games() -> tuple[worlds.World, ...]:
    return _demo.games(ORIGINS)


def made(*, staged: bool = False) -> Trained:
    config: Any = StagedConfig(hidden=5, **SMALL) if staged else MetaConfig(**SMALL)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = staged_model(config, 2, 6) if staged else MetaModel(config, 2, 6)
    return Trained(model, config, ("o", "m"), 12, ({"iteration": 1.0},))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, games: Any) -> Path:
    path = tmp_path_factory.mktemp("demo") / "small.safetensors"
    shrink(made(), games, path, frames=20)
    return path


@pytest.mark.parametrize("staged", [False, True])
def test_a_small_checkpoint_has_its_weights_and_its_mirror_test(
    tmp_path: Path, games: Any, staged: bool
) -> None:
    trained, path = made(staged=staged), tmp_path / "a.safetensors"
    before = {name: tensor.clone() for name, tensor in trained.model.state_dict().items()}
    found = shrink(trained, games, path, frames=20, seed=3)
    arrays, _ = _checkpoint.read(path)
    assert all(array.dtype == np.float16 for array in arrays.values())
    small = load(path)
    assert (small.config, small.variants, small.iteration) == (trained.config, ("o", "m"), 12)
    for name, tensor in small.model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, before[name].half().float())
        assert torch.equal(trained.model.state_dict()[name], before[name])
    # What is written is what the written weights reach.
    assert found == mirror_test(small, games, frames=20, seed=3)
    assert demo(path).mirror == found


def test_games_are_of_each_worlds_own_and_unseen(games: Any) -> None:
    assert [game.origin.variant for game in games] == ["o", "m"]
    assert all(game.origin.seed not in {origin.seed for origin in ORIGINS} for game in games)
    first, other = (game.block.frames for game in games)
    assert first.shape == other.shape
    assert not (first == other).all(axis=(1, 2)).any()
    seen = dataclasses.replace(ORIGINS[0], seed=games[0].origin.seed)
    again = _demo.games((seen, ORIGINS[1]))
    assert again[0].origin.seed == seen.seed + 1


def test_a_run_is_shown_too(file: Path, tmp_path: Path) -> None:
    arrays, about = _checkpoint.read(file)
    del about["mirror"]
    _checkpoint.write(tmp_path / "last.safetensors", arrays, about)
    shown = demo(tmp_path)
    assert shown.mirror is None
    assert shown.trained.variants == ("o", "m")


def test_the_model_that_comes_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    with pytest.raises(ArgumentError, match="no model comes with this eigenwell"):
        demo()
    monkeypatch.undo()
    path, shown = _demo.shipped(), demo()
    assert shown.mirror is not None
    assert shown.trained.variants[0] == "o"
    assert path.stat().st_size < 4e6
    # It is shown because it passed; fewer frames find a counterpart more easily.
    found = mirror_test(shown.trained, shown.worlds, frames=100)
    assert min(pair.top_1 for pair in found.pairs) > 0.7


def test_mistakes(tmp_path: Path, file: Path, games: Any) -> None:
    large = made()
    large.model.vision(0).encoder[0].weight.data[0, 0, 0, 0] = 1e5  # type: ignore[index]
    with pytest.raises(ArgumentError, match=r"`visions.0.encoder.0.weight` has larger ones"):
        shrink(large, games, tmp_path / "a.safetensors")
    with pytest.raises(ArgumentError, match="`worlds` must be o, m, got m, o"):
        shrink(made(), games[::-1], tmp_path / "a.safetensors")
    atari = dataclasses.replace(ORIGINS[0], game="atari")
    with pytest.raises(ArgumentError, match="must be of worlds of our own Pong"):
        _demo.games((atari, ORIGINS[1]))
    arrays, about = _checkpoint.read(file)
    for key, value in (("mirror", {"pairs": [{"source": "o"}]}), ("worlds", [{"actions": 6}])):
        broken = tmp_path / f"{key}.safetensors"
        _checkpoint.write(broken, arrays, about | {key: value})
        with pytest.raises(FormatError, match=r"damaged|of another model"):
            demo(broken)
    assert not (tmp_path / "a.safetensors").exists()


class Quotient(nn.Module):
    def forward(self, x: Any) -> Any:
        return 2.0 / x


class Choice(nn.Module):
    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    "module",
    [
        *(nn.GELU(), nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, (3, 4)), Quotient(), Choice()),
        *(nn.ConvTranspose2d(1, 1, 4, output_padding=1, stride=2), nn.Unflatten(1, (2, 2))),
    ],
)
def test_networks_of_other_operations(module: nn.Module) -> None:
    with pytest.raises(ArgumentError, match="`trained` must consist of known operations, got"):
        _program(nn.Sequential(module))


def test_a_shared_memory_is_one() -> None:
    found = networks(made())
    assert found.memories[0] is found.memories[1]
    assert [operation.kind for operation in found.encoders[0]][-3:] == ["flatten", "dense", "part"]


def test_commands(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for extra in ("tyro", "rich", "matplotlib"):
        pytest.importorskip(extra, reason=f"{extra} is not installed")
    import tyro

    from eigenwell.cli._output import Output
    from eigenwell.cli._worlds_page import Page
    from eigenwell.cli.worlds import MirrorTest

    def run(command: Any, *arguments: object, output: Output) -> str:
        assert tyro.cli(command, args=[str(argument) for argument in arguments]).run(output) == 0
        return capsys.readouterr().out

    mirror = ("--demo", "--model", file, "--frames", 20, "--picture", tmp_path / "grid.png")
    shown = run(MirrorTest, *mirror, output=Output())
    assert "mirror test over 20 frames" in shown
    assert "m from o" in shown
    assert any(0x2800 < ord(character) < 0x2900 for character in shown)
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads(run(MirrorTest, *mirror, output=Output(json=True, quiet=True)))
    assert len(document["pairs"]) == 2

    page = ("--model", file, "-o", tmp_path / "a.html", "--frames", 20)
    document = json.loads(run(Page, *page, output=Output(json=True, quiet=True)))
    assert document["bytes"] == (tmp_path / "a.html").stat().st_size
    assert "trained for 12 steps on different games in each world" in run(
        Page, *page, output=Output()
    )
    # A page of a run without a mirror test has one all the same.
    arrays, about = _checkpoint.read(file)
    del about["mirror"]
    _checkpoint.write(tmp_path / "last.safetensors", arrays, about)
    page = ("--model", tmp_path, *page[2:])
    run(Page, *page, output=Output())
    assert "<td>o, m</td>" in (tmp_path / "a.html").read_text("utf-8")

    for command, arguments, sentence in (
        (MirrorTest, ("--model", "run"), "must be given, or `--demo`"),
        (MirrorTest, ("--data", "o.zarr"), "must be given, or `--demo`"),
        (MirrorTest, ("--demo", "--data", "o.zarr"), "`--demo` without `--data`"),
        (Page, ("--model", "absent"), "cannot be read"),
        (Page, ("-o", tmp_path / "absent" / "a.html"), "`--output` cannot be written"),
    ):
        with pytest.raises(EigenwellError, match=sentence):
            run(command, *arguments, output=Output(quiet=True))
