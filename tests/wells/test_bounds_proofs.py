"""The proof check itself, reduced: it passes, and it would notice a wrong theorem."""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell.benchmarks import _wells_checks, wells_proofs
from eigenwell.benchmarks._wells_intervals import check_intervals
from eigenwell.wells import bounds


def test_the_check_passes_in_float64() -> None:
    checks = _wells_checks.check_corners(np.random.default_rng(0), instances=1250, steps=16)
    assert len(checks) == 8
    assert [check.name for check in checks if check.violations] == []
    assert min(check.comparisons for check in checks) > 5000
    assert "corner lemma" in wells_proofs.checks_table(checks).as_text()


def test_a_factor_of_1_99_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    lemma = bounds.logit_increment_bound
    monkeypatch.setattr(
        bounds, "logit_increment_bound", lambda *arguments: 0.995 * lemma(*arguments)
    )
    checks = _wells_checks.check_corners(np.random.default_rng(0), instances=250, steps=4)
    assert checks[0].violations > 0


def test_intervals_prove_all_but_equality() -> None:
    pytest.importorskip("mpmath")
    checks = check_intervals(np.random.default_rng(0), instances=42)
    assert [(check.refuted, check.open) for check in checks] == [(0, 0)] * 4
    assert all(check.proved > 30 for check in checks)
    equal = {check.name: check.equal for check in checks}
    assert equal["corner lemma"] > 0  # two actions
    assert equal["simple form"] == equal["sharp form"] == 0
