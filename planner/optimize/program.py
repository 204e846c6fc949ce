"""What the optimizer is given: a purely numerical description of the choice to make.

Nothing here knows models or GPUs. Streams r, pools k, resources j, periods t, cells i, purchases o, APIs a, ways w.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


ANY = int(np.iinfo(np.int32).max)
"""More replicas than anything holds."""


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
    spare: Ints
    """[K] Replicas beyond those that carry load while it is open; 0 of what a seller operates."""
    most: Ints
    """[K] Most replicas, spares included: as many as its spares suffice for; `ANY` if any number."""
    family: Ints
    """[K] Pools of one number are one pool at other replica counts: operated together, counted once."""
    sold: Bools
    """[K] Whether it is throughput sold in units, which a seller operates: no spare, minimum or pool cost is asked of it."""
    opening: Floats | None = None
    """[K] Cost of having it beside the pool cost, of setting up what does not run today; equal in a family [$/h]; None = 0."""


@dataclass(frozen=True, eq=False)
class CellColumns:
    """Places where replicas can run: one machine shape of one seller in one region, interruptible or not."""

    name: tuple[str, ...]
    """[I] Unique, readable."""
    gpus: Ints
    """[I] Accelerators of one machine."""
    power: Floats
    """[I] Draw of one machine, host included [W]."""
    boards: Ints | None = None
    """[I] Accelerators of one machine as quotas count them; None = `gpus`. Fewer where boards are cut into parts."""

    @property
    def counted(self) -> Ints:
        """[I] Accelerators of one machine as quotas count them."""
        return self.gpus if self.boards is None else self.boards


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
    """[O] Whether the number is the same in all periods in which they are there, and paid in all of them."""
    active: Bools
    """[O, T] In which periods its machines are there: from when they are delivered to the end of the term."""
    limit: Floats
    """[O] Most machines to be had; inf if any number."""
    extra: Floats | None = None
    """[O, T] What one machine costs in each period beside `hourly` [$/h], energy by hour and carbon; None = nothing."""
    held: Floats | None = None
    """[O] Machines that are held in any case while they are there, at most `limit`; None = none."""

    @property
    def paid(self) -> Floats:
        """[O, T] What one machine costs in each period [$/h]; [O, 1] where all are alike."""
        return self.hourly[:, None] if self.extra is None else self.hourly[:, None] + self.extra

    @property
    def fewest(self) -> Floats:
        """[O, T] Fewest machines: those held in any case."""
        least = np.zeros(len(self.name)) if self.held is None else self.held
        fewest: Floats = np.where(self.active, least[:, None], 0.0)
        return fewest


@dataclass(frozen=True, eq=False)
class ApiColumns:
    """APIs that could answer calls."""

    name: tuple[str, ...]
    """[A] Unique, readable."""
    call_cost: Floats
    """[R, A] Price per call, expected soft misses included [$]; inf where the stream may not use it."""
    limits: Floats
    """[L, R, A] Share of each limit of the account that 1 call/s of stream r takes; 0 where none binds it [s]."""


@dataclass(frozen=True, eq=False)
class WayColumns:
    """Ways to serve: each group takes exactly one of its own. A way says how many calls each stream then makes.

    A stream used by ways belongs to one group, and makes no calls under ways that do not name it.
    """

    name: tuple[str, ...]
    """[W] Unique, readable."""
    group: Ints
    """[W] Group: 0, 1, 2 …, each with at least one way."""
    cost: Floats
    """[W] Average cost of having taken it, whatever pools serve it [$/h]."""
    user: Ints
    """[U] The way of each use."""
    stream: Ints
    """[U] The stream that it uses."""
    rate: Floats
    """[U, T] Calls per second that the stream then makes [1/s]."""

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.group.max(initial=-1)) + 1


@dataclass(frozen=True, eq=False)
class Average:
    """Something that must not be negative on average over the calls of some streams, such as quality above its floor."""

    name: str
    """Unique, readable."""
    streams: Ints
    """[S] The streams whose calls count."""
    pools: Floats
    """[S, K] What a call of each stream is worth on each pool; any number where it may not use it."""
    apis: Floats
    """[S, A] The same at APIs."""
    most: Floats
    """[S] The most it could be worth on a pool not among the columns."""


_NONE = np.zeros(0, dtype=np.int64)

NO_WAYS = WayColumns((), _NONE, np.zeros(0), _NONE, _NONE, np.zeros((0, 1)))
"""Every stream makes its calls in any case."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """How replicas follow demand from period to period, and what each start takes; units sold start at once."""

    before: Ints
    """[P] A period …"""
    after: Ints
    """[P] … that this other one follows."""
    times: Floats
    """[P] How often in a cycle."""
    hours: Floats
    """[K] For how long a replica started is paid beside the periods in which it is needed [h]."""
    lag: Floats
    """[K] Share of the growth to the next period that comes before new replicas answer; 0 where they start ahead [1]."""

    def over(self, keep: Ints) -> Scaling:
        """Take only some pools."""
        return self if not len(self.times) else replace(self, hours=self.hours[keep], lag=self.lag[keep])

    def during(self, kept: Bools) -> Scaling:
        """Take only some periods [T]."""
        inside = kept[self.before] & kept[self.after]
        if not inside.any():
            return NO_SCALING
        number = np.cumsum(kept) - 1
        before, after = number[self.before[inside]], number[self.after[inside]]
        return replace(self, before=before, after=after, times=self.times[inside])


NO_SCALING = Scaling(_NONE, _NONE, np.zeros(0), np.zeros(0), np.zeros(0))
"""Replicas follow demand at once and free of charge."""


@dataclass(frozen=True, eq=False)
class GpuLimit:
    """Σ over the chosen purchases of machines × GPUs, as quotas count them, may not exceed `gpus` in any period."""

    name: str
    """Where it comes from, as a YAML path: `limits.quotas[0]`."""
    purchases: Bools
    """[O] Which purchases count."""
    gpus: float
    """The limit."""


@dataclass(frozen=True, eq=False)
class MachineLimit:
    """Σ_o each[o]·machines[o] may not exceed `most` in any period: power of a site, heat to be cooled away, racks."""

    name: str
    """Where it comes from, as a YAML path: `limits.sites[0].power`."""
    each: Floats
    """[O] What one machine takes; 0 where it does not count."""
    most: float
    """The limit."""


@dataclass(frozen=True, eq=False)
class AverageLimit:
    """Σ_t w[t]·Σ_o each[o,t]·machines[o,t] may not exceed `most`: carbon, averaged over the cycle."""

    name: str
    """Where it comes from, as a YAML path: `limits.carbon`."""
    each: Floats
    """[O, T] What one machine takes in each period."""
    most: float
    """The limit."""


@dataclass(frozen=True, eq=False)
class SellerLimit:
    """Machines come from so many sellers at most, over all periods together."""

    seller: Ints
    """[O] Number of the seller of each purchase: 0, 1, 2 …; −1 where none counts, as of machines of one's own."""
    most: int
    """The limit."""

    @property
    def count(self) -> int:
        """How many sellers there are."""
        return int(self.seller.max(initial=-1)) + 1


