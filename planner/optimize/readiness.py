"""Replicas that start when load has grown answer late: those there are must carry the growth until then.

Demand grows from period a to period b within an hour, evenly. When replicas that start at its beginning answer, the share `lag`
of the growth has come; so a pool must be ready in a for (1 − lag) times its load in a and lag times its load in b. Calls that may
be moved in time wait.
"""

from __future__ import annotations

import numpy as np

from planner.optimize.bounds import SLACK, Bounds, allowed, least_open
from planner.optimize.program import Bools, Floats, Ints, Program
from planner.optimize.ramps import by_family, families


def grows(program: Program, bounds: Bounds) -> Bools:
    """[F, P] Whether a pool whose replicas start late may see calls grow at a change of period."""
    scaling = program.scaling
    late = scaling.lag > 0
    if not late.any():
        return np.zeros((len(np.unique(program.pools.family)), len(scaling.times)), dtype=bool)
    more = (bounds.rate[:, scaling.after] > bounds.rate[:, scaling.before]) & ~program.movable[:, None]
    usable = allowed(program) & late & (bounds.replicas > 0).any(axis=1)
    found: Bools = by_family(program, usable.T.astype(float) @ more.astype(float)) > 0
    return found


def ready_loads(program: Program, load: Floats) -> Floats:
    """[J, F, P] Return the load that each family must be ready for at a change, from [J, K, T] of what may not wait.

    Σ_{k in f} (1 − lag[k])·load[k,before p] + lag[k]·load[k,after p]
    """
    scaling = program.scaling
    lag = scaling.lag[:, None]
    reached = (1.0 - lag) * load[:, :, scaling.before] + lag * load[:, :, scaling.after]
    return np.stack([by_family(program, one) for one in reached])


def made_ready(program: Program, flow: Floats, needed: Floats) -> Floats:
    """[K, T] Return replicas with those that must be ready for the growth to the next period.

    Parameters
    ----------
    program : whose replicas start late
    flow : [R, K, T] calls per second
    needed : [K, T] replicas for the calls of each period alone

    Notes
    -----
    What a family lacks is added to the column that runs; where none does, to the one that then has the fewest.
    """
    scaling, out, (_, of) = program.scaling, needed.copy(), families(program)
    demand = np.where(allowed(program) & ~program.movable[:, None], program.pools.demand, 0.0)
    load = np.einsum("jrk,rkt->jkt", demand, flow, optimize=True)
    reached = ready_loads(program, load).max(axis=0, initial=0.0)
    grown = by_family(program, flow.sum(axis=0))
    least, spare, most = least_open(program), program.pools.spare, program.pools.most
    for f, p in zip(*np.nonzero(grown[:, scaling.after] > 0), strict=True):
        a, b, own = int(scaling.before[p]), int(scaling.after[p]), np.flatnonzero(of == f)
        if not _more(program, own, a, b):
            continue
        carrying = np.ceil(reached[f, p] - 10 * SLACK * max(reached[f, p], 1.0))
        running = own[out[own, a] > 0]
        if len(running):
            k = running[np.argmax(out[running, a])]
            short = carrying - (out[running, a] - spare[running]).sum()
            out[k, a] += max(short, 0.0)
        elif carrying > 0:
            count = np.maximum(carrying + spare[own], least[own])
            able = count <= most[own]
            if able.any():
                out[own[able][np.argmin(count[able])], a] = count[able].min()
    return out


def grown_rates(program: Program, pools: Ints) -> Floats:
    """[R, T] Return the calls per second with the most growth that comes before replicas of some pools answer.

    λ[r,a] + max over changes a → b of max(0, λ[r,b] − λ[r,a])·max lag
    """
    scaling, rate = program.scaling, program.rate.copy()
    late = scaling.lag[pools].max(initial=0.0) if len(scaling.times) else 0.0
    for a, b in zip(scaling.before.tolist(), scaling.after.tolist(), strict=True) if late else ():
        more = np.maximum(program.rate[:, b] - program.rate[:, a], 0.0) * late
        rate[:, a] = np.maximum(rate[:, a], program.rate[:, a] + more)
    return rate


def _more(program: Program, columns: Ints, a: int, b: int) -> bool:
    """Whether some stream that these columns may use, and that cannot wait, makes more calls in b than in a."""
    open_to = allowed(program)[:, columns].any(axis=1) & ~program.movable
    return bool((open_to & (program.rate[:, b] > program.rate[:, a])).any())
