"""Which variables a program has, and where they stand in the model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from planner.optimize.program import Floats, Ints, SpendColumns


@dataclass(frozen=True, eq=False)
class Layout:
    """Ids of every variable; −1 where there is none."""

    x_stream: Ints
    """[X] Stream of each route."""
    x_pool: Ints
    """[X] Pool of each route."""
    x_period: Ints
    """[X] Period of each route."""
    x: Ints
    """[X] Share of the stream's calls on that route."""
    z_stream: Ints
    """[Z] Stream of each API route."""
    z_api: Ints
    """[Z] API of each API route."""
    z_period: Ints
    """[Z] Period of each API route."""
    z: Ints
    """[Z] Share of the stream's calls on that API route."""
    n: Ints
    """[K, T] Replicas."""
    warm: Ints
    """[K, T] Whether the pool is open in that period; only where spares or a minimum ask for it."""
    y: Ints
    """[K] Whether the pool is operated at all; only where pools cost or are limited."""
    m: Ints
    """[O, T] Machines held; one variable for all periods of a commitment."""
    v: Ints
    """[W] Whether a way is taken."""
    s: Ints
    """[O] Whether the seller of a purchase is used; only where the number of sellers is limited."""
    c: Ints
    """[C] Spend committed to."""
    spend: SpendColumns | None
    """What draws on it."""
    ramps: Ints
    """[K, P] Dollars paid where replicas start at a change of period; one variable for all columns of a family."""
    already: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """[0 or 1] 1: stands for what is paid whatever is chosen."""
    worst: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """[0 or 1] Cost of the dearest scenario, where that is minimized."""
    by_scenario: Floats | None = None
    """[S, V] What each variable before it costs in each scenario."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Ids of the rows whose duals price a pool; −1 where there is none."""

    resources: Ints
    """[J, K, T] Resources of pools."""
    demand: Ints
    """[R, T] Served calls; one row for all periods of a movable stream."""
    one_way: Ints
    """[G] One way each."""
    packing: Ints
    """[I, T] Replicas within machines."""
    gpu_limits: Ints
    """[L, T] Quotas."""
    power: Ints
    """[T] Power."""
    budget: Ints
    """[1] Budget."""
    api_limits: Ints
    """[L, A, T] Limits of API accounts."""
    max_pools: Ints
    """[1] Number of pools."""
    averages: Ints
    """[Q] What must hold on average."""
    covers: Ints
    """[C] Rounded coverage."""
    machine_limits: Ints
    """[M, T] What machines take of sites."""
    average_limits: Ints
    """[A] What machines take on average."""
    spend: Ints
    """[C, T] What is drawn within what is committed."""
    ramps: Ints
    """[K, P] Starts of replicas; one row for all columns of a family."""
    ready: Ints
    """[J, K, P] Growth that the replicas there are must carry; one row for all columns of a family."""
    worst: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """[S] Costs of scenarios within that of the dearest."""
