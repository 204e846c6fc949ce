"""Why two workloads, or stages, share a pool or have one each: the fewest replicas that hold either way, side by side.

The optimizer weighs streams by additive shares of a replica; here both ways are counted under the load as mixed, by the same
predictions as the plan's. The counts are of the two alone: what else a pool of the plan carries is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

from planner.demand.stream import Stream
from planner.domain.plan import Purchase
from planner.domain.plan_costs import Cost
from planner.domain.plan_pools import Pool
from planner.domain.problem import Operations
from planner.plan.basis import above
from planner.plan.costing import average_machine_cost, place_of_pool
from planner.plan.pool import replicas_of
from planner.plan.predict import Operation, Replicas
from planner.plan.solved import Columns, Solved, open_pools
from planner.plan.spares import spares_of
from planner.plan.strain import promised
from planner.supply.failures import Spares

MOST_PAIRS = 3
"""Pairs that are explained, those of the dearest workloads first: more would bury the other reasons."""

MOST_TIMES = 4
"""Replicas tried in one pool, as a multiple of those in two: beyond, how many it would take tells nobody anything. Of a pool for
one workload, as a multiple of all that the plan holds in the period."""

STEEPEST = 8.0
"""Excess over a limit from which no more is read about the replicas missing than that they are many [1]."""

BISECT = 3
"""Every so many steps of a count are a bisection, so that no curve can hold it up."""

Rates = Mapping[str, float]
"""Stream → calls per second at the whole pool [1/s]."""


@dataclass(frozen=True)
class Size:
    """A pool just large enough for its streams."""

    host: str
    """Pool of the plan whose deployment it has."""
    replicas: int
    """Fewest with which every limit and hard promise holds, spares included; if not enough, the most tried."""
    hourly: float
    """What they and running a pool cost [$/h]."""
    enough: bool
    """Whether that many do."""
    fewer: int
    """A count that does not do: what was guessed, or one less than does; 0 where a rule, not a promise, asks for so many."""
    binding: str
    """What is missed with those, in words."""


@dataclass(frozen=True)
class Pair:
    """Two workloads in one pool and apart, in the period when their pools are largest."""

    streams: tuple[str, str]
    """Names."""
    period: str
    """Name."""
    apart: tuple[Size, Size]
    """A pool for each."""
    together: Size
    """One pool for both, of the deployment on which that is cheaper."""
    common: bool
    """Whether some pool of the plan has calls of both."""
    shared: bool
    """Whether that is the pool with most calls of each."""
    planned: int | None
    """Replicas that the plan holds for them; None where their pools have other users too."""


@dataclass(frozen=True, eq=False)
class Host:
    """The deployment of a pool, as a place for any streams that may use it."""

    pool: Pool
    """Of the plan."""
    compile: Callable[[], Replicas]
    """Makes its replicas; done only for pools of pairs that are explained."""
    users: frozenset[str]
    """Streams that rules, quality floors and memory allow there; none where batches are static, which serve one stream each."""
    hourly: float
    """What the plan pays for the accelerators of a replica [$/h]."""
    operations: Operations
    """Minima and the cost of a pool."""
    spares: Spares
    """How many of its replicas carry load."""
    runs: dict[tuple[tuple[tuple[str, float], ...], int], Operation] = field(default_factory=dict)
    """How replicas run under loads looked at before."""

    @cached_property
    def replicas(self) -> Replicas:
        """Its replicas."""
        return self.compile()

    def size(self, rates: Rates, guess: int, most: int) -> Size:
        """Return the smallest pool for a load.

        Parameters
        ----------
        rates : the load
        guess : replicas that may do
        most : most that are tried, at least 1
        """
        found, rules = self._fewest(rates, min(max(guess, 1), most), most), self.operations
        working = found or most
        held = self.spares.around(working)
        count = max(held, rules.min_replicas)
        fewer = most if found is None else min(guess, working - 1) if count == held else 0
        binding = excess(self.run(rates, fewer), self.replicas)[1] if fewer else ""
        cost = count * self.hourly + rules.pool_cost
        return Size(self.pool.name, count, cost, found is not None, self.spares.around(fewer) if fewer else 0, binding)

    def run(self, rates: Rates, working: int) -> Operation:
        """Return how one of so many replicas runs under a load."""
        key = tuple(sorted(rates.items())), working
        if key not in self.runs:
            each = {name: rate / working for name, rate in rates.items()}
            self.runs[key] = self.replicas.operate(each, working)
        return self.runs[key]

    def _fewest(self, rates: Rates, guess: int, most: int) -> int | None:
        """Return the fewest replicas that carry a load within every promise; None if more than `most`.

        Latencies fall as replicas are added. Excess over a limit is nearly a power of the count, so the next count tried is
        where the line through the bracket, in logarithms, comes down to the limit.
        """
        low, high, step = (0, STEEPEST), (most + 1, 1.0 / STEEPEST), 0
        while high[0] - low[0] > 1:
            worst = excess(self.run(rates, guess), self.replicas)[0]
            step += 1
            low, high = (low, (guess, worst)) if not above(worst, 1.0) else ((guess, worst), high)
            guess = (low[0] + high[0]) // 2 if step % BISECT == 0 else _between(low, high, most)
        return high[0] if high[0] <= most else None


def _between(low: tuple[int, float], high: tuple[int, float], most: int) -> int:
    """Return the count to try next between one that is too small and one that is enough, each with its excess.

    Where one end has not been seen, excess is taken to be inverse to the count, as that of a load is.
    """
    (few, over), (many, under) = (low[0], min(low[1], STEEPEST)), (high[0], max(high[1], 1.0 / STEEPEST))
    if many > most:
        next_ = few * over
    elif few == 0:
        next_ = many * under
    else:
        next_ = few * (many / few) ** min(math.log(over) / max(math.log(over / under), 1e-12), 1.0)
    return min(max(math.ceil(next_), few + 1), many - 1)


def excess(operation: Operation, replicas: Replicas) -> tuple[float, str]:
    """Return the largest ratio of a value to its limit or hard promise, and say whose it is."""
    found = [(value, f"{name} is {_above(value)} its limit") for name, value in operation.strain.items()]
    for stream, target, value in promised(operation, replicas):
        ratio, name = value / target.seconds, f"{target.metric.upper()} p{target.percentile:g} of {stream}"
        found.append((ratio, f"{name} reaches {value * 1e3:,.0f} ms, {_above(ratio)} its promise"))
    return max(((math.inf if math.isnan(ratio) else ratio), what) for ratio, what in found)


def _above(ratio: float) -> str:
    return f"{ratio - 1.0:.1%} above" if ratio < 2.0 else f"{ratio:,.1f} times"


@dataclass(frozen=True)
class _Places:
    """Where a pair is counted."""

    streams: tuple[str, str]
    period: str
    apart: tuple[Host, Host]
    together: tuple[Host, ...]
    common: bool
    planned: int | None


def segment_reasons(solved: Solved, pools: Sequence[Pool], purchases: Sequence[Purchase], cost: Cost) -> Iterator[str]:
    """Yield why pairs of workloads share a pool or have one each, with the numbers of both ways."""
    pairs, more = pairs_of(solved, pools, purchases, cost)
    named = len(solved.search.problem.periods) > 1
    yield from (_shortened(sentence(pair, named), solved.search.streams) for pair in pairs)
    if more:
        what = "stages and workloads" if any(stream.stage for stream in solved.search.streams) else "workloads"
        yield f"Whether to share a pool was counted for the {len(pairs)} dearest pairs of {what}; {more} more could share one."


def _shortened(text: str, streams: Sequence[Stream]) -> str:
    """Name streams without the settings of levers, longer names first: they may begin with shorter ones."""
    for stream in sorted(streams, key=lambda one: -len(one.name)):
        text = text.replace(stream.name, stream.short)
    return text


def pairs_of(solved: Solved, pools: Sequence[Pool], purchases: Sequence[Purchase], cost: Cost) -> tuple[list[Pair], int]:
    """Return pairs of workloads that the plan serves with its own pools, in one pool and apart.

    Parameters
    ----------
    solved : the optimizer's answer with what it stands for
    pools, purchases, cost : of the plan

    Returns
    -------
    (pairs, those of the dearest workloads first; how many more there are)

    Notes
    -----
    A pair is left out where neither may use the other's deployment, where no period has calls of both, and where batches are
    static. Calls that an API takes are not counted.
    """
    hosts = [_host(solved, columns, pool, purchases) for columns, pool in zip(open_pools(solved), pools, strict=True)]
    dear = [row.workload for row in sorted(cost.by_workload, key=lambda row: -row.hourly)]
    called = [stream for stream in solved.search.streams if max(stream.rate) > 0]
    by_cost = sorted(called, key=lambda stream: dear.index(stream.workload.name))
    rank = {stream.name: dear.index(stream.workload.name) for stream in by_cost}
    pairs = sorted(combinations(rank, 2), key=lambda pair: rank[pair[0]] + rank[pair[1]])
    asked = [places for pair in pairs if (places := _places(hosts, pair)) is not None]
    return [_pair(hosts, places) for places in asked[:MOST_PAIRS]], max(len(asked) - MOST_PAIRS, 0)


def _host(solved: Solved, columns: Columns, pool: Pool, purchases: Sequence[Purchase]) -> Host:
    """Return a pool of the plan as a place for other streams."""
    search, confidence = solved.search, solved.search.problem.solver.confidence
    row = int(solved.pools.row[solved.assembled.pool[columns[0]]])
    cell = search.supply.cells[int(solved.assembled.cell[columns[0]])]
    static = search.catalog.engines[pool.deployment.engine].batching == "static"
    users = [s.name for r, s in enumerate(search.streams) if search.eligible[r, row] and cell.streams[r] and not static]
    hours = {period.name: period.hours for period in search.problem.periods}
    price = pool.deployment.layout.gpus * _gpu_price(pool, purchases, hours)
    spares = spares_of(solved, columns)
    return Host(
        pool, lambda: replicas_of(solved, columns, confidence), frozenset(users), price, search.problem.operations, spares
    )


def _gpu_price(pool: Pool, purchases: Sequence[Purchase], periods: Mapping[str, float]) -> float:
    """Return what the plan pays for an accelerator-hour where a pool stands [$/h]."""
    here = [buy for buy in purchases if (buy.instance, buy.region, buy.standing) == place_of_pool(pool)]
    gpus = sum(average_machine_cost(buy.machines, float(buy.gpus_per_machine), periods) for buy in here)
    return sum(buy.cost for buy in here) / gpus


def _calls(pools: Sequence[Pool], stream: str, period: str) -> float:
    """Return a stream's calls at some pools in a period [1/s]."""
    return sum(share.rate for pool in pools for share in pool.shares if (share.stream, share.period) == (stream, period))


