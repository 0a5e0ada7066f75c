"""The losses against their formulas, pair by pair."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from eigenwell.wells.asr.torch import margin_loss, triplet_loss  # noqa: E402 - after the check

POSITIVE, NEGATIVE = [0.9, 0.2, 0.5], [1.0, 1.3, 0.4]


def test_triplet_loss_is_on_squared_distances() -> None:
    near, far = torch.tensor(POSITIVE), torch.tensor(NEGATIVE)
    loss, active = triplet_loss(near, far, margin=0.2)
    terms = [max(0.0, p * p - n * n + 0.2) for p, n in zip(POSITIVE, NEGATIVE, strict=True)]
    assert loss.item() == pytest.approx(sum(terms) / 3, rel=1e-6)
    assert active.item() == pytest.approx(2 / 3)


def test_margin_loss_is_over_active_pairs_and_moves_the_boundary() -> None:
    near, far = torch.tensor(POSITIVE), torch.tensor(NEGATIVE)
    beta = torch.tensor(1.0, requires_grad=True)
    loss, active = margin_loss(near, far, beta, margin=0.2)
    terms = [max(0.0, 0.2 + p - 1) for p in POSITIVE] + [max(0.0, 1.2 - n) for n in NEGATIVE]
    count = sum(term > 0 for term in terms)
    assert loss.item() == pytest.approx(sum(terms) / count, rel=1e-6)
    assert active.item() == pytest.approx(count / 6)
    loss.backward()
    # One positive pair asks for a larger boundary, two negative ones for a smaller.
    assert beta.grad is not None
    assert beta.grad.item() == pytest.approx((2 - 1) / 3)


def test_no_triplets_have_no_loss() -> None:
    none = torch.empty(0)
    assert [x.item() for x in triplet_loss(none, none)] == [0, 0]
    assert [x.item() for x in margin_loss(none, none, torch.tensor(1.2))] == [0, 0]


def test_gradients() -> None:
    near = torch.tensor(POSITIVE, dtype=torch.float64, requires_grad=True)
    far = torch.tensor(NEGATIVE, dtype=torch.float64, requires_grad=True)
    beta = torch.tensor(1.05, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: triplet_loss(a, b)[0], (near, far))
    assert torch.autograd.gradcheck(lambda a, b, c: margin_loss(a, b, c)[0], (near, far, beta))
