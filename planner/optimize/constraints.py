"""The constraints of the model, one family a function.

    demand          every call is served
    one_way         each group takes one of its ways
    resources       a pool's replicas carry its load, resource by resource
    thin_streams    a stream small against a replica still needs a whole one (a cut)
    coverage        whole replicas, of whatever pools, serve all calls (cuts)
    packing         replicas fit in machines
    gpu_limits      quotas
    power           power
    machine_limits  what machines take of sites: power, cooling, racks
    average_limits  what machines take on average: carbon
    budget          budget
    api_limits      limits of API accounts
    warm_links      a pool open in a period has its fewest replicas, a closed one none
    one_size        a pool has one of its sizes in a period
    operated_links  a pool with replicas is operated
    max_pools       number of pools
    averages        what calls are worth, on average
    seller_links    a seller of whom machines are held is used
    max_sellers     number of sellers
    spend           machines within the spend committed to
    ramps           replicas that start are paid ahead of need
    ready           replicas carry the growth that comes before others answer

Flows are shares: x[r,k,t]·ρ[r,t] calls per second, ρ from `Bounds.rate`. A share has the same size for rare and frequent
streams, so a solver's absolute tolerance means the same for each.
"""

from __future__ import annotations

import numpy as np

from planner.optimize.bounds import Bounds, counted_calls, least_open, parts, weights
from planner.optimize.coverage import Covers, no_covers
from planner.optimize.layout import Layout, Rows
from planner.optimize.linear import Linear
from planner.optimize.program import Bools, Floats, Ints, Program
from planner.optimize.ramps import families, start_costs
from planner.optimize.readiness import grows
from planner.optimize.variables import label, labels


def constraints(
    model: Linear,
    program: Program,
    bounds: Bounds,
    at: Layout,
    cuts: Bools | None = None,
    covers: Covers | None = None,
) -> Rows:
    """Add every family; of the cuts of thin streams all, or only those in `cuts` [R, K, T]."""
    served = demand(model, program, bounds, at)
    taken = one_way(model, program, at)
    carried = resources(model, program, bounds, at)
    thin_streams(model, program, bounds, at, cuts)
    warm_links(model, program, bounds, at)
    one_size(model, program, at)
    operated_links(model, program, bounds, at)
    seller_links(model, program, bounds, at)
    max_sellers(model, program, at)
    return Rows(
        resources=carried,
        demand=served,
        one_way=taken,
        packing=packing(model, program, at),
        gpu_limits=gpu_limits(model, program, at),
        power=power(model, program, at),
        budget=budget(model, program),
        api_limits=api_limits(model, program, bounds, at),
        max_pools=max_pools(model, program, at),
        averages=averages(model, program, bounds, at),
        spend=spend(model, program, at),
        covers=coverage(model, program, at, covers or no_covers(program)),
        machine_limits=machine_limits(model, program, at),
        average_limits=average_limits(model, program, at),
        ramps=ramps(model, program, at),
        ready=ready(model, program, bounds, at),
    )


def demand(model: Linear, program: Program, bounds: Bounds, at: Layout) -> Ints:
    """Every call is served: Σ_k x[r,k,t] + Σ_a z[r,a,t] = 1; for a movable stream Σ over t as well.

    Where ways use the stream, the right-hand side is Σ_w part[w,r,t]·v[w]: what the way taken asks for.
    """
    r, t = np.nonzero((bounds.rate > 0) & (~program.movable[:, None] | (np.arange(len(program.hours)) == 0)))
    rows = np.full(bounds.rate.shape, -1, dtype=np.int64)
    cycle = ("cycle",)
    names = [*program.periods, *cycle]
    when = np.where(program.movable[r], len(program.periods), t)
    asked = program.fixed[r].astype(float)
    rows[r, t] = model.add_rows(len(r), asked, asked, names=labels("demand", (program.streams, r), (names, when)))
    rows[program.movable] = rows[program.movable, :1]
    _ask(model, program, at, rows)
    model.add_terms(rows[at.x_stream, at.x_period], at.x, 1)
    model.add_terms(rows[at.z_stream, at.z_period], at.z, 1)
    return rows


