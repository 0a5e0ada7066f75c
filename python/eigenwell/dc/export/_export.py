"""The one entry of the exporters: pick a target, name it, write it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from eigenwell import _files
from eigenwell.dc.export import _names, c, cpp, onnx, python
from eigenwell.errors import ArgumentError, DTypeError

if TYPE_CHECKING:
    from eigenwell.dc import PackedPolicy

_GENERATORS: dict[str, Callable[..., str | bytes]] = {
    "c": c.header,
    "cpp": cpp.header,
    "python": python.script,
    "onnx": onnx.model,
}

#: What :func:`export` can make.
TARGETS = tuple(_GENERATORS)


def export(
    policy: PackedPolicy,
    to: str,
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
) -> str | bytes:
    """Turn a policy into code or a graph that runs without eigenwell.

    Args:
        policy: The policy.
        to: One of :data:`TARGETS`: ``"c"``, ``"cpp"``, ``"python"`` or ``"onnx"``.
        path: File to write, all of it or nothing; None only returns the content.
        name: What the generated functions, namespace or graph are called: a C identifier of at
            most 40 characters without leading, trailing or double underscore. By default the file
            name of ``path`` where it makes one (``fast-walker.h`` gives ``fast_walker``), else
            ``"policy"``.

    Returns:
        The content: text in ASCII for ``c``, ``cpp`` and ``python``, bytes for ``onnx``.

    Raises:
        ArgumentError: ``to`` is not a target, ``name`` not such an identifier, or the file cannot
            be written.
        SelfTestError: The policy does not reproduce its own test vectors.
        BackendUnavailableError: ``to`` is ``"onnx"`` and the package ``onnx`` is not installed.

    Note:
        The same policy, name and version of eigenwell give the same bytes.
    """
    if to not in _GENERATORS:
        raise ArgumentError(f"`to` must be one of {', '.join(TARGETS)}, got {to!r}")
    if name is None:
        name = _names.from_path(path)
    elif not isinstance(name, str):
        raise DTypeError(f"`name` must be a string, got {type(name).__name__}")
    policy.self_test()
    content = _GENERATORS[to](policy, name=_names.identifier(name))
    if path is not None:
        _files.write_atomic(path, content.encode("ascii") if isinstance(content, str) else content)
    return content
