"""The variables of the model, one family a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from planner.optimize import spend
from planner.optimize.bounds import Bounds, added, allowed, least_open
from planner.optimize.layout import Layout
from planner.optimize.linear import Linear
from planner.optimize.program import Bools, Floats, Ints, Program
from planner.optimize.ramps import by_family, families, shares, start_costs

SECONDS_PER_HOUR = 3600.0
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]")


def label(*parts: str) -> str:
    """Name a variable or row so that an LP file may hold it: `x(chat,h100_a,night)`."""
    head, *rest = (_UNSAFE.sub("_", part) for part in parts)
    return f"{head}({','.join(rest)})" if rest else head


def labels(kind: str, *indexed: tuple[Sequence[str], Ints]) -> Callable[[], list[str]]:
    """Make a namer for a family whose members are picked from name lists."""
    return lambda: [
        label(kind, *(names[i] for (names, _), i in zip(indexed, place, strict=True)))
        for place in zip(*(index.tolist() for _, index in indexed), strict=True)
    ]


def variables(model: Linear, program: Program, bounds: Bounds, *, whole: bool = True) -> Layout:
    """Add every variable; `whole=False` relaxes the integers."""
    xr, xk, xt = _routes(program, bounds)
    zr, za, zt = _api_routes(program, bounds)
    return Layout(
        *(xr, xk, xt, pool_shares(model, program, bounds, xr, xk, xt)),
        *(zr, za, zt, api_shares(model, program, bounds, zr, za, zt)),
        n=replicas(model, program, bounds, whole=whole),
        warm=warm_pools(model, program, bounds, whole=whole),
        y=operated_pools(model, program, bounds, whole=whole),
        m=machines(model, program, bounds, whole=whole),
        v=ways(model, program, whole=whole),
        s=sellers(model, program, whole=whole),
        c=committed_spend(model, program, bounds),
        spend=program.spend,
        already=already(model, program),
        ramps=ramps(model, program, bounds),
    )


def needs_warm(program: Program) -> Bools:
    """[K] Whether a replica more or less is not enough to say that a pool is open in a period."""
    needed: Bools = (least_open(program) > 1) | (program.one_size & (np.bincount(family := program.pools.family)[family] > 1))
    return needed


def needs_operated(program: Program) -> bool:
    """Whether it matters how many pools there are."""
    set_up = program.pools.opening is not None and bool((program.pools.opening > 0).any())
    return program.pool_cost > 0 or program.max_pools is not None or set_up


def _routes(program: Program, bounds: Bounds) -> tuple[Ints, Ints, Ints]:
    open_to = allowed(program)[:, :, None] & (bounds.replicas > 0)[None] & (bounds.rate > 0)[:, None]
    r, k, t = np.nonzero(open_to)
    return r, k, t


def _api_routes(program: Program, bounds: Bounds) -> tuple[Ints, Ints, Ints]:
    usable = np.isfinite(program.apis.call_cost)
    r, a, t = np.nonzero(usable[:, :, None] & (bounds.rate > 0)[:, None])
    return r, a, t


def pool_shares(model: Linear, program: Program, bounds: Bounds, r: Ints, k: Ints, t: Ints) -> Ints:
    """0 <= x[r,k,t]: share of a stream's calls on a pool, paying its soft misses.

    No upper bound: demand implies it, and a bound of its own would take part of the dual that prices demand.
    """
    cost = SECONDS_PER_HOUR * program.counted[t] * program.pools.call_cost[r, k] * bounds.rate[r, t]
    names = labels("x", (program.streams, r), (program.pools.name, k), (program.periods, t))
    return model.add_variables(len(r), 0, np.inf, cost, integer=False, names=names)


def api_shares(model: Linear, program: Program, bounds: Bounds, r: Ints, a: Ints, t: Ints) -> Ints:
    """0 <= z[r,a,t]: share of a stream's calls to an API, paying its price."""
    cost = SECONDS_PER_HOUR * program.counted[t] * program.apis.call_cost[r, a] * bounds.rate[r, t]
    names = labels("z", (program.streams, r), (program.apis.name, a), (program.periods, t))
    return model.add_variables(len(r), 0, np.inf, cost, integer=False, names=names)


def _family(model: Linear, kind: str, program: Program, where: Bools, upper: Floats, *, whole: bool) -> Ints:
    """Add one free-of-charge variable per pool and period in `where`; ids as [K, T]."""
    ids = np.full(where.shape, -1, dtype=np.int64)
    k, t = np.nonzero(where)
    names = labels(kind, (program.pools.name, k), (program.periods, t))
    ids[k, t] = model.add_variables(len(k), 0, upper[k, t], 0, integer=whole, names=names)
    return ids


def replicas(model: Linear, program: Program, bounds: Bounds, *, whole: bool) -> Ints:
    """0 <= n[k,t] <= N[k,t], whole: replicas of a pool."""
    return _family(model, "n", program, bounds.replicas > 0, bounds.replicas.astype(float), whole=whole)