def _ask(model: Linear, program: Program, at: Layout, rows: Ints) -> None:
    """Put what ways ask for into the rows of demand, each once."""
    use, t = np.nonzero(rows[program.ways.stream] >= 0)
    once = ~program.movable[program.ways.stream[use]] | (t == 0)
    use, t = use[once], t[once]
    model.add_terms(rows[program.ways.stream[use], t], at.v[program.ways.user[use]], -parts(program)[use, t])


def one_way(model: Linear, program: Program, at: Layout) -> Ints:
    """Each group takes one of its ways: Σ_{w in g} v[w] = 1."""
    ways = program.ways
    first = np.array([int(np.argmax(ways.group == g)) for g in range(ways.groups)], dtype=np.int64)
    rows = model.add_rows(ways.groups, 1, 1, names=labels("one_way", (ways.name, first)))
    model.add_terms(rows[ways.group], at.v, 1)
    return rows


def resources(model: Linear, program: Program, bounds: Bounds, at: Layout) -> Ints:
    """Replicas beyond the spares carry the load: Σ_r demand[j,r,k]·ρ[r,t]·x[r,k,t] <= n[k,t] − spare·u[k,t]."""
    k, t = np.nonzero(at.n >= 0)
    carried = np.full((len(program.resources), *at.n.shape), -1, dtype=np.int64)
    for j in range(len(program.resources)):
        load = program.pools.demand[j, at.x_stream, at.x_pool] * bounds.rate[at.x_stream, at.x_period]
        rows = carried[j]
        rows[k, t] = model.add_rows(
            len(k),
            -np.inf,
            0,
            names=labels("resource", (program.resources, np.full_like(k, j)), (program.pools.name, k), (program.periods, t)),
        )
        model.add_terms(rows[at.x_pool, at.x_period], at.x, load)
        model.add_terms(rows[k, t], at.n[k, t], -1)
        if program.pools.spare.any():
            kept = program.pools.spare[k] > 0
            model.add_terms(rows[k, t][kept], at.warm[k, t][kept], program.pools.spare[k[kept]])
    return carried


def thin_streams(model: Linear, program: Program, bounds: Bounds, at: Layout, cuts: Bools | None = None) -> None:
    """A used pool has a replica, however thin the stream: x[r,k,t] <= n[k,t].

    Implied by whole n; as a cut it pays where demand[j,r,k]·ρ[r,t] < 1 for every j, and is left out elsewhere.
    """
    load = program.pools.demand[:, at.x_stream, at.x_pool].max(axis=0) * bounds.rate[at.x_stream, at.x_period]
    wanted = True if cuts is None else cuts[at.x_stream, at.x_pool, at.x_period]
    (thin,) = np.nonzero((load < 1) & wanted)
    r, k, t = at.x_stream[thin], at.x_pool[thin], at.x_period[thin]
    names = labels("thin", (program.streams, r), (program.pools.name, k), (program.periods, t))
    rows = model.add_rows(len(thin), -np.inf, 0, names=names)
    model.add_terms(rows, at.x[thin], 1)
    model.add_terms(rows, at.n[k, t], -1)


