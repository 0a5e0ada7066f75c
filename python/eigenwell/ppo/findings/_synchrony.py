"""Whether two oscillations keep their phases together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell._checks import require
from eigenwell.errors import ArgumentError

#: Seconds that are left out at either end: the start from rest, and what a filter's ends bend.
MARGIN = 1.0
#: Of the dominant frequency, in Hz.
SEARCHED = (0.5, 6.0)
# The band around the dominant frequency, as a factor up and down: a phase is that of one rhythm.
_BAND = 1.5
_WINDOW_SECONDS = 5.0

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Locking:
    """How two phases go together.

    Attributes:
        value: Phase-locking value, the length of the mean of ``exp(i (phase_1 - phase_2))``: 1 for
            a constant difference, 0 for none.
        difference: The angle of that mean, rad: how far the first is ahead.
    """

    value: float
    difference: float


def dominant_frequency(*signals: npt.ArrayLike, rate: float) -> float:
    """Return the frequency with the most power, Hz, of signals that count the same.

    Args:
        *signals: ``(steps,)`` each.
        rate: Samples a second.

    References:
        Welch 1967, "The use of fast Fourier transform for the estimation of power spectra".
    """
    signal = require("scipy.signal", extra="report")
    total: Any = 0.0
    frequency: Any = 0.0
    for values in signals:
        x = _signal(values)
        window = min(len(x), int(_WINDOW_SECONDS * rate))
        frequency, power = signal.welch(x - x.mean(), rate, nperseg=window)
        power = power * ((frequency >= SEARCHED[0]) & (frequency <= SEARCHED[1]))
        total = total + power / max(float(power.sum()), np.finfo(np.float64).tiny)
    return float(frequency[np.argmax(total)])


def phase(values: npt.ArrayLike, frequency: float, *, rate: float) -> Array:
    """Return the phase of a signal's rhythm near a frequency, by the Hilbert transform.

    Args:
        values: ``(steps,)``, longer than three times :data:`MARGIN`.
        frequency: Hz; what lies outside of two thirds to one and a half of it is filtered out,
            forwards and backwards, which shifts no phase.
        rate: Samples a second.

    Returns:
        ``(steps - 2 MARGIN rate,)``, rad.

    Raises:
        ArgumentError: The signal is too short.

    References:
        Gabor 1946, "Theory of communication" (the analytic signal).
    """
    signal = require("scipy.signal", extra="report")
    x, cut = _signal(values), int(MARGIN * rate)
    if len(x) <= 3 * cut:
        raise ArgumentError(f"`values` must have more than {3 * cut} steps, got {len(x)}")
    band = (frequency / _BAND, frequency * _BAND)
    sections = signal.butter(2, band, "bandpass", fs=rate, output="sos")
    analytic = signal.hilbert(signal.sosfiltfilt(sections, x - x.mean()))
    return np.asarray(np.angle(analytic)[cut:-cut])


def locking(first: npt.ArrayLike, second: npt.ArrayLike) -> Locking:
    """Compare two phases over the steps that both have.

    References:
        Lachaux et al. 1999, "Measuring phase synchrony in brain signals".
    """
    a, b = _signal(first), _signal(second)
    steps = min(len(a), len(b))
    mean = np.exp(1j * (a[:steps] - b[:steps])).mean()
    return Locking(float(abs(mean)), float(np.angle(mean)))


def _signal(values: npt.ArrayLike) -> Array:
    x = _checks.real_array(values, "values")
    if x.ndim != 1 or len(x) == 0 or not np.isfinite(x).all():
        raise ArgumentError("`values` must be a signal of finite numbers, (steps,)")
    return x