def warm_pools(model: Linear, program: Program, bounds: Bounds, *, whole: bool) -> Ints:
    """0 <= u[k,t] <= 1, whole: pool open in a period; only if spares, a minimum above one or another size make it matter."""
    where = (bounds.replicas > 0) & needs_warm(program)[:, None]
    return _family(model, "u", program, where, np.ones(where.shape), whole=whole)


def operated_pools(model: Linear, program: Program, bounds: Bounds, *, whole: bool) -> Ints:
    """0 <= y[f] <= 1, whole: family operated at all, paying the pool cost; only if pools cost or are limited. Ids as [K]."""
    ids = np.full(len(program.pools.name), -1, dtype=np.int64)
    (k,) = np.nonzero((bounds.replicas > 0).any(axis=1) & ~program.pools.sold & needs_operated(program))
    _, first, of = np.unique(program.pools.family[k], return_index=True, return_inverse=True)
    names = labels("y", (program.pools.name, k[first]))
    ids[k] = model.add_variables(len(first), 0, 1, program.operating[k[first]], integer=whole, names=names)[of]
    return ids


def machines(model: Linear, program: Program, bounds: Bounds, *, whole: bool) -> Ints:
    """H[o,t] <= m[o,t] <= M[o,t], whole: machines held, where they are there; a commitment is one variable m[o].

    It is paid while it lasts. The purchase limits are the upper bounds; the lower ones are what is held in any case, else 0.
    """
    buy, share = program.purchases, program.counted
    ids = np.full(bounds.machines.shape, -1, dtype=np.int64)
    (o,) = np.nonzero(buy.committed)
    names, most = labels("m", (buy.name, o)), bounds.machines[o].max(axis=1, initial=0)
    least, cost = buy.fewest, buy.hourly[o] * (buy.active[o] @ share) + added(buy)[o] @ share
    held = model.add_variables(len(o), least[o].max(axis=1, initial=0), most, cost, integer=whole, names=names)
    ids[o] = np.where(buy.active[o], held[:, None], -1)
    o, t = np.nonzero(~buy.committed[:, None] & buy.active)
    names = labels("m", (buy.name, o), (program.periods, t))
    cost = buy.hourly[o] * share[t] + added(buy)[o, t] * share[t]
    ids[o, t] = model.add_variables(len(o), least[o, t], bounds.machines[o, t], cost, integer=whole, names=names)
    return ids


def already(model: Linear, program: Program) -> Ints:
    """1 <= already <= 1: what is paid whatever is chosen, so that costs, bounds and the budget count it; only if there is any."""
    paid = program.already
    return model.add_variables(int(paid > 0), 1, 1, paid, integer=False, names=lambda: ["already"])


def ways(model: Linear, program: Program, *, whole: bool) -> Ints:
    """0 <= v[w], whole: way taken, paying its own cost; at most 1 because its group takes one."""
    names = labels("v", (program.ways.name, np.arange(len(program.ways.name))))
    return model.add_variables(len(program.ways.name), 0, np.inf, program.ways.cost, integer=whole, names=names)


def sellers(model: Linear, program: Program, *, whole: bool) -> Ints:
    """0 <= s[q] <= 1, whole: seller used at all; only if their number is limited. Ids as [O], −1 of what counts for none."""
    limit = program.sellers
    if limit is None:
        return np.full(len(program.purchases.name), -1, dtype=np.int64)
    names = labels("s", ([str(seller) for seller in range(limit.count)], np.arange(limit.count)))
    ids = model.add_variables(limit.count, 0, 1, 0, integer=whole, names=names)
    return np.where(limit.seller >= 0, np.append(ids, -1)[limit.seller], -1)


def committed_spend(model: Linear, program: Program, bounds: Bounds) -> Ints:
    """0 <= C[c] <= C_max[c]: dollars an hour committed to, paid while it lasts and for what is owed beyond."""
    names = () if program.spend is None else program.spend.name
    ids = np.arange(len(names))
    return model.add_variables(
        len(names), 0, spend.most(program, bounds), spend.price(program), integer=False, names=labels("C", (names, ids))
    )


def ramps(model: Linear, program: Program, bounds: Bounds) -> Ints:
    """0 <= r[f,p], paying q[p] each: dollars for the replicas of a family that start at a change of period. Ids as [K, P]."""
    scaling, (first, of) = program.scaling, families(program)
    grows = (bounds.replicas[:, scaling.after] > 0) & (start_costs(program) > 0)[:, None]
    f, p = np.nonzero(by_family(program, grows.astype(float)))
    ids = np.full((len(first), len(scaling.times)), -1, dtype=np.int64)
    where = ((program.periods, scaling.before[p]), (program.periods, scaling.after[p]))
    names = labels("r", (program.pools.name, first[f]), *where)
    ids[f, p] = model.add_variables(len(f), 0, np.inf, shares(program)[p], integer=False, names=names)
    return ids[of]