def coverage(model: Linear, program: Program, at: Layout, covers: Covers) -> Ints:
    """Rounded coverage: Σ_k F[k]·(n[k,t] − spare·u[k,t]) + Σ_o F[o]·m[o,t] + Σ_{r,a} w[r]/f·z[r,a,t] + Σ_w F[w]·v[w] >= ⌈W⌉.

    A cut counts replicas or machines (see `coverage`).
    """
    count = np.arange(len(covers.need))
    rows = model.add_rows(len(count), covers.need, np.inf, names=lambda: [label("coverage", str(c)) for c in count.tolist()])
    for c, t in enumerate(covers.period.tolist()):
        (k,) = np.nonzero((at.n[:, t] >= 0) & (covers.value[c] > 0))
        model.add_terms(rows[c], at.n[k, t], covers.value[c, k])
        if program.pools.spare.any():
            kept = k[program.pools.spare[k] > 0]
            model.add_terms(rows[c], at.warm[kept, t], -program.pools.spare[kept] * covers.value[c, kept])
        (o,) = np.nonzero((at.m[:, t] >= 0) & (covers.machines[c] > 0))
        model.add_terms(rows[c], at.m[o, t], covers.machines[c, o])
        (z,) = np.nonzero(at.z_period == t)
        model.add_terms(rows[c], at.z[z], covers.weight[c, at.z_stream[z]] / covers.part[c])
        model.add_terms(rows[c], at.v, covers.spared[c])
    return rows


def packing(model: Linear, program: Program, at: Layout) -> Ints:
    """Replicas fit in machines: Σ_{k in i} gpus[k]·n[k,t] <= gpus[i]·Σ_{o of i} m[o,t].

    Counting accelerators is exact because the replica sizes of a cell form a chain: each divides the next, those within a
    machine divide it, larger ones are whole machines. Filling machines with the largest first then never strands any.
    """
    pools, cells, buy = program.pools, program.cells, program.purchases
    present = np.zeros((len(cells.name), at.n.shape[1]), dtype=bool)
    k, t = np.nonzero(at.n >= 0)
    present[pools.cell[k], t] = True
    i, when = np.nonzero(present)
    rows = np.full(present.shape, -1, dtype=np.int64)
    names = labels("packing", (cells.name, i), (program.periods, when))
    rows[i, when] = model.add_rows(len(i), -np.inf, 0, names=names)
    model.add_terms(rows[pools.cell[k], t], at.n[k, t], pools.gpus[k])
    o, when = np.nonzero(present[buy.cell] & (at.m >= 0))
    model.add_terms(rows[buy.cell[o], when], at.m[o, when], -cells.gpus[buy.cell[o]])
    return rows


def _over_machines(model: Linear, program: Program, at: Layout, name: tuple[str, ...], counted: Floats, limit: float) -> Ints:
    """Add Σ_o counted[o]·m[o,t] <= limit for each period."""
    names = [label(*name, period) for period in program.periods]
    rows = model.add_rows(len(program.hours), -np.inf, limit, names=lambda: names)
    t, o = np.nonzero(((counted != 0)[:, None] & (at.m >= 0)).T)
    model.add_terms(rows[t], at.m[o, t], counted[o])
    return rows


def gpu_limits(model: Linear, program: Program, at: Layout) -> Ints:
    """Quotas: Σ_{o in l} gpus[cell of o]·m[o,t] <= gpus[l], in each period."""
    gpus = program.cells.counted[program.purchases.cell].astype(float)
    rows = [
        _over_machines(model, program, at, ("gpu_limit", quota.name), np.where(quota.purchases, gpus, 0.0), quota.gpus)
        for quota in program.gpu_limits
        if np.isfinite(quota.gpus)
    ]
    return _placed(rows, [np.isfinite(quota.gpus) for quota in program.gpu_limits], len(program.hours))


def _placed(rows: list[Ints], present: list[np.bool_], periods: int) -> Ints:
    """[L, T] ids, −1 for the limits that have no row."""
    out = np.full((len(present), periods), -1, dtype=np.int64)
    for place, ids in zip(np.nonzero(present)[0], rows, strict=True):
        out[place] = ids
    return out


def power(model: Linear, program: Program, at: Layout) -> Ints:
    """Power of all machines held, in each period: Σ_o power[cell of o]·m[o,t] <= power."""
    if not np.isfinite(program.power):
        return np.full(len(program.hours), -1, dtype=np.int64)
    drawn = program.cells.power[program.purchases.cell]
    # In kW: rows with coefficients near the others' are solved to the same relative precision.
    return _over_machines(model, program, at, ("power_kW",), drawn / 1e3, program.power / 1e3)


