"""A population of networks: its groups, its split by run, its file, and the mistakes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import agents, cartpole
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, FormatError, ShapeError

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

SMALL = cartpole.MLP((4, 3, 2))


def population(count: int = 40, **changed: Any) -> agents.Population:
    rng = np.random.default_rng(0)
    survival = np.linspace(9, 200, count)
    values: dict[str, Any] = {
        "weights": rng.normal(size=(count, SMALL.parameters)),
        "survival": survival,
        "survival_low": survival - 1,
        "survival_high": np.minimum(survival + 1, 200),
        "survival_long": np.where(survival > 150, 10 * survival, np.nan),
        "behaviour": rng.normal(size=(count, 3)),
        "run": np.arange(count) // 4,
        "step": np.arange(count) % 4,
        "seed": np.full(count, 7),
        "algorithm": np.where(np.arange(count) % 8 < 4, "evolution", "gradient"),
        "architecture": SMALL,
    }
    return agents.Population(**values | changed)


def same(a: agents.Population, b: agents.Population) -> bool:
    return all(
        np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind == "f")
        for x, y in (
            (getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a)
        )
    )


def test_a_group_takes_its_largest_survival_in() -> None:
    found = agents.groups([1, 50, 50.01, 100, 100.5, 150, 151, 200], (50, 100, 150))
    assert found.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    whole = population()
    assert whole.group_names == ("1-50", "51-100", "101-150", "151-200")
    assert sum(len(whole.of_group(group)) for group in (1, 2, 3, 4)) == len(whole)
    assert whole.of_group(4).survival.min() > 150


def test_no_run_is_on_both_sides_of_a_split() -> None:
    whole = population()
    train, test = whole.split(held_out=0.3, seed=1)
    assert not set(train.run) & set(test.run)
    assert (len(train), len(test)) == (28, 12)
    assert not np.array_equal(test.run, whole.split(held_out=0.3, seed=2)[1].run)
    alone, _ = whole.split(held_out=0.3, seed=1, by="network")
    assert len(alone) == 28
    assert len(set(alone.run)) > len(set(train.run))


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    whole = population()
    whole.save(tmp_path / "a.parquet")
    assert same(agents.Population.load(tmp_path / "a.parquet"), whole)
    rounded = population(weights=whole.weights.astype(np.float16))
    rounded.save(tmp_path / "b.parquet", weights="float16")
    assert same(agents.Population.load(tmp_path / "b.parquet"), rounded)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_other_programs_read_the_columns(tmp_path: Path) -> None:
    import pyarrow.parquet

    whole = population()
    whole.save(tmp_path / "a.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    assert str(table["weights"].type) == "fixed_size_list<element: float>[23]"
    assert table["group"].to_pylist() == whole.group.tolist()
    about = json.loads(table.schema.metadata[b"eigenwell"])
    assert (about["schema"], about["version"]) == ("eigenwell.population", 1)
    assert about["architecture"] == {"kind": "MLP", "sizes": [4, 3, 2], "activation": "tanh"}


def test_populations_join_only_if_they_were_measured_alike() -> None:
    first, second = population(4), population(6)
    joined = agents.concatenate([first, second])
    assert np.array_equal(joined.weights, np.concatenate([first.weights, second.weights]))
    with pytest.raises(ArgumentError, match="same episodes, got 100 and 50"):
        agents.concatenate([first, population(4, episodes=50)])
    with pytest.raises(ArgumentError, match="at least one"):
        agents.concatenate([])


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"weights": np.zeros((40, 22))}, ShapeError, "`weights` must have shape"),
        ({"weights": np.full((40, 23), np.inf)}, ArgumentError, "`weights` must be finite"),
        ({"survival": np.full(40, np.nan)}, ArgumentError, "`survival` must not be NaN"),
        ({"survival_high": np.full(40, 200.5)}, ArgumentError, r"in \[0, 200\]"),
        ({"run": np.zeros(39, int)}, ShapeError, r"`run` must have shape \(40,\), got \(39,\)"),
        ({"run": np.zeros(40)}, DTypeError, "`run` must be int64, got dtype float64"),
        ({"behaviour": np.zeros((40, 2))}, ShapeError, "`behaviour` must have shape"),
        ({"algorithm": ["random"]}, ShapeError, "`algorithm` must have shape"),
    ],
)
def test_what_is_no_population(changed: Any, error: type[EigenwellError], words: str) -> None:
    with pytest.raises(error, match=words):
        population(**changed)


def test_what_cannot_be_chosen() -> None:
    weak = population(survival=np.full(40, 9.0), survival_low=np.full(40, 9.0))
    with pytest.raises(ArgumentError, match="group 3 of the population is empty"):
        weak.of_group(3)
    with pytest.raises(ArgumentError, match="`group` must be between 1 and 4, got 5"):
        weak.of_group(5)
    with pytest.raises(ShapeError, match="`where` must have shape"):
        weak.select(np.ones(3, bool))
    for share in (0.001, 0.999, 2):
        with pytest.raises(ArgumentError, match="`held_out`"):
            weak.split(held_out=share, seed=0)
    with pytest.raises(ArgumentError, match='`by` must be "run" or "network"'):
        weak.split(seed=0, by="group")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="rounded to float16 before"):
        weak.save("never.parquet", weights="float16")


def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    import pyarrow.parquet

    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    population().save(good)
    data = good.read_bytes()
    for broken in (b"", data[:100], data[:-20], data[: len(data) // 2], b"PAR1" * 30):
        bad.write_bytes(broken)
        with pytest.raises(FormatError, match="no complete Parquet file"):
            agents.Population.load(bad)
    table = pyarrow.parquet.read_table(good)
    about = json.loads(table.schema.metadata[b"eigenwell"])
    for changed, words in (
        ({"version": 2}, "has version 2 of the format, this eigenwell reads version 1"),
        ({"schema": "other"}, "not of a population"),
        ({"architecture": {"kind": "MLP", "sizes": [4, 2], "activation": "tanh"}}, "as version 1"),
        ({"architecture": {"kind": "Net"}}, "as version 1"),
        ({"edges": None}, "as version 1"),
    ):
        metadata = {b"eigenwell": json.dumps(about | changed).encode()}
        pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), bad)
        with pytest.raises(FormatError, match=words):
            agents.Population.load(bad)
    lists = table["weights"].combine_chunks().to_pylist()
    holed = pyarrow.array([None, *lists[1:]], table["weights"].type)
    for weights in (pyarrow.array(lists, pyarrow.list_(pyarrow.float32())), holed):
        broken = table.set_column(table.column_names.index("weights"), "weights", weights)
        pyarrow.parquet.write_table(broken, bad)
        with pytest.raises(FormatError, match="weights"):
            agents.Population.load(bad)
    pyarrow.parquet.write_table(table.drop_columns(["run"]), bad)
    with pytest.raises(FormatError, match="run"):
        agents.Population.load(bad)
    pyarrow.parquet.write_table(table.replace_schema_metadata(None), bad)
    with pytest.raises(FormatError, match="not of a population"):
        agents.Population.load(bad)
    with pytest.raises(ArgumentError, match="cannot be read"):
        agents.Population.load(tmp_path / "none.parquet")


def test_a_flipped_bit_is_found_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    whole = population()
    whole.save(path)
    data = bytearray(path.read_bytes())
    for position in range(8, len(data), len(data) // 60):
        data[position] ^= 0x10
        path.write_bytes(data)
        with contextlib.suppress(FormatError, ArgumentError):
            loaded = agents.Population.load(path)
            assert np.array_equal(loaded.weights, whole.weights)
        data[position] ^= 0x10
