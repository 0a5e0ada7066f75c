"""Fixtures of the exporters' tests."""

from __future__ import annotations

import pytest
from tests.dc.export.support import CASES

from eigenwell import dc


@pytest.fixture(params=CASES, ids=str)
def policy(request: pytest.FixtureRequest) -> dc.PackedPolicy:
    """A random policy of each shape that is tested."""
    return request.param.policy()


@pytest.fixture(scope="session")
def walker() -> dc.PackedPolicy:
    return dc.walker()