def machine_limits(model: Linear, program: Program, at: Layout) -> Ints:
    """What machines take of a site, in each period: Σ_o each[l,o]·m[o,t] <= most[l]."""
    rows = [
        _over_machines(model, program, at, ("machine_limit", limit.name), limit.each, limit.most)
        for limit in program.machine_limits
    ]
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(program.hours))


def average_limits(model: Linear, program: Program, at: Layout) -> Ints:
    """What machines take on average over the cycle: Σ_t w[t]·Σ_o each[l,o,t]·m[o,t] <= most[l]."""
    limits, share = program.average_limits, weights(program)
    most = np.array([limit.most for limit in limits])
    rows = model.add_rows(len(limits), -np.inf, most, names=lambda: [label("average_limit", limit.name) for limit in limits])
    for row, limit in zip(rows.tolist(), limits, strict=True):
        o, t = np.nonzero((limit.each != 0) & (at.m >= 0))
        # A commitment is one variable for all its periods.
        held, place = np.unique(at.m[o, t], return_inverse=True)
        model.add_terms(row, held, np.bincount(place.reshape(-1), weights=limit.each[o, t] * share[t]))
    return rows


def budget(model: Linear, program: Program) -> Ints:
    """Average cost within the budget: the objective <= budget."""
    if not np.isfinite(program.budget):
        return np.full(1, -1, dtype=np.int64)
    rows = model.add_rows(1, -np.inf, program.budget, names=lambda: ["budget"])
    model.add_terms(rows, np.arange(model.variables), model.cost)
    return rows


def api_limits(model: Linear, program: Program, bounds: Bounds, at: Layout) -> Ints:
    """Limits of accounts: Σ_r limits[l,r,a]·ρ[r,t]·z[r,a,t] <= 1, in each period: requests, tokens in, tokens out, all tokens."""
    limits = program.apis.limits
    rows = np.full((len(limits), limits.shape[2], len(program.hours)), -1, dtype=np.int64)
    for limit, taken in enumerate(limits):
        a, t = np.nonzero(np.broadcast_to((taken > 0).any(axis=0)[:, None], rows.shape[1:]))
        numbers = [str(number) for number in range(len(limits))]
        names = labels("api_limit", (numbers, np.full_like(a, limit)), (program.apis.name, a), (program.periods, t))
        rows[limit, a, t] = model.add_rows(len(a), -np.inf, 1, names=names)
        share = taken[at.z_stream, at.z_api] * bounds.rate[at.z_stream, at.z_period]
        (held,) = np.nonzero(share > 0)
        model.add_terms(rows[limit, at.z_api[held], at.z_period[held]], at.z[held], share[held])
    return rows


def warm_links(model: Linear, program: Program, bounds: Bounds, at: Layout) -> None:
    """An open pool has its fewest replicas, a closed one none: max(min, least[k] + spare)·u[k,t] <= n[k,t] <= N[k,t]·u[k,t]."""
    k, t = np.nonzero(at.warm >= 0)
    where = ((program.pools.name, k), (program.periods, t))
    for name, sign, coefficient in (
        ("closed", 1.0, bounds.replicas[k, t]),
        ("fewest", -1.0, least_open(program)[k]),
    ):
        rows = model.add_rows(len(k), -np.inf, 0, names=labels(name, *where))
        model.add_terms(rows, at.n[k, t], sign)
        model.add_terms(rows, at.warm[k, t], -sign * coefficient)


def one_size(model: Linear, program: Program, at: Layout) -> None:
    """A pool has one of its sizes in a period: Σ_{k in f} u[k,t] <= 1, where spares depend on all its replicas."""
    if not program.one_size:
        return
    k, t = np.nonzero(at.warm >= 0)
    pairs = np.stack([program.pools.family[k], t])
    _, first, of, count = np.unique(pairs, axis=1, return_index=True, return_inverse=True, return_counts=True)
    of, several = of.reshape(-1), count > 1
    rows = np.full(len(first), -1, dtype=np.int64)
    names = labels("one_size", (program.pools.name, k[first[several]]), (program.periods, t[first[several]]))
    rows[several] = model.add_rows(int(several.sum()), -np.inf, 1, names=names)
    held = several[of]
    model.add_terms(rows[of[held]], at.warm[k[held], t[held]], 1)


