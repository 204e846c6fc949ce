"""How often calls are made for each call wanted: retries multiply load, and load beyond a limit makes more calls fail."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.stages import Retries

STEPS = 10_000
"""Rounds of the fixed point before it counts as reached: its rate of convergence is below 1 wherever it exists."""

CLOSE = 1e-12
"""Relative change at which the fixed point is reached."""


@dataclass(frozen=True)
class Load:
    """What retries make of a flow of calls."""

    tries: float
    """Tries per call wanted [1]."""
    failing: float
    """Share of tries that fail [1]."""
    served: float
    """Share of calls that succeed at last [1]."""


def tries_per_call(failing: float, attempts: int) -> float:
    """Return the tries made for each call wanted.

    E[tries] = Σ_{i<n} f^i = (1 − f^n)/(1 − f);  n for f = 1

    Parameters
    ----------
    failing : f, share of tries that fail, independently [1]
    attempts : n, tries at most

    Returns
    -------
    float [1]

    Notes
    -----
    Independence is an assumption: failures that come together (an overloaded service) are what `settled` is for.
    """
    return float(attempts) if failing >= 1.0 else (1.0 - failing**attempts) / (1.0 - failing)


def settled(rate: float, retries: Retries, limit: float | None = None) -> Load:
    """Return the fixed point of retries against a limit on the rate of tries that succeed.

    λ' = λ·E[tries](f),  f = 1 − (1 − e)·min(1, L/λ')

    Parameters
    ----------
    rate : λ, calls wanted [1/s]
    retries : attempts and e, the share that fails in any case
    limit : L, tries per second that can succeed; None = any

    Returns
    -------
    Load

    Notes
    -----
    λ' starts at λ and only grows, up to n·λ: the sequence converges to the least fixed point, the one that a system
    reaches from rest. Where that lies above L, retries feed the overload that causes them, and calls are lost for good.
    """
    base, offered, failing = retries.failing, rate, retries.failing
    for _ in range(STEPS):
        accepted = 1.0 if limit is None or offered <= limit else limit / offered
        failing = 1.0 - (1.0 - base) * accepted
        after = rate * tries_per_call(failing, retries.attempts)
        if abs(after - offered) <= CLOSE * max(offered, 1.0):
            break
        offered = after
    return Load(tries_per_call(failing, retries.attempts), failing, 1.0 - failing**retries.attempts)
