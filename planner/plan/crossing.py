"""From which volume on machines of one's own cost no more than an API: a staircase against a straight line.

With s the volume as a multiple of the planned one, w[t] the share of each period, L[t] the replicas' worth of load at s = 1,

    n[t](s) = max(least, ⌈s·L[t]⌉ + spare),   m[t] = ⌈n[t]·g/G⌉,
    own(s) = fixed + Σ_t w[t]·price·m[t] + s·misses   (a commitment: price·max_t m[t]),   api(s) = s·P.

The crossing is the least s with own(s) ≤ api(s). Between two steps own(s) − s·misses is constant, so it is found step by step,
exactly. Above it the API may be cheaper again just behind a further step, as long as that step is not yet filled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 20_000
"""Steps looked at before it is given up."""

ROUNDING = 1e-9
"""Load above a whole replica that counts as none."""


@dataclass(frozen=True, eq=False)
class Deployment:
    """A deployment that could serve a workload by itself."""

    load: Floats
    """[T] L: replicas' worth of the planned demand."""
    least: int
    """Fewest replicas."""
    spare: int
    """Replicas beyond those that carry load."""
    gpus: int
    """g: accelerators of a replica."""
    machine_gpus: int
    """G: accelerators of a machine."""
    hourly: float
    """Price of a machine [$/h]."""
    committed: bool
    """Whether machines are paid at all hours."""
    limit: float
    """Most machines to be had."""
    fixed: float
    """Cost of operating a pool [$/h]."""
    misses: float
    """Expected price of missed soft targets at the planned demand [$/h]."""
    most: float = float("inf")
    """Most replicas, spares included, for which so many spares are enough."""


def _replicas(made: Deployment, scale: float) -> Floats:
    """Return the replicas [T] that a volume takes."""
    needed = np.maximum(np.ceil(made.load * scale - ROUNDING) + made.spare, made.least)
    return np.where(made.load > 0, needed, 0)


def machines(made: Deployment, scale: float) -> Floats:
    """Return the machines [T] that a volume takes."""
    replicas = _replicas(made, scale)
    held: Floats = np.ceil(replicas * made.gpus / made.machine_gpus - ROUNDING)
    return np.full_like(held, held.max()) if made.committed else held


def own_cost(made: Deployment, share: Floats, scale: float) -> float:
    """Return what a deployment costs at a volume [$/h]; inf if it needs more machines, or replicas, than there may be.

    Parameters
    ----------
    made : the deployment
    share : [T] part of each period in the cycle
    scale : s
    """
    held = machines(made, scale)
    if held.max(initial=0.0) > made.limit or _replicas(made, scale).max(initial=0.0) > made.most:
        return float("inf")
    return made.fixed + float(share @ held) * made.hourly + scale * made.misses


def full_cost(made: Deployment, share: Floats) -> float:
    """Return what the replicas of the planned demand would cost if used to their limits, in parts of machines [$/h].

    price·g/G·Σ_t w[t]·L[t]; of a commitment, which is paid at all hours, price·g/G·max_t L[t]
    """
    held = made.load.max() if made.committed else share @ made.load
    return float(held) * made.hourly * made.gpus / made.machine_gpus


def crossing(made: Deployment, share: Floats, api: float) -> float | None:
    """Return the least volume at which a deployment costs no more than an API; None if there is none.

    Parameters
    ----------
    made : the deployment
    share : [T] part of each period in the cycle
    api : P, cost of the planned demand at the API [$/h]

    Returns
    -------
    s, as a multiple of the planned volume
    """
    gain = api - made.misses
    if not made.load.any() or gain <= full_cost(made, share):  # filled to the brim, replicas cost as much as the API, or more
        return None
    low = 0.0
    for _ in range(STEPS):
        high = _next_step(made.load, low)
        steps = own_cost(made, share, high) - high * made.misses
        if not np.isfinite(steps):
            return None
        if steps <= gain * high:
            return max(steps / gain, low)
        low = high
    return None


def _next_step(load: Floats, scale: float) -> float:
    """Return the largest volume that takes no more replicas than one just above `scale` does."""
    busy = load[load > 0]
    return float(((np.floor(busy * scale + ROUNDING) + 1.0) / busy).min())