def operated_links(model: Linear, program: Program, bounds: Bounds, at: Layout) -> None:
    """A pool with replicas is operated: n[k,t] <= N[k,t]·y[f(k)], and with u, u[k,t] <= y[f(k)]."""
    if not (at.y >= 0).any():
        return
    links = (("operated", at.n, bounds.replicas), ("operated_warm", at.warm, np.ones_like(bounds.replicas)))
    for name, ids, most in links:
        k, t = np.nonzero((ids >= 0) & (at.y >= 0)[:, None])
        rows = model.add_rows(len(k), -np.inf, 0, names=labels(name, (program.pools.name, k), (program.periods, t)))
        model.add_terms(rows, ids[k, t], 1)
        model.add_terms(rows, at.y[k], -most[k, t].astype(float))


def max_pools(model: Linear, program: Program, at: Layout) -> Ints:
    """Number of pools: Σ_f y[f] <= max_pools."""
    if program.max_pools is None:
        return np.full(1, -1, dtype=np.int64)
    rows = model.add_rows(1, -np.inf, program.max_pools, names=lambda: ["max_pools"])
    model.add_terms(rows, np.unique(at.y[at.y >= 0]), 1)
    return rows


def averages(model: Linear, program: Program, bounds: Bounds, at: Layout) -> Ints:
    """Worth on average: Σ_t w[t]·(Σ_{r,k} worth[r,k]·ρ[r,t]·x[r,k,t] + Σ_{r,a} worth[r,a]·ρ[r,t]·z[r,a,t]) >= 0.

    In shares of the calls that there may be at most, so that rows of rare and frequent streams look alike to a solver.
    """
    rows = model.add_rows(
        len(program.averages), 0, np.inf, names=lambda: [label("average", one.name) for one in program.averages]
    )
    for row, one in zip(rows.tolist(), program.averages, strict=True):
        place = np.full(len(program.streams), -1, dtype=np.int64)
        place[one.streams] = np.arange(len(one.streams))
        calls = counted_calls(program, bounds, one)
        for worth, ids, r, where, t in (
            (one.pools, at.x, at.x_stream, at.x_pool, at.x_period),
            (one.apis, at.z, at.z_stream, at.z_api, at.z_period),
        ):
            (mine,) = np.nonzero(place[r] >= 0)
            model.add_terms(row, ids[mine], worth[place[r[mine]], where[mine]] * calls[place[r[mine]], t[mine]])
    return rows


def seller_links(model: Linear, program: Program, bounds: Bounds, at: Layout) -> None:
    """A seller of whom machines are held is used: m[o,t] <= M[o,t]·s[q(o)]; a commitment once, by its most of all periods."""
    o, t = np.nonzero((at.m >= 0) & (at.s >= 0)[:, None])
    _, first = np.unique(at.m[o, t], return_index=True)
    o, t = o[first], t[first]
    most = np.where(program.purchases.committed[o], bounds.machines[o].max(axis=1, initial=0), bounds.machines[o, t])
    names = labels("seller", (program.purchases.name, o), (program.periods, t))
    rows = model.add_rows(len(o), -np.inf, 0, names=names)
    model.add_terms(rows, at.m[o, t], 1)
    model.add_terms(rows, at.s[o], -most.astype(float))


def max_sellers(model: Linear, program: Program, at: Layout) -> None:
    """Number of sellers: Σ_q s[q] <= max_sellers."""
    if program.sellers is None:
        return
    rows = model.add_rows(1, -np.inf, program.sellers.most, names=lambda: ["max_sellers"])
    model.add_terms(rows, np.unique(at.s[at.s >= 0]), 1)


