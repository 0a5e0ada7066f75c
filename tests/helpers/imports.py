"""The imports of a package's modules, read from their syntax trees without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Calls that import what their first argument names: `eigenwell._checks.require`, importlib's.
IMPORTING_CALLS = frozenset({"require", "import_module", "__import__"})


@dataclass(frozen=True)
class Import:
    """One imported module as seen from one line of one importing module.

    Attributes:
        importer: Dotted name of the module that contains the import.
        imported: Dotted name of what is imported, relative imports resolved. `from a import b`
            gives `a.b`: only who knows the files can tell a module `a.b` from a name in `a`.
        line: Line number in the importer, from 1.
        lazy: Whether the import stands in a function and so runs on a call, not on import.
        for_types: Whether it stands under `if TYPE_CHECKING:` and so never runs.
    """

    importer: str
    imported: str
    line: int
    lazy: bool = False
    for_types: bool = False


def module_files(package: Path) -> dict[str, Path]:
    """Map the dotted name of each module of a package to its file.

    Args:
        package: The package's folder; its name is the first part of every dotted name.

    Returns:
        Names to files, sorted by name. A stub (`.pyi`) without a `.py` stands for an extension.
    """
    files: dict[str, Path] = {}
    for pattern in ("*.py", "*.pyi"):
        for file in package.rglob(pattern):
            parts = file.relative_to(package.parent).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            files.setdefault(name, file)
    return dict(sorted(files.items()))


def imports_of(module: str, source: str, *, is_package: bool = False) -> list[Import]:
    """List what a module imports, in the order of its lines.

    Args:
        module: Dotted name of the module.
        source: Its text.
        is_package: Whether it is a package's `__init__`, whose relative imports start at itself.

    Returns:
        One entry per imported name, those of functions and of `if TYPE_CHECKING:` included.
    """
    base = module.split(".") if is_package else module.split(".")[:-1]
    found = _walk(ast.parse(source), module, base, lazy=False, for_types=False)
    return sorted(found, key=lambda entry: entry.line)


def _walk(
    node: ast.AST, module: str, base: list[str], *, lazy: bool, for_types: bool
) -> Iterator[Import]:
    for name in _imported_names(node, base):
        assert isinstance(node, ast.stmt | ast.expr)
        yield Import(module, name, node.lineno, lazy, for_types)
    inner_lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for child in node.body:
            yield from _walk(child, module, base, lazy=inner_lazy, for_types=True)
        rest: list[ast.AST] = list(node.orelse)
    else:
        rest = list(ast.iter_child_nodes(node))
    for child in rest:
        yield from _walk(child, module, base, lazy=inner_lazy, for_types=for_types)


def _imported_names(node: ast.AST, base: list[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        start = base[: len(base) - (node.level - 1)] if node.level else []
        prefix = ".".join([*start, *([node.module] if node.module else [])])
        return [f"{prefix}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        called = called.id if isinstance(called, ast.Name) else called
        named = node.args[0].value
        if called in IMPORTING_CALLS and isinstance(named, str) and not named.startswith("."):
            return [named]
    return []
