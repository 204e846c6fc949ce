"""What arrival times say: mean rate, burstiness, the busiest window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BusyWindow:
    """The busiest stretch of a trace."""

    start: float
    """First arrival in it [s]."""
    length: float
    """Its length; the trace's span where that is shorter than the window asked for [s]."""
    requests: int
    """Arrivals in it."""
    rate: float
    """Arrivals per second in it [1/s]."""
    scv: float
    """Squared coefficient of variation of the gaps between its arrivals [1]; NaN below three arrivals."""
    ties: float
    """Share of those gaps that are zero [1]: a coarse clock or requests sent together."""


def mean_rate(arrivals: Array) -> float:
    """Return the mean arrival rate of a trace.

    λ = (n − 1) / (t_n − t_1)

    Parameters
    ----------
    arrivals : array [s]
        Ascending arrival times, at least two of them different.

    Returns
    -------
    float [1/s]

    Notes
    -----
    The inverse of the mean gap: n requests span n − 1 gaps, and the trace's first and last request say nothing of
    the idle time before and after them.
    """
    return float((len(arrivals) - 1) / (arrivals[-1] - arrivals[0]))


def gap_scv(arrivals: Array) -> float:
    """Return the squared coefficient of variation of inter-arrival times.

    c_a² = Var(gap) / E[gap]²

    Parameters
    ----------
    arrivals : array [s]
        Ascending arrival times.

    Returns
    -------
    float [1]
        1 for a Poisson process; NaN where fewer than two gaps or no time passes.

    Notes
    -----
    Over a whole trace it mixes the randomness of arrivals with slow changes of rate; queueing formulas want the figure
    within a window of steady rate, see `busiest_window`.

    References
    ----------
    Handbook §5: 1.2 for the Azure 2023 conversation trace, 173 for the code trace.
    """
    gaps = np.diff(arrivals)
    mean = gaps.mean() if len(gaps) > 1 else 0.0
    return float(gaps.var() / mean**2) if mean > 0 else float("nan")


def window_counts(arrivals: Array, window: float) -> NDArray[np.int64]:
    """Return the number of arrivals in each complete window, windows laid end to end from the first arrival.

    N_k = #{i : k·w ≤ t_i − t_1 < (k + 1)·w},  k = 0 … ⌊span / w⌋ − 1

    Parameters
    ----------
    arrivals : array [s]
        Ascending arrival times.
    window : float [s]
        Window length.

    Returns
    -------
    array of int
        Empty where the trace is shorter than one window. The last, incomplete window is left out: counting it as a whole
        one would look like a lull.
    """
    since = arrivals - arrivals[0]
    edges = np.arange(int(since[-1] // window) + 1) * window
    return np.diff(np.searchsorted(since, edges, side="left")).astype(np.int64)


def dispersion(arrivals: Array, window: float) -> float:
    """Return the index of dispersion of counts over windows of a length.

    IDC(w) = Var(N_w) / E[N_w]

    Parameters
    ----------
    arrivals : array [s]
        Ascending arrival times.
    window : float [s]
        Window length.

    Returns
    -------
    float [1]
        1 for a Poisson process at every window length; NaN with fewer than two complete windows or none with arrivals.

    Notes
    -----
    Growth with w shows that the rate itself wanders, which the gaps' variation does not tell.
    """
    counts = window_counts(arrivals, window)
    if len(counts) < 2 or counts.sum() == 0:
        return float("nan")
    return float(counts.var() / counts.mean())


def busiest_window(arrivals: Array, window: float) -> BusyWindow:
    """Return the stretch of the given length with most arrivals.

    λ_peak = max_i #{j : t_i ≤ t_j < t_i + w} / w

    Parameters
    ----------
    arrivals : array [s]
        Ascending arrival times, at least two of them different.
    window : float [s]
        Window length.

    Returns
    -------
    BusyWindow
        The earliest of equally busy ones.

    Notes
    -----
    Windows slide: one that holds the most arrivals can be moved to begin at an arrival, so trying those is enough. Of a
    trace no longer than the window, the whole is returned at its mean rate.
    """
    span = float(arrivals[-1] - arrivals[0])
    if span <= window:
        return _window(arrivals, span, mean_rate(arrivals))
    ends = np.searchsorted(arrivals, arrivals + window, side="left")
    counts = ends - np.arange(len(arrivals))
    first = int(np.argmax(counts))
    inside = arrivals[first : ends[first]]
    return _window(inside, window, len(inside) / window)


def _window(inside: Array, length: float, rate: float) -> BusyWindow:
    """Describe a window by its arrivals."""
    gaps = np.diff(inside)
    ties = float((gaps == 0).mean()) if len(gaps) else 0.0
    return BusyWindow(float(inside[0]), length, len(inside), rate, gap_scv(inside), ties)


def steady_window(arrivals: Array, window: float, scv: float, requests: int) -> BusyWindow | None:
    """Return the busiest stretch of the longest window, among halvings of the given one, in which arrivals are steady.

    w = window / 2^k with the least k ≥ 0 such that c_a² within the busiest window ≤ scv

    Parameters
    ----------
    arrivals : array [s]
        Ascending arrival times, at least two of them different.
    window : float [s]
        Longest window to try.
    scv : float [1]
        Largest variation of gaps that counts as steady.
    requests : int
        Fewest arrivals that tell anything.

    Returns
    -------
    BusyWindow or None
        None where no halving with that many arrivals is steady.

    Notes
    -----
    Lulls inside a window give its gaps an enormous variation while its mean rate hides how fast the bursts come.
    """
    length = window
    while True:
        busy = busiest_window(arrivals, length)
        if busy.requests < requests:
            return None
        if busy.scv <= scv:
            return busy
        length /= 2
