"""Rounded coverage by machines: a machine is bought whole, however few of its accelerators replicas take.

Replicas of pool k serve at most v[k] each (`coverage`), so an accelerator of cell i serves at most max_{k in i} v[k]/g[k] and a
machine of purchase o at most V[o] = g[i]·max_{k in i} v[k]/g[k]. All calls weigh W, hence

    Σ_o F(V[o])·m[o,t] + Σ_{r,a} w[r]/f·z[r,a] + Σ_w F(d[w])·v[w] >= ⌈W⌉,

and no coefficient need be more than ⌈W⌉: a machine that serves everything alone serves no more. It keeps a relaxation from buying
an eighth of a machine with eight accelerators where few are needed.

References
----------
Magnanti, Mirchandani and Vachani (1993), as in `coverage`; the limit of coefficients is that of knapsack covers, Carr, Fleischer,
Leung and Phillips, *Strengthening integrality gaps for capacitated network design and covering problems*, SODA 2000.
"""

from __future__ import annotations

import numpy as np

from planner.optimize.bounds import Bounds, allowed
from planner.optimize.coverage import (
    UNUSED,
    Covers,
    Relaxed,
    asked,
    capacity,
    counting,
    in_use,
    most_broken,
    most_served,
    roundable,
    rounded,
    safe,
    sets,
    shares,
    sides,
    units,
)
from planner.optimize.kinds import Kinds
from planner.optimize.knapsack import quick
from planner.optimize.program import Bools, Floats, Ints, Program

ALONE = 0.9
"""What all calls weigh in cuts that ask for one machine: F(V) is then V/W up to 1. Any number below 1 says the same."""
MOST = 50.0
"""Weights that ask for more machines than this round nothing that matters."""


def make(program: Program, bounds: Bounds, kinds: Kinds, weight: Floats, period: Ints) -> Covers:
    """Return the cuts of some weights [C, R], what machines serve found from every pool."""
    total, part, spared = sides(program, weight, period)
    need, usable = np.ceil(total), allowed(program)
    dense = [_dense(program, bounds, kinds, usable, each, t) for each, t in zip(weight, period.tolist(), strict=True)]
    most = _whole(program, np.array(dense).reshape(len(weight), len(program.cells.name)))
    counted = np.minimum(rounded(safe(most), part[:, None]), need[:, None])
    return Covers(period, weight, need, part, np.zeros((len(weight), len(program.pools.name))), spared, counted)


def _dense(program: Program, bounds: Bounds, kinds: Kinds, usable: Bools, each: Floats, t: int) -> Floats:
    """[I] The most that an accelerator of each cell serves in a replica of any pool there, from above.

    Found quickly for all, and sharply only for pools that are the best of their cell, until those of all cells are sharp.
    """
    pools = np.flatnonzero((bounds.replicas[:, t] > 0) & usable[each > 0].any(axis=0))
    kind, of = np.unique(kinds.of[pools], return_inverse=True)
    profit, load = shares(program, bounds, usable, each, t, kinds.first[kind])
    served, known = quick(profit, load), np.full(len(kind), len(profit) == 1)
    cell, gpus, best = program.pools.cell[pools], program.pools.gpus[pools], np.zeros(len(program.cells.name))
    while True:
        dense = served[of] / gpus
        order = np.lexsort((-dense, cell))
        first = order[np.unique(cell[order], return_index=True)[1]]
        todo = np.unique(of[first][~known[of[first]]])
        if not len(todo):
            best[cell[first]] = dense[first]
            return best
        served[todo] = np.minimum(served[todo], most_served(profit[:, todo], load[:, :, todo]))
        known[todo] = True


def _whole(program: Program, dense: Floats) -> Floats:
    """[C, O] The most a machine of each purchase serves, of the most that an accelerator of each cell does [C, I]."""
    most: Floats = (dense * program.cells.gpus)[:, program.purchases.cell]
    return most


def _serve(program: Program, served: Floats, at: Relaxed, held: Ints) -> Floats:
    """[C, held] The most that machines serve in replicas of the pools in use, of what these serve [C, P]."""
    dense = np.zeros((len(served), len(program.cells.name)))
    np.maximum.at(dense.T, program.pools.cell[at.pools], (served / program.pools.gpus[at.pools]).T)
    return _whole(program, dense)[:, held]


def violated(program: Program, bounds: Bounds, t: int, at: Relaxed) -> Floats:
    """Return the weights [C, R] of the cuts that a relaxed solution breaks most, as far as the pools in use tell."""
    streams, held = np.flatnonzero(counting(program, bounds, t)), np.flatnonzero(at.machines > UNUSED)
    if not len(streams) or not len(at.pools) or not len(held):
        return np.zeros((0, len(program.streams)))
    usable, load = in_use(program, bounds, t, at)
    weight = _candidates(program, units(program, streams), usable, load, at)
    weight, most = _scaled(program, t, weight, _serve(program, capacity(weight, usable, load, at.fees), at, held))
    safely = safe(most)
    return most_broken(program, t, at, weight, lambda part, need: np.minimum(rounded(safely, part), need) @ at.machines[held])


def _candidates(program: Program, made_of: Bools, usable: Bools, load: Floats, at: Relaxed) -> Floats:
    """[C, R] Sets of streams weighed by their prices, and by the accelerators they need in each pool in use."""
    chosen = sets(made_of)
    need = np.where(usable, load.max(axis=0), np.inf) * program.pools.gpus[at.pools]
    need = np.unique(need.round(9), axis=1).T
    by_need = np.where(chosen, need[:, None], 0.0).reshape(-1, chosen.shape[1])
    by_worth = np.where(chosen, np.maximum(at.worth, 0.0), 0.0)
    weight = np.concatenate([by_worth, by_need[np.isfinite(by_need).all(axis=1)]])
    return weight[weight.any(axis=1)]


def _scaled(program: Program, t: int, weight: Floats, most: Floats) -> tuple[Floats, Floats]:
    """Weights [C, R] in units of all calls and of what each machine in use serves; what each serves in them [C, held]."""
    total = asked(program, weight, np.full(len(weight), t, dtype=np.int64))[0]
    unit = np.concatenate([total[:, None] / ALONE, most], axis=1)
    c, u = np.nonzero((total[:, None] > 0) & (unit > 0) & (total[:, None] < MOST * unit))
    scaled, served = (values[c] / unit[c, u][:, None] for values in (weight, most))
    fit = roundable(program, scaled, t)
    return scaled[fit], served[fit]
