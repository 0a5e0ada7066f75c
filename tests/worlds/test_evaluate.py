"""The mirror test of models that know the transforms, and of some that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("zarr")
pytest.importorskip("safetensors")

from eigenwell import worlds  # noqa: E402
from eigenwell.errors import ArgumentError  # noqa: E402
from eigenwell.worlds import MetaConfig, mirror  # noqa: E402
from eigenwell.worlds import torch as models  # noqa: E402

TINY = MetaConfig(widths=(2, 2, 2, 2), latent=3, units=4)


class _Perfect(torch.nn.Module):
    """A vision model that knows its world: z is the game's own frame."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.world = worlds.variants.parse(variant)

    def encode(self, frames: Any) -> tuple[Any, Any]:
        plain = torch.from_numpy(self.world.inverse.frames(frames.numpy())).flatten(1)
        return plain, torch.zeros_like(plain)

    def decode(self, latents: Any) -> Any:
        plain = latents.reshape(-1, 64, 64).numpy()
        return 20 * torch.from_numpy(self.world.frames(plain)) - 10


class _Same(torch.nn.Module):
    def forward(self, latents: Any, actions: Any) -> tuple[Any, Any]:
        return latents, torch.zeros_like(latents)


class _PerfectModel(torch.nn.Module):
    actions = 6

    def __init__(self, *variants: str) -> None:
        super().__init__()
        self.parts = [_Perfect(variant) for variant in variants]

    def vision(self, world: int) -> _Perfect:
        return self.parts[world]

    def memory(self, world: int) -> _Same:
        return _Same()


def test_a_model_that_knows_the_transforms_passes_and_one_that_does_not_fails(
    pair: list[worlds.World],
) -> None:
    def judged(*names: str) -> models.Judgement:
        trained = models.Trained(_PerfectModel(*names), TINY, ("o", "m"), 0, ())
        return models.mirror_test(trained, pair, frames=100)

    right = judged("o", "m")
    assert right.passed
    assert right.cycle < 1e-6
    assert len(right.pairs) == 2
    assert all(p.top_1 == 1 and p.ball_found == 1 and p.ball_frames > 50 for p in right.pairs)
    assert all(p.cross_decode_ratio == pytest.approx(1) for p in right.pairs)
    assert 0 < right.prediction < 2  # the next frame is nearly this one
    # Each world reconstructs itself, and neither knows that one is the other's mirror image.
    wrong = judged("o", "o")
    assert not wrong.passed
    assert wrong.pairs[0].own_ball_found == 1
    assert wrong.pairs[0].ball_found < 0.1
    assert wrong.pairs[0].top_1 < 0.2
    assert isinstance(wrong.pairs[0], mirror.Mirror)


def test_mirror_mistakes(pair: list[worlds.World]) -> None:
    trained = models.Trained(_PerfectModel("o", "m"), TINY, ("o", "m"), 0, ())
    with pytest.raises(ArgumentError, match="`worlds` must be o, m, got m, o"):
        models.mirror_test(trained, pair[::-1])
    with pytest.raises(ArgumentError, match="`worlds` must be o, m, got o"):
        models.grid(trained, pair[:1])
    with pytest.raises(ArgumentError, match="must hold 1000 distinct frames for validation"):
        models.mirror_test(trained, pair, frames=1000)


def test_the_grid_has_a_row_for_every_view(pair: list[worlds.World], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from eigenwell.errors import ShapeError
    from eigenwell.report._worlds_grid import draw_cross_decoding

    trained = models.Trained(_PerfectModel("o", "m"), TINY, ("o", "m"), 0, ())
    rows = models.grid(trained, pair, columns=3)
    shown = dict(rows)
    assert list(shown)[:4] == ["o: true", "o: own", "o from m", "o: true next"]
    assert np.abs(shown["m from o"] - shown["m: true"]).max() < 1e-4
    assert np.array_equal(shown["m: true"], shown["o: true"][:, :, ::-1])
    draw_cross_decoding(rows, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ShapeError, match="`rows` must hold"):
        draw_cross_decoding([], tmp_path / "none.png")
