"""The table of methods: name, formula, source and exponent of each, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, SupportsIndex

from eigenwell.wells._parameterised import escort_pg, hadamard_pg
from eigenwell.wells._preconditioned import normalised_pg, npg, spma
from eigenwell.wells._regularised import entropy_pg, log_barrier_pg
from eigenwell.wells._reweighted import delightful_pg, frozen_rollout_pg
from eigenwell.wells._softmax_pg import softmax_pg
from eigenwell.wells._tsallis import tsallis_pg

if TYPE_CHECKING:
    import numpy.typing as npt

    from eigenwell.wells._bandit import Bandit
    from eigenwell.wells._run import Run


@dataclass(frozen=True)
class Remedy:
    """A row of the table.

    Attributes:
        name: Of the row, such as ``"escort-4"``.
        method: The function.
        options: What the row passes to it.
        formula: The update, in one line; A is ``r - pi^T r``.
        source: Where the method comes from.
        omega: Its exponent: log pi(a*) grows at a rate proportional to ``pi(a*)^omega`` at a
            corner.
    """

    name: str
    method: Callable[..., Run]
    formula: str
    source: str
    omega: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def run(
        self,
        bandit: Bandit,
        policy: npt.ArrayLike,
        *,
        learning_rate: npt.ArrayLike,
        steps: SupportsIndex,
        record: SupportsIndex = 1,
        trace: SupportsIndex = 1,
    ) -> Run:
        """Run the method with the row's options; :func:`softmax_pg` has the arguments."""
        return self.method(
            bandit,
            policy,
            learning_rate=learning_rate,
            steps=steps,
            record=record,
            trace=trace,
            **self.options,
        )


def remedies() -> tuple[Remedy, ...]:
    """Return the table: softmax policy gradient first, then the remedies by what they change.

    The exponents follow from the update at a corner, to first order in pi(a*), and
    :func:`well_exponent` measures the same. Entropy adds a factor ``log(1 / pi(a*))`` to 1.

    Example:
        >>> [row.name for row in remedies() if row.omega == 0][:3]
        ['log-barrier', 'npg', 'normalised']
    """
    escort = "pi(a) <- pi(a) |1 + (eta/p) pi(a)^(1 - 2/p) A(a)|^p, normalised"
    tsallis = "theta += eta w (r - w^T r / sum w), w = pi^(2 - alpha)"
    delightful = "theta += eta sum_a pi(a) gate(a) A(a) grad log pi(a)"
    mei_2020 = "Mei et al. 2020 (NeurIPS)"
    return (
        Remedy("softmax", softmax_pg, "theta += eta pi A", "Mei et al. 2020 (ICML)", 1.0),
        Remedy(
            "entropy",
            entropy_pg,
            "theta += eta pi (c - pi^T c), c = r - temperature log pi",
            "Mei et al. 2020 (ICML)",
            1.0,
            {"temperature": 0.01},
        ),
        Remedy(
            "log-barrier",
            log_barrier_pg,
            "theta += eta (pi A + barrier (1/K - pi))",
            "Agarwal et al. 2021 (JMLR)",
            0.0,
            {"barrier": 0.01},
        ),
        Remedy("npg", npg, "theta += eta A", "Kakade 2001", 0.0),
        Remedy(
            "normalised", normalised_pg, "theta += eta g / |g|, g = pi A", "arXiv 2105.06072", 0.0
        ),
        Remedy("spma", spma, "pi <- pi (1 + eta A)", "arXiv 2411.12042", 0.0),
        Remedy("escort-2", escort_pg, escort, mei_2020, 0.0, {"p": 2.0}),
        Remedy("escort-4", escort_pg, escort, mei_2020, 0.5, {"p": 4.0}),
        Remedy(
            "hadamard",
            hadamard_pg,
            "pi <- pi (1 + 2 eta A)^2, normalised",
            "arXiv 2305.19575",
            0.0,
        ),
        Remedy("tsallis-1.25", tsallis_pg, tsallis, "arXiv 2601.12604", 0.5, {"alpha": 1.25}),
        Remedy("tsallis-1.5", tsallis_pg, tsallis, "arXiv 2601.12604", 0.0, {"alpha": 1.5}),
        Remedy(
            "delightful", delightful_pg, delightful, "arXiv 2605.11908", 1.0, {"temperature": 1.0}
        ),
        Remedy(
            "delightful-0", delightful_pg, delightful, "arXiv 2605.11908", 1.0, {"temperature": 0.0}
        ),
        Remedy(
            "frozen-rollout",
            frozen_rollout_pg,
            "theta += eta (mu r - pi mu^T r), mu = pi of the last refresh",
            "from its definition; limit of many updates: Ghosh et al. 2020",
            1.0,
            {"refresh": 100},
        ),
    )
