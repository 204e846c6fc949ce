"""What the optimizer is given: a purely numerical description of the choice to make.

Nothing here knows models or GPUs. Streams r, pools k, resources j, periods t, cells i, purchases o, APIs a.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PoolColumns:
    """Pools that could be opened; one column each."""

    name: tuple[str, ...]
    """[K] Unique, readable, safe in an LP file."""
    cell: Ints
    """[K] The cell whose machines its replicas run on."""
    gpus: Ints
    """[K] Accelerators of one replica; divides the cell's machine, or is a multiple of it."""
    demand: Floats
    """[J, R, K] Share of one replica's resource j that 1 call/s of stream r takes [s]; inf where r may not use k."""
    call_cost: Floats
    """[R, K] Expected price of missed soft targets per call [$]."""
    least: Ints
    """[K] Fewest replicas that carry load while it is open, at least 1: what its demand takes for granted."""
    family: Ints
    """[K] Pools of one number are one pool at other replica counts: operated together, counted once."""


@dataclass(frozen=True, eq=False)
class CellColumns:
    """Places where replicas can run: one machine shape of one seller in one region, interruptible or not."""

    name: tuple[str, ...]
    """[I] Unique, readable."""
    gpus: Ints
    """[I] Accelerators of one machine."""
    power: Floats
    """[I] Draw of one machine, host included [W]."""


@dataclass(frozen=True, eq=False)
class PurchaseColumns:
    """Ways to pay for the machines of a cell."""

    name: tuple[str, ...]
    """[O] Unique, readable."""
    cell: Ints
    """[O] Cell whose machines it provides."""
    hourly: Floats
    """[O] Cost of one machine [$/h]."""
    committed: Bools
    """[O] Whether the number is the same in all periods and paid in all."""
    limit: Floats
    """[O] Most machines to be had; inf if any number."""


@dataclass(frozen=True, eq=False)
class ApiColumns:
    """APIs that could answer calls."""

    name: tuple[str, ...]
    """[A] Unique, readable."""
    call_cost: Floats
    """[R, A] Price per call, expected soft misses included [$]; inf where the stream may not use it."""
    rate_limit: Floats
    """[A] Most calls per second; inf if none."""


@dataclass(frozen=True, eq=False)
class GpuLimit:
    """Σ over the chosen purchases of machines × GPUs may not exceed `gpus` in any period."""

    name: str
    """Where it comes from, as a YAML path: `limits.quotas[0]`."""
    purchases: Bools
    """[O] Which purchases count."""
    gpus: float
    """The limit."""


@dataclass(frozen=True, eq=False)
class Program:
    """The whole choice. Costs are averaged over the cycle of periods: [$/h]."""

    streams: tuple[str, ...]
    """[R] Names."""
    periods: tuple[str, ...]
    """[T] Names."""
    hours: Floats
    """[T] Length of each period [h]."""
    rate: Floats
    """[R, T] Calls per second to be served [1/s]."""
    movable: Bools
    """[R] Whether only the total over the cycle must be served."""
    resources: tuple[str, ...]
    """[J] Names of the additive resources of a replica."""
    pools: PoolColumns
    """Pools that could be opened."""
    cells: CellColumns
    """Places for replicas."""
    purchases: PurchaseColumns
    """Ways to pay."""
    apis: ApiColumns
    """APIs."""
    gpu_limits: tuple[GpuLimit, ...] = ()
    """Quotas and totals."""
    budget: float = np.inf
    """Most average cost [$/h]."""
    power: float = np.inf
    """Most power in any period [W]."""
    min_replicas: int = 1
    """Fewest replicas of an open pool, while it is open."""
    spare_replicas: int = 0
    """Replicas of an open pool beyond those that carry load."""
    pool_cost: float = 0.0
    """Cost of having a pool open, whatever its size [$/h]."""
    max_pools: int | None = None
    """Most pools open."""

    def operated(self, replicas: Floats | Ints) -> int:
        """Return how many pools have a replica in any period, from replicas [K, T]; a family counts once."""
        return len(np.unique(self.pools.family[(replicas > 0).any(axis=1)]))


@dataclass(frozen=True, eq=False)
class Shadow:
    """What a relaxation says things are worth; any pool not in the program can be judged by it."""

    bound: float
    """Lower bound these prices prove over the program's pools [$/h]."""
    streams: Floats
    """[R, T] Worth of serving all of a stream in a period [$/h]."""
    calls: Floats
    """[R, T] Worth of serving 1 call/s of a stream in a period [$/h]."""
    gpus: Floats
    """[I, T] Worth of an accelerator of a cell in a period [$/h]."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the optimizer found, with its proof."""

    termination: str
    """`optimal` (gap reached), `feasible` (limit reached, plan found), `infeasible`, `no_solution` (limit, no plan)."""
    objective: float
    """Average cost of the plan [$/h]."""
    bound: float
    """No plan costs less than this [$/h]."""
    flow: Floats
    """[R, K, T] Calls per second of stream r on pool k."""
    api_flow: Floats
    """[R, A, T] Calls per second of stream r to API a."""
    replicas: Ints
    """[K, T] Replicas, spares included."""
    machines: Ints
    """[O, T] Machines held."""
    solver: str
    """Which solver, with its version."""
    considered: int
    """Pool columns before proofs removed any."""
    kept: int
    """Pool columns in the final program."""
    shadow: Shadow
    """Prices that prove a bound, for pools that the program did not hold."""

    @property
    def gap(self) -> float:
        """(objective − bound)/objective, 0 for a free plan [1]."""
        return (self.objective - self.bound) / self.objective if self.objective > 0 else 0.0
