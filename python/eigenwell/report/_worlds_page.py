"""A page on which two worlds play the same game: one file that needs neither network nor server."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell.errors import ArgumentError
from eigenwell.report._pages import piece, write_page
from eigenwell.report._worlds_tables import pair_cells
from eigenwell.worlds import mirror, variants
from eigenwell.worlds.pong import _game

if TYPE_CHECKING:
    from eigenwell.worlds._networks import Floats, Networks, Operation, Program, Recurrent

# The rules as the page's game takes them.
_RULES = (
    *("SIZE", "PADDLE_HEIGHT", "PADDLE_WIDTH", "BALL", "OPPONENT_COLUMN", "PLAYER_COLUMN"),
    *("PADDLE_SPEED", "OPPONENT_SPEED", "BALL_SPEED", "STEEPEST", "PAUSE"),
)


def write_worlds_page(
    path: str | os.PathLike[str],
    networks: Networks,
    *,
    pairs: Sequence[mirror.Mirror] = (),
    title: str = "Two worlds, one game",
    caption: str = "",
) -> None:
    """Write an interactive page: Pong as two worlds show it, seen through a model's eyes.

    The game and the model run in the page; a person can play, also seeing nothing but what one
    world's decoder makes of what the other world's encoder says.

    Args:
        path: The HTML file, written all of it or nothing.
        networks: Of at least two worlds, as of :func:`eigenwell.worlds.torch.networks`. The page
            holds their weights in half precision.
        pairs: The model's mirror test.
        title: One line above it.
        caption: What model it is.

    Raises:
        ArgumentError: There is one world, a weight is too large, or the file cannot be written.

    Note:
        Some 25 kB, and 2.7 bytes a weight: 1.5 MB for two worlds of the slim vision model.
    """
    if len(networks.variants) < 2:
        raise ArgumentError(f"`networks` must be of at least two worlds, got {networks.variants}")
    scripts = {name: piece(f"_worlds_{name}.js") for name in ("networks", "game", "actions")}
    write_page(
        path,
        "_worlds_page.html",
        data=_data(networks),
        title=html.escape(title),
        caption=html.escape(caption),
        mirror=_table(pairs),
        **scripts,
    )


class _Blob:
    """All weights one after the other; what the page gets of an array is where it lies."""

    def __init__(self) -> None:
        self._parts, self._end = list[bytes](), 0

    def put(self, array: Floats) -> list[int]:
        if not np.abs(array).max(initial=0) <= np.finfo(np.float16).max:
            raise ArgumentError("`networks` must have finite weights up to 65504")
        self._parts.append(np.ascontiguousarray(array, "<f2").tobytes())
        self._end += array.size
        return [self._end - array.size, array.size]

    def text(self) -> str:
        return base64.b64encode(b"".join(self._parts)).decode()


def _data(networks: Networks) -> dict[str, Any]:
    """Return what the page's scripts read."""
    blob, size = _Blob(), _game.SIZE
    pixels = np.arange(size * size).reshape(size, size)
    worlds = []
    for name, encoder, decoder in zip(
        networks.variants, networks.encoders, networks.decoders, strict=True
    ):
        world = variants.parse(name)
        light = world.frames(np.zeros((size, size), np.uint8))[0, 0]
        # In a world of swapped colours the pixels' numbers would be swapped as well.
        shown = world.frames(pixels)
        order = 1 - shown if light else shown
        worlds.append(
            {
                "name": name,
                "order": base64.b64encode(order.astype("<u2").tobytes()).decode(),
                "inverted": bool(light),
                "encoder": _program(encoder, blob),
                "decoder": _program(decoder, blob),
            }
        )
    distinct = list({id(memory): memory for memory in networks.memories}.values())
    return {
        "worlds": worlds,
        "memories": [_memory(memory, blob) for memory in distinct],
        "memory": [distinct.index(memory) for memory in networks.memories],
        "context": networks.context,
        "rules": {name: getattr(_game, name) for name in _RULES},
        "found": mirror.BALL_PIXELS,
        "field": [mirror._BALL_COLUMNS.start, mirror._BALL_COLUMNS.stop],
        "weights": blob.text(),
    }


def _memory(memory: Recurrent, blob: _Blob) -> dict[str, Any]:
    arrays = ("inputs", "states", "input_bias", "state_bias")
    return {
        "cell": memory.cell,
        "units": len(memory.states),
        "residual": memory.residual,
        "mean": _program(memory.mean, blob),
        **{name: blob.put(getattr(memory, name)) for name in arrays},
    }


def _program(program: Program, blob: _Blob) -> list[dict[str, Any]]:
    return [_operation(operation, blob) for operation in program]


def _operation(operation: Operation, blob: _Blob) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": operation.kind, "inputs": operation.inputs}
    for name in ("weight", "bias"):
        array = getattr(operation, name)
        if array is not None:
            found[name] = blob.put(array)
    match operation.kind:
        case "conv" | "upconv":
            assert operation.weight is not None
            found |= {"size": operation.weight.shape[1], "stride": operation.stride}
        case "act":
            found |= {"activation": operation.activation, "slope": operation.slope}
        case "unflatten" | "part":
            found["shape"] = operation.shape
    return found


def _table(pairs: Sequence[mirror.Mirror]) -> str:
    """Return the mirror test as rows of an HTML table."""
    if not pairs:
        return "<tr><td>not measured</td></tr>"
    heads = pair_cells(pairs[0])
    rows = ["<tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads) + "</tr>"]
    for pair in pairs:
        cells = (html.escape(cell) for cell in pair_cells(pair).values())
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join(rows)