def spend(model: Linear, program: Program, at: Layout) -> Ints:
    """Machines under committed spend draw no more than that: Σ_o draw[o]·m[o,t] <= C[c], in each period in which it lasts."""
    columns = program.spend
    if columns is None:
        return np.zeros((0, len(program.hours)), dtype=np.int64)
    rows = np.full(columns.active.shape, -1, dtype=np.int64)
    c, t = np.nonzero(columns.active)
    rows[c, t] = model.add_rows(len(c), -np.inf, 0, names=labels("spend", (columns.name, c), (program.periods, t)))
    model.add_terms(rows[c, t], at.c[c], -1)
    o, t = np.nonzero((at.m >= 0) & (columns.of >= 0)[:, None])
    model.add_terms(rows[columns.of[o], t], at.m[o, t], columns.draw[o])
    return rows


def ramps(model: Linear, program: Program, at: Layout) -> Ints:
    """Replicas that start are paid: Σ_{k in f} c[k]·(n[k,after p] − n[k,before p]) <= r[f,p]."""
    scaling, cost, (first, of) = program.scaling, start_costs(program), families(program)
    held = at.ramps[first]
    f, p = np.nonzero(held >= 0)
    made = np.full(held.shape, -1, dtype=np.int64)
    where = ((program.periods, scaling.before[p]), (program.periods, scaling.after[p]))
    made[f, p] = model.add_rows(len(f), -np.inf, 0, names=labels("ramp", (program.pools.name, first[f]), *where))
    model.add_terms(made[f, p], held[f, p], -1)
    rows = made[of]
    for periods, sign in ((scaling.after, 1.0), (scaling.before, -1.0)):
        k, p = np.nonzero((rows >= 0) & (at.n[:, periods] >= 0))
        model.add_terms(rows[k, p], at.n[k, periods[p]], sign * cost[k])
    return rows


def ready(model: Linear, program: Program, bounds: Bounds, at: Layout) -> Ints:
    """Replicas carry the growth that comes before others answer, where calls grow from a = before p to b = after p.

    Σ_{k in f} (1 − lag)·Σ_r D[j,r,k]·ρ[r,a]·x[r,k,a] + lag·Σ_r D[j,r,k]·ρ[r,b]·x[r,k,b] <= Σ_{k in f} n[k,a] − spare[k]·u[k,a],
    over the streams that may not be moved in time: movable ones wait.
    """
    scaling, (first, of) = program.scaling, families(program)
    made = np.full((len(program.resources), len(first), len(scaling.times)), -1, dtype=np.int64)
    f, p = np.nonzero(grows(program, bounds))
    where = ((program.periods, scaling.before[p]), (program.periods, scaling.after[p]))
    waits = program.movable[at.x_stream]
    for j, name in enumerate(program.resources):
        names = labels("ready", ((name,), np.zeros_like(f)), (program.pools.name, first[f]), *where)
        made[j, f, p] = model.add_rows(len(f), -np.inf, 0, names=names)
        rows = made[j][of]
        load = program.pools.demand[j, at.x_stream, at.x_pool] * bounds.rate[at.x_stream, at.x_period]
        for change in range(len(scaling.times)):
            for period, share in ((scaling.before, 1.0 - scaling.lag), (scaling.after, scaling.lag)):
                (x,) = np.nonzero((at.x_period == period[change]) & (rows[at.x_pool, change] >= 0) & ~waits)
                model.add_terms(rows[at.x_pool[x], change], at.x[x], share[at.x_pool[x]] * load[x])
        k, q = np.nonzero((rows >= 0) & (at.n[:, scaling.before] >= 0))
        model.add_terms(rows[k, q], at.n[k, scaling.before[q]], -1)
        u = at.warm[k, scaling.before[q]]
        kept = (program.pools.spare[k] > 0) & (u >= 0)
        model.add_terms(rows[k, q][kept], u[kept], program.pools.spare[k[kept]])
    return made[:, of]
