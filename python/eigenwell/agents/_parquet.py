"""The Parquet file of a population: its schema, its version, and what can be wrong with it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eigenwell import _checks, _files
from eigenwell.errors import FormatError

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

VERSION = 1
_SCHEMA = "eigenwell.population"
_KEY = b"eigenwell"


def write(
    path: str | os.PathLike[str],
    weights: npt.NDArray[Any],
    columns: Mapping[str, npt.NDArray[Any]],
    about: Mapping[str, Any],
) -> None:
    """Write a population, all of it or nothing.

    Args:
        path: The file.
        weights: float32 or float16 [n, p].
        columns: Everything that a network has one of, each [n].
        about: What all networks have in common; JSON can say it.

    Raises:
        ArgumentError: The file cannot be written.
        BackendUnavailableError: pyarrow is not installed.
    """
    pa = _checks.require("pyarrow", extra="agents")
    parquet = _checks.require("pyarrow.parquet", extra="agents")
    arrays = {"weights": pa.FixedSizeListArray.from_arrays(weights.ravel(), weights.shape[1])}
    arrays |= {name: pa.array(values) for name, values in columns.items()}
    metadata = {_KEY: json.dumps({"schema": _SCHEMA, "version": VERSION, **about}).encode()}
    buffer = io.BytesIO()
    # Weights hardly repeat, but their exponents do: each byte of them is compressed by itself.
    parquet.write_table(
        pa.table(arrays).replace_schema_metadata(metadata),
        buffer,
        compression="zstd",
        compression_level=9,
        use_dictionary=["algorithm"],
        use_byte_stream_split=["weights.list.element"],
        write_page_checksum=True,
    )
    _files.write_atomic(path, buffer.getvalue())


def read(
    path: str | os.PathLike[str],
) -> tuple[npt.NDArray[Any], dict[str, Any], dict[str, Any]]:
    """Return weights, columns and what is common, as :func:`write` took them.

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It is damaged, or no population of this version.
        BackendUnavailableError: pyarrow is not installed.
    """
    parquet = _checks.require("pyarrow.parquet", extra="agents")
    invalid: Any = _checks.require("pyarrow", extra="agents").ArrowException
    data = _files.read_bytes(path)
    try:
        table = parquet.read_table(io.BytesIO(data), page_checksum_verification=True)
    except (invalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FormatError(f"`{path}` is no complete Parquet file: {reason}") from None
    about = _about(path, table)
    names = table.column_names
    kind: Any = table["weights"].type if "weights" in names else None
    if not hasattr(kind, "list_size"):
        raise FormatError(f"`{path}` has no column of weights of one length, got {kind}")
    # A null has no numbers, and those behind it would move up.
    flat = table["weights"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    if flat.size != len(table) * kind.list_size:
        raise FormatError(f"`{path}` has networks without weights")
    columns = {name: table[name].to_numpy() for name in names if name != "weights"}
    return flat.reshape(len(table), kind.list_size), columns, about


def _about(path: str | os.PathLike[str], table: Any) -> dict[str, Any]:
    """Return the metadata of a population's table.

    Raises:
        FormatError: It has none, or of another version.
    """
    try:
        about = dict(json.loads((table.schema.metadata or {})[_KEY]))
    except (KeyError, TypeError, ValueError):
        about = {}
    if about.get("schema") != _SCHEMA:
        raise FormatError(f"`{path}` is a Parquet file, but not of a population of eigenwell")
    if about.get("version") != VERSION:
        raise FormatError(
            f"`{path}` has version {about.get('version')} of the format, this eigenwell reads "
            f"version {VERSION}: collect it again or install the version that wrote it"
        )
    return about
