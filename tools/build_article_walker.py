"""Build the bundled walker from the constants that its article prints.

    python tools/build_article_walker.py [FILE.dcp]

Reads ``article_walker.json`` beside this file and writes the package's ``article_walker.dcp``. The
words go in untouched: the packed format has the article's layout. The metadata say how the policy
scored when we measured it (``eigenwell eval``) and with which versions.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from eigenwell import dc

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "python" / "eigenwell" / "dc" / "article_walker.dcp"


def build(constants: dict[str, Any], metadata: dict[str, Any]) -> dc.PackedPolicy:
    """Return the policy of the article; its codebook is rounded to float32."""
    n, columns = constants["inputs"], constants["neurons"] * constants["eigenvalues"]
    words = np.array([int(word, 16) for word in constants["words"]], dtype=np.uint64)
    indices = dc.unpack_indices(words, n * columns, bits=constants["bits"]).reshape(n, columns)
    policy = dc.PackedPolicy.from_arrays(
        indices,
        np.append(np.linspace(-1.272, 1.491, 30), 0.0),
        constants["A"],
        eigenvalues=constants["eigenvalues"],
        quadratic=constants["K"],
        bits=constants["bits"],
        metadata=metadata,
    )
    if not np.array_equal(policy.words, words):
        raise SystemExit("the packed words differ from the article's")
    return policy


def main() -> None:
    """Write the file named on the command line, or the one in the package."""
    constants = json.loads((HERE / "article_walker.json").read_text())
    metadata = json.loads((HERE / "article_walker_metadata.json").read_text())
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    policy = build(constants, metadata)
    policy.save(target)
    print(f"{target}: {len(policy.dumps())} bytes")


if __name__ == "__main__":
    main()
