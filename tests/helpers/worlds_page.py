"""A made model, its page in a headless Chromium, and what torch says of the same."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.helpers import browser

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from eigenwell.report._worlds_page import write_worlds_page  # noqa: E402
from eigenwell.worlds import MetaConfig, pong  # noqa: E402
from eigenwell.worlds._policies import make  # noqa: E402
from eigenwell.worlds.mirror import Mirror  # noqa: E402
from eigenwell.worlds.torch import MetaModel, Trained  # noqa: E402
from eigenwell.worlds.torch._model import Residual  # noqa: E402
from eigenwell.worlds.torch._networks import networks  # noqa: E402

NAMES = ("o", "t+c", "r30", "v")
PAIR = Mirror("o", "<b>", 0.9, 0.99, 10, 11, 10, 30, 0.5, 0.25, 0.4, 300, 0.97, 1000)
# Sums of some thousand float32 in another order, after three networks.
CLOSE = 1e-3


class Adapter(nn.Module):
    """Constants, a sum of what two paths make, and activations that V does not have."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Linear(inputs, 9), nn.LeakyReLU(0.2), nn.Linear(9, 7), nn.SiLU(), nn.Linear(7, 6)
        )
        self.tail = nn.Sequential(nn.Identity(), nn.Tanh(), nn.Linear(6, inputs, bias=False))
        self.register_buffer("mean", torch.linspace(-1, 1, inputs))
        self.spread = nn.Parameter(torch.linspace(0.5, 2, inputs))

    def forward(self, x: Any) -> Any:
        x = (x - self.mean) / self.spread
        y = self.tail(self.path(x) + 0.5)
        return 0.25 - (x + y) * 2


@functools.cache
def made(memory: Any = "gru", *, adapted: bool = False) -> Trained:
    """A random model of some contrast, whose weights float16 holds."""
    config = MetaConfig(
        memory=memory, widths=(4, 6, 8, 10), latent=5, units=7, residual=not adapted
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MetaModel(config, len(NAMES), 6)
        for world in range(len(NAMES)) if adapted else ():
            vision = model.vision(world)
            vision.there, vision.back = Adapter(5), Residual(5, 9)
    for parameter in model.parameters():
        parameter.data = (2 * parameter.data).half().float()
    return Trained(model, config, NAMES, 0, ())


@functools.cache
def played(count: int = 40) -> tuple[Any, Any]:
    """Frames of a game as it draws them and its labels, with a ball in most."""
    game, labels, frames = pong.Pong(1, seed=3), [], []
    act = make("rally", 1, np.random.default_rng(0))
    for _ in range(count):
        game.step(act(game.labels))
        frames.append(pong.unpack(game.frames)[0].astype(np.float32))
        labels.append(game.labels[0])
    return np.stack(frames), np.stack(labels)


def chromium() -> Iterator[Any]:
    """A fixture: where pages open."""
    with browser.chromium() as found:
        # Such readers start the game themselves, as do the tests.
        yield found.new_context(
            offline=True, viewport={"width": 1100, "height": 900}, reduced_motion="reduce"
        )


def opened_in(context: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A fixture: opens the page of a model, once; in the end nothing was complained of."""
    complaints: list[str] = []
    opened: dict[int, Any] = {}

    def of(trained: Trained, **options: Any) -> Any:
        if id(trained) not in opened:
            path = tmp_path_factory.mktemp("page") / "worlds.html"
            write_worlds_page(path, networks(trained), **options)
            opened[id(trained)] = browser.opened(context, path, complaints)
        return opened[id(trained)]

    yield of
    assert complaints == []


def begun(pages: Any) -> Any:
    """A fixture: the page with its game at the beginning, worlds 0 and 1, nobody at the keys."""
    title = "<img src=x onerror=alert(1)> @DATA@ </script>"
    found = pages(made(), pairs=[PAIR], title=title, caption="Made <b>for</b> this.")
    found.evaluate(
        """() => { play(false); game = new Pong(); mine = false; held.clear();
        document.activeElement.blur();
        [sides[0].world, sides[1].world] = worlds; choose(); }"""
    )
    found.select_option("#eyes", "")
    return found


def ask(page: Any, function: str, given: Any = None) -> Any:
    """Call a function of the page: as text, what is large goes to and fro in no time."""
    text = f"(text) => JSON.stringify(({function})(JSON.parse(text)))"
    return json.loads(page.evaluate(text, json.dumps(given)))


def of_page(page: Any, expression: str, *arrays: Any) -> Any:
    """Return an expression's numbers; its arrays are a, b, ... in it."""
    names = ", ".join("abc"[: len(arrays)])
    given = [np.asarray(array, np.float64).tolist() for array in arrays]
    return np.array(ask(page, f"([{names}]) => Array.from({expression})", given), np.float64)


def encoded(trained: Trained, world: int, frames: Any) -> Any:
    with torch.no_grad():
        return trained.model.vision(world).encode(torch.from_numpy(frames))[0]


def decoded(trained: Trained, world: int, latents: Any) -> Any:
    with torch.no_grad():
        return trained.model.vision(world).decode(latents).flatten(1).numpy()


def light(logits: Any) -> Any:
    return 1 / (1 + np.exp(-logits))


def predicted(trained: Trained, latents: Any, actions: Any) -> Any:
    hot = functional.one_hot(torch.as_tensor(actions), 6).float()
    with torch.no_grad():
        return trained.model.memory(0)(latents[None], hot[None])[0][0, -1]
