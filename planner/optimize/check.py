"""Refuse a program that breaks its contract: a mistake of the caller's code, not of a user."""

from __future__ import annotations

import numpy as np

from planner.optimize.program import Floats, Program, SpendColumns


def check(program: Program) -> None:
    """Raise ValueError naming the first broken rule."""
    for holds, rule in (
        *_shapes(program),
        *_numbers(program),
        (_packing_exact(program), "replica sizes of a cell must form a chain of divisors with its machine's size"),
    ):
        if not holds:
            message = f"program: {rule}"
            raise ValueError(message)


def _shapes(program: Program) -> tuple[tuple[bool, str], ...]:
    R, T, J = len(program.streams), len(program.periods), len(program.resources)
    K, C, B, A = (len(part.name) for part in (program.pools, program.cells, program.purchases, program.apis))
    shapes = {
        "hours": (program.hours, (T,)),
        "rate": (program.rate, (R, T)),
        "movable": (program.movable, (R,)),
        "pools.cell": (program.pools.cell, (K,)),
        "pools.gpus": (program.pools.gpus, (K,)),
        "pools.demand": (program.pools.demand, (J, R, K)),
        "pools.call_cost": (program.pools.call_cost, (R, K)),
        "pools.least": (program.pools.least, (K,)),
        "pools.spare": (program.pools.spare, (K,)),
        "pools.most": (program.pools.most, (K,)),
        "pools.family": (program.pools.family, (K,)),
        "pools.sold": (program.pools.sold, (K,)),
        **({} if program.pools.opening is None else {"pools.opening": (program.pools.opening, (K,))}),
        "cells.gpus": (program.cells.gpus, (C,)),
        "cells.power": (program.cells.power, (C,)),
        "cells.boards": (program.cells.counted, (C,)),
        "purchases.cell": (program.purchases.cell, (B,)),
        "purchases.hourly": (program.purchases.hourly, (B,)),
        "purchases.committed": (program.purchases.committed, (B,)),
        "purchases.active": (program.purchases.active, (B, T)),
        "purchases.limit": (program.purchases.limit, (B,)),
        "apis.call_cost": (program.apis.call_cost, (R, A)),
        "apis.limits": (program.apis.limits, (len(program.apis.limits), R, A)),
        **({} if program.purchases.held is None else {"purchases.held": (program.purchases.held, (B,))}),
        **({} if program.scenario is None else {"scenario": (program.scenario, (T,))}),
        **({} if program.standing is None else {"standing": (program.standing, (T,))}),
        **{limit.name: (limit.purchases, (B,)) for limit in program.gpu_limits},
        **{limit.name: (limit.each, (B,)) for limit in program.machine_limits},
        **{limit.name: (limit.each, (B, T)) for limit in program.average_limits},
        **({} if program.purchases.extra is None else {"purchases.extra": (program.purchases.extra, (B, T))}),
        **({} if program.spend is None else _spend_shapes(program.spend, B, T)),
        **({} if program.sellers is None else {"sellers.seller": (program.sellers.seller, (B,))}),
        **{f"{one.name}.pools": (one.pools, (len(one.streams), K)) for one in program.averages},
        **{f"{one.name}.apis": (one.apis, (len(one.streams), A)) for one in program.averages},
    }
    return tuple((a.shape == shape, f"{name} must have shape {shape}, not {a.shape}") for name, (a, shape) in shapes.items())


def _spend_shapes(spend: SpendColumns, purchases: int, periods: int) -> dict[str, tuple[np.ndarray, tuple[int, ...]]]:
    C = len(spend.name)
    return {
        "spend.of": (spend.of, (purchases,)),
        "spend.draw": (spend.draw, (purchases,)),
        "spend.owed": (spend.owed, (C,)),
        "spend.active": (spend.active, (C, periods)),
        "spend.most": (spend.most, (C,)),
    }


def _numbers(program: Program) -> tuple[tuple[bool, str], ...]:
    pools, cells, buy, apis = program.pools, program.cells, program.purchases, program.apis
    return (
        (len(program.resources) > 0, "replicas must have a resource"),
        (len(program.hours) > 0 and bool((program.hours > 0).all()), "periods must have hours"),
        (bool((np.isfinite(program.rate) & (program.rate >= 0)).all()), "rates must be finite and not negative"),
        (bool((pools.demand >= 0).all() and (pools.call_cost >= 0).all()), "demands and call costs must not be negative"),
        (bool((np.isfinite(buy.hourly) & (buy.hourly >= 0)).all()), "machine prices must be finite and not negative"),
        (bool((buy.limit >= 0).all()), "limits must not be negative"),
        (buy.held is None or bool(((buy.held >= 0) & (buy.held <= buy.limit)).all()), "machines held must be within their limit"),
        (program.standing is None or bool((program.standing >= 0).all()), "what is paid in any case must not be negative"),
        (bool(buy.active.any(axis=1).all()), "machines must be there in some period"),
        (bool((np.isfinite(apis.limits) & (apis.limits >= 0)).all()), "shares of API limits must be finite and not negative"),
        (bool((apis.call_cost >= 0).all()), "API prices must not be negative"),
        (bool((pools.least > 0).all()), "an open pool must have a replica"),
        (bool((pools.gpus > 0).all() and (cells.gpus > 0).all()), "replicas and machines must have accelerators"),
        (bool((np.isfinite(cells.power) & (cells.power >= 0)).all()), "power must be finite and not negative"),
        (bool(np.isin(pools.cell, np.arange(len(cells.name))).all()), "pools must be in a cell"),
        (bool(np.isin(buy.cell, np.arange(len(cells.name))).all()), "purchases must be in a cell"),
        (bool(np.isfinite(program.pool_cost) and program.pool_cost >= 0), "pool cost must be finite and not negative"),
        (all(np.isfinite(a).all() for one in program.averages for a in (one.pools, one.apis)), "worths must be finite"),
        (all(_finite(limit.each) for limit in program.machine_limits), "machines must take finite parts of sites"),
        (all(_finite(limit.each) for limit in program.average_limits), "what machines take on average must be finite"),
        (buy.extra is None or _finite(buy.paid), "machines must not earn money in any period"),
        (program.scenario is None or not len(program.scaling.times), "starts that cost something belong to no scenario"),
        (program.min_replicas >= 0 and bool((pools.spare >= 0).all()), "replica numbers must not be negative"),
        (pools.spare.shape != pools.sold.shape or not pools.spare[pools.sold].any(), "what a seller operates has no spares"),
    )


def _finite(each: Floats) -> bool:
    return bool((np.isfinite(each) & (each >= 0)).all())


def _packing_exact(program: Program) -> bool:
    """Whether each size divides the next larger one, the machine's own included (see `constraints.packing`)."""
    pairs = np.unique(np.stack([program.pools.cell, program.pools.gpus]), axis=1)
    for cell in np.unique(pairs[0]):
        machine = program.cells.gpus[cell]
        sizes = pairs[1, pairs[0] == cell]
        chain = np.sort(np.append(sizes[sizes <= machine], machine))
        if (chain[1:] % chain[:-1]).any() or (sizes[sizes > machine] % machine).any():
            return False
    return True
