"""Prices of starts and of being ready, for the bound.

A start pays q·max(0, x), x the dollars of the replicas added at a change of period. For any 0 <= δ <= q that is at least δ·x,
which is linear in replicas: one in the period after costs c·δ more, one in the period before c·δ less. δ belongs to a family,
since x sums over its columns. Pools outside the linear program get the same share of q as those in it on average; where a replica
would then pay to be had, less. Any such δ proves a bound; these make it sharp.

A row of readiness at price ω >= 0 charges the calls of a pool ω·(1 − lag)·D before a change and ω·lag·D after it, and pays its
carrying replicas ω before it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from planner.optimize.layout import Rows
from planner.optimize.program import Floats, Ints, Program
from planner.optimize.ramps import families, shares, start_costs

Fee = Callable[[Ints], Floats]


def change_prices(
    program: Program, rows: Rows, fee: Fee, known: Ints, packing: Floats, dollar: float
) -> tuple[Floats | None, Floats | None]:
    """Return the prices of starts [K, P] and of being ready [J, K, P]; None where nothing depends on other periods.

    Parameters
    ----------
    program : all pools
    rows : of a linear program over the `known` pools
    fee : dual of rows, made safe
    packing : [I, T] price of an accelerator [$/h]
    dollar : what a dollar counts
    """
    if not len(program.scaling.times):
        return None, None
    ready = np.zeros((len(program.resources), len(program.pools.name), len(program.scaling.times)))
    if (rows.ready >= 0).any():
        ready = _by_family(program, known, fee(rows.ready))
    return _start_prices(program, fee(rows.ramps), known, packing, dollar), ready


def _by_family(program: Program, known: Ints, values: Floats) -> Floats:
    """[…, K, P] Give the prices of known pools [P′] to all columns of their families; none to others."""
    first, of = families(program)
    held = np.zeros((*values.shape[:-2], len(first), values.shape[-1]))
    held[..., of[known], :] = values
    return held[..., of, :]


def _start_prices(program: Program, found: Floats, known: Ints, packing: Floats, dollar: float) -> Floats:
    """[K, P] δ: as found for the families in the linear program, in the usual share of q for others; no replica pays."""
    most = dollar * shares(program)
    first, of = families(program)
    inside = np.zeros(len(first), dtype=bool)
    inside[of[known]] = True
    priced = found[found.any(axis=1)]
    usual = priced.mean(axis=0) if len(priced) else np.zeros(len(most))
    price = np.where(inside[of][:, None], _by_family(program, known, found), usual)
    price = np.clip(price, 0.0, most)
    return price * _damping(program, price, packing)[:, None]


def _damping(program: Program, price: Floats, packing: Floats) -> Floats:
    """[K] The largest factor up to 1 with which no replica of a family pays to be had."""
    machines = program.pools.gpus[:, None] * packing[program.pools.cell]
    gain = np.maximum(-started(program, price), 0.0)
    least = np.divide(machines, gain, out=np.ones_like(machines), where=gain > 0).min(axis=1, initial=1.0)
    first, of = families(program)
    held = np.ones(len(first))
    np.minimum.at(held, of, least)
    return held[of]


def started(program: Program, price: Floats | None) -> Floats:
    """[K, T] What a replica in a period pays for its start, less what it spares the next, at prices δ [K, P] [$/h]."""
    slope = np.zeros((len(program.pools.name), len(program.hours)))
    if price is not None:
        worth = start_costs(program)[:, None] * price
        np.add.at(slope.T, program.scaling.after, worth.T)
        np.add.at(slope.T, program.scaling.before, -worth.T)
    return slope


def ready_charges(program: Program, price: Floats, pools: Ints, t: int) -> tuple[Floats, Floats]:
    """Return what a period's load is charged [J, k] and a carrying replica paid [k], from prices ω [J, k, P]."""
    scaling, lag = program.scaling, program.scaling.lag[pools]
    before = price[:, :, scaling.before == t].sum(axis=2)
    after = price[:, :, scaling.after == t].sum(axis=2)
    return (1.0 - lag) * before + lag * after, before.sum(axis=0)