def _held(pools: Sequence[Pool], period: str) -> int:
    """Return the replicas of some pools in a period."""
    return sum(load.replicas for pool in pools for load in pool.loads if load.period == period)


def _places(hosts: Sequence[Host], pair: tuple[str, str]) -> _Places | None:
    """Return where a pair is counted: a pool both use, or else the pool with most calls of each; None where it cannot be."""
    pools = [host.pool for host in hosts]
    both = [load.period for load in pools[0].loads if all(_calls(pools, name, load.period) > 0 for name in pair)] if pools else []
    if not both:
        return None
    using = [host.pool for host in hosts if any(share.stream in pair for share in host.pool.shares)]
    period = max(both, key=lambda name: _held(using, name))
    apart = _home(hosts, pair[0], period), _home(hosts, pair[1], period)
    together = tuple(host for host in dict.fromkeys(apart) if host.users.issuperset(pair))
    common = any({share.stream for share in pool.shares}.issuperset(pair) for pool in using)
    alone = all({share.stream for share in pool.shares} <= set(pair) for pool in using)
    return _Places(pair, period, apart, together, common, _held(using, period) if alone else None) if together else None


def _home(hosts: Sequence[Host], stream: str, period: str) -> Host:
    """Return the pool that takes most of a stream's calls in a period."""
    return max(hosts, key=lambda host: _calls([host.pool], stream, period))