@dataclass(frozen=True, eq=False)
class SpendColumns:
    """Commitments to spend so much an hour, on which purchases draw that cost nothing else."""

    name: tuple[str, ...]
    """[C] Unique, readable."""
    of: Ints
    """[O] The commitment that a purchase draws on; −1 for none."""
    draw: Floats
    """[O] What one machine draws [$/h]."""
    owed: Floats
    """[C] What is paid over what lies within the horizon; 0 = paid for already [1]."""
    active: Bools
    """[C, T] In which periods it lasts."""
    most: Floats
    """[C] Most to commit to; inf if any amount [$/h]."""


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
    """[R, T] Calls per second to be served; the most that any way asks for where ways use the stream [1/s]."""
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
    one_size: bool = False
    """Whether of the pools of a family one is open at a time: spares that suffice for each may not suffice for them together."""
    pool_cost: float = 0.0
    """Cost of having a pool open, whatever its size [$/h]."""
    max_pools: int | None = None
    """Most pools open."""
    ways: WayColumns = NO_WAYS
    """Ways to serve."""
    averages: tuple[Average, ...] = ()
    """What must hold on average."""
    machine_limits: tuple[MachineLimit, ...] = ()
    """What machines take of sites."""
    average_limits: tuple[AverageLimit, ...] = ()
    """What machines take on average over the cycle."""
    standing: Floats | None = None
    """[T] What is paid in each period whatever is chosen, for what was committed to before [$/h]; None = nothing."""
    sellers: SellerLimit | None = None
    """Most sellers of machines; None where any number will do."""
    spend: SpendColumns | None = None
    """Commitments to spend; None where there are none."""
    scaling: Scaling = NO_SCALING
    """What following demand takes."""
    scenario: Ints | None = None
    """[T] Number of the scenario of each period, where the cost of the dearest is minimized; None = the average cost is."""
    weight: Floats | None = None
    """[T] What a dollar an hour of each period counts in costs, Σ = 1; None = the period's share of all hours."""

    @property
    def counted(self) -> Floats:
        """[T] What a dollar an hour of each period counts in costs; limits on averages go by hours alone."""
        share: Floats = self.hours / self.hours.sum() if self.weight is None else self.weight
        return share

    @property
    def already(self) -> float:
        """What is paid whatever is chosen, averaged [$/h]."""
        if self.standing is None:
            return 0.0
        return float(self.standing @ self.hours / self.hours.sum() if self.weight is None else self.standing @ self.weight)

    @property
    def fixed(self) -> Bools:
        """[R] Streams that make their calls whatever way is taken."""
        own = np.ones(len(self.streams), dtype=bool)
        own[self.ways.stream] = False
        return own

    def asked(self, taken: Floats) -> Floats:
        """Return the calls per second [R, T] that streams make if ways are taken as far as `taken` [W] says."""
        ways = self.ways
        rate = np.where(self.fixed[:, None], self.rate, 0.0)
        np.add.at(rate, ways.stream, taken[ways.user, None] * ways.rate)
        return rate

    def along(self, taken: Bools) -> Program:
        """Return the choice that is left once ways are taken: no ways, their cost no longer counted."""
        return replace(self, rate=self.asked(taken.astype(float)), ways=NO_WAYS)

    def among(self, left: Bools) -> Program:
        """Return the choice among some ways; streams that none of them uses make no calls."""
        ways = self.ways
        column = np.cumsum(left) - 1
        used = left[ways.user]
        lean = WayColumns(
            name=tuple(name for name, kept in zip(ways.name, left, strict=True) if kept),
            group=np.unique(ways.group[left], return_inverse=True)[1].astype(np.int64).reshape(-1),
            cost=ways.cost[left],
            user=column[ways.user[used]].astype(np.int64),
            stream=ways.stream[used],
            rate=ways.rate[used],
        )
        asked = self.fixed.copy()
        asked[lean.stream] = True
        return replace(self, rate=np.where(asked[:, None], self.rate, 0.0), ways=lean)

    @property
    def operating(self) -> Floats:
        """[K] What having a pool costs, whatever its size: of one's own, operating it, and setting it up [$/h]."""
        own = np.full(len(self.pools.name), self.pool_cost) + (0.0 if self.pools.opening is None else self.pools.opening)
        cost: Floats = np.where(self.pools.sold, 0.0, own)
        return cost

    def operation(self, replicas: Floats | Ints) -> float:
        """Return what the pools with a replica in any period cost by being there, from replicas [K, T]; a family once [$/h]."""
        (used,) = np.nonzero((replicas > 0).any(axis=1))
        _, first = np.unique(self.pools.family[used], return_index=True)
        return float(self.operating[used[first]].sum())

    def operated(self, replicas: Floats | Ints) -> int:
        """Return how many pools of one's own have a replica in any period, from replicas [K, T]; a family counts once."""
        return len(np.unique(self.pools.family[(replicas > 0).any(axis=1) & ~self.pools.sold]))


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
    counted: Callable[[int, Floats], Floats]
    """(period, [B, R, n] calls per second of each stream that a replica serves at most, by several bounds) → [n] what cuts of
    rounded coverage pay for it besides [$/h]."""


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
    ways: Bools
    """[W] Ways taken."""
    solver: str
    """Which solver, with its version."""
    considered: int
    """Pool columns before proofs removed any."""
    kept: int
    """Pool columns in the final program."""
    shadow: Shadow
    """Prices that prove the bound of the relaxation, for pools that the program did not hold."""
    uncut: Shadow
    """The same without cuts of rounded coverage: a lower bound, of which other pools take less."""

    @property
    def gap(self) -> float:
        """(objective − bound)/objective, 0 for a free plan [1]."""
        return (self.objective - self.bound) / self.objective if self.objective > 0 else 0.0
