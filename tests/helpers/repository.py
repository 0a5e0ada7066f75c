"""Where things are in the repository, found from this file and not from the working directory."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "eigenwell"
EXAMPLES = ROOT / "cpp" / "examples"