def _pair(hosts: Sequence[Host], places: _Places) -> Pair:
    """Count both ways of serving a pair."""
    pools, period = [host.pool for host in hosts], places.period
    rates = {name: _calls(pools, name, period) for name in places.streams}
    most = MOST_TIMES * _held(pools, period)
    one, other = (
        host.size({name: rates[name]}, _held([host.pool], period), most)
        for host, name in zip(places.apart, places.streams, strict=True)
    )
    both = one.replicas + other.replicas
    each = [host.size(rates, both, MOST_TIMES * both) for host in places.together]
    together = min(each, key=lambda size: (not size.enough, size.hourly))
    shared = places.apart[0] is places.apart[1]
    return Pair(places.streams, period, (one, other), together, places.common, shared, places.planned)


def sentence(pair: Pair, named: bool) -> str:
    """Say what a pair takes in one pool and apart, naming the period if asked."""
    (one, other), together = pair.apart, pair.together
    who, when = " and ".join(pair.streams), f" in {pair.period}" if named else ""
    two = f"{one.replicas} + {other.replicas} replicas{when}, ${one.hourly + other.hourly:,.2f}/h"
    single = f"{'' if together.enough else 'not even '}{together.replicas}, ${together.hourly:,.2f}/h{_because(together)}"
    if pair.shared:
        said = f"{who} share {together.host}: apart on its deployment the two alone would take {two}; in one pool {single}"
    else:
        whose = "go mostly to" if pair.common else "have"
        said = f"{who} {whose} pools of their own: the two alone take {two}; in one pool of {together.host}'s deployment {single}"
    return f"{said}{_slack(pair)}."


def _slack(pair: Pair) -> str:
    """Say how many replicas the plan holds, where that is more than were counted for the way it has chosen."""
    counted = pair.together.replicas if pair.shared else sum(size.replicas for size in pair.apart)
    if pair.planned is None or pair.planned <= counted:
        return ""
    return f"; the plan holds {pair.planned}, its levels and tiers being on the safe side"


def _because(size: Size) -> str:
    if not size.enough:
        return f", would do: {size.binding}"
    return f", since with {size.fewer} {size.binding}" if size.binding else ""
