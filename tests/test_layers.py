"""Imports inside the package go down its layers, never sideways or up.

A row lists modules that must not import each other; each may import the rows above it and, where it
is a package, its own parts. A layer that has an order inside (the argument checks raise the error
types) takes several rows. A module without a row fails the test: whoever adds one decides where it
stands.
"""

from __future__ import annotations

import sys

import pytest
from tests.helpers.imports import Import, imports_of, module_files
from tests.helpers.repository import PACKAGE

ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("P0", ("errors",)),
    ("P0", ("_checks", "_files", "_machine")),
    ("P0", ("_checkpoint",)),
    ("P1", ("_cuda", "_native")),
    ("P1", ("backend",)),
    ("P2", ("reference",)),
    ("P3", ("cartpole", "dc", "evaluation", "pairwise", "studies")),
    ("P4", ("agents", "integrations", "particles", "ppo", "wells")),
    ("P4", ("worlds",)),
    ("P5", ("report",)),
    ("P6", ("benchmarks",)),
    ("P6", ("cli",)),
    ("P6", ("__main__",)),
)
ROW_OF = {module: row for row, (_, modules) in enumerate(ROWS) for module in modules}

# The package's own `__init__` re-exports what users need: it imports all, and none imports it.
FACADE_ROW = len(ROWS)

# Pictures are drawn in one place, and only when asked for.
PLOTTING = frozenset({"matplotlib", "plotly", "mpltern"})

# What a module may import on its own import: an extra is imported by the call that needs it.
ALWAYS_THERE = sys.stdlib_module_names | {"eigenwell", "numpy"}
# The parts that are nothing without their extra, and that no other part imports on its own import.
WHOLE_EXTRAS = ("cli", "__main__")


# What they may import at once: Stable-Baselines3 brings torch and Gymnasium.
NEEDS_SB3 = frozenset({"gymnasium", "stable_baselines3", "torch"})
# A miner is a class of pytorch-metric-learning's.
NEEDS_MINER = frozenset({"pytorch_metric_learning", "torch"})


def _needs(module: str) -> frozenset[str]:
    """What a ``torch`` package and ``integrations.sb3`` are nothing without, and import at once."""
    parts = module.split(".")
    if parts[1:3] == ["integrations", "sb3"]:
        return NEEDS_SB3
    if parts[1:5] == ["wells", "asr", "torch", "miner"]:
        return NEEDS_MINER
    return frozenset({"torch"}) if "torch" in parts[2:4] else frozenset()


FILES = module_files(PACKAGE)
IMPORTS: list[Import] = [
    entry
    for name, file in FILES.items()
    for entry in imports_of(name, file.read_text("utf-8"), is_package=file.stem == "__init__")
]


def _member(dotted: str) -> str:
    """Give the first part below the package's name, or "" for the package itself."""
    module = dotted
    while module and module not in FILES:  # `eigenwell.errors.ShapeError` is a name in a module
        module = module.rpartition(".")[0]
    return module.partition(".")[2].partition(".")[0]


def _row(member: str) -> int:
    return ROW_OF[member] if member else FACADE_ROW


def _breaks_the_layers(entry: Import) -> bool:
    importer, imported = _member(entry.importer), _member(entry.imported)
    return importer != imported and _row(imported) >= _row(importer)


def _sites(entries: list[Import]) -> list[str]:
    return [f"{e.importer}:{e.line} imports {e.imported}" for e in entries]


INTERNAL = [entry for entry in IMPORTS if entry.imported.split(".")[0] == "eigenwell"]
EXTERNAL = [entry for entry in IMPORTS if entry.imported.split(".")[0] != "eigenwell"]


def test_every_module_has_a_row() -> None:
    unknown = {_member(name) for name in FILES} - set(ROW_OF) - {""}
    assert not unknown, f"give these modules of eigenwell a row in {__file__}: {sorted(unknown)}"


def test_every_row_names_modules_that_exist() -> None:
    gone = set(ROW_OF) - {_member(name) for name in FILES}
    assert not gone, f"take these out of the rows in {__file__}: {sorted(gone)}"


def test_imports_go_down() -> None:
    assert INTERNAL, "no import inside the package was found, so nothing was checked"
    offenders = [entry for entry in INTERNAL if _breaks_the_layers(entry)]
    assert not offenders, _sites(offenders)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("dc", "errors", True),
        ("dc", "reference", True),
        ("cli", "dc", True),
        ("errors", "dc", False),
        ("dc", "evaluation", False),
        ("dc", "pairwise", False),
        ("evaluation", "dc", False),
        ("backend", "cli", False),
    ],
)
def test_the_rule_itself(importer: str, imported: str, allowed: bool) -> None:
    entry = Import(f"eigenwell.{importer}", f"eigenwell.{imported}", 1)
    assert _breaks_the_layers(entry) is not allowed


def test_nothing_imports_the_facade() -> None:
    assert _breaks_the_layers(Import("eigenwell.cli", "eigenwell.no_such_module", 1))


def test_pictures_are_drawn_in_report_alone_and_lazily() -> None:
    offenders = [
        entry
        for entry in EXTERNAL
        if entry.imported.split(".")[0] in PLOTTING
        and not entry.for_types
        and (_member(entry.importer) != "report" or not entry.lazy)
    ]
    assert not offenders, _sites(offenders)


def test_extras_are_imported_by_the_call_that_needs_them() -> None:
    offenders = [
        entry
        for entry in EXTERNAL
        if entry.imported.split(".")[0] not in ALWAYS_THERE
        and not entry.lazy
        and not entry.for_types
        and _member(entry.importer) not in WHOLE_EXTRAS
        and entry.imported.split(".")[0] not in _needs(entry.importer)
    ]
    assert not offenders, _sites(offenders)


def test_torch_operators_are_imported_by_the_call_that_gets_a_tensor() -> None:
    offenders = [
        entry
        for entry in INTERNAL
        if _needs(entry.imported)
        and not _needs(entry.importer)
        and not entry.lazy
        and not entry.for_types
    ]
    assert not offenders, _sites(offenders)
