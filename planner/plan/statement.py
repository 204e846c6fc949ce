"""The cost of a plan as a statement: what tokens would cost on machines kept perfectly busy, and what is paid on top and why.

    cost = tokens·price/E + fan-out + headroom + fixed infrastructure + degradation + energy

A pool's machines are paid for N replica-hours. Of these, with λ the calls, μ* the calls a replica could take if nothing were
promised, u the share of the stable rate that is used, and L the replicas that the promises need,

    tokens               u·Σ λ/μ*        of the answering stages; of other stages and components: orchestration fan-out
    batching efficiency  L − Σ λ/μ*      promises keep batches smaller than the machines could carry; E = Σ λ/μ* / L
    SLO headroom         (1 − u)·Σ λ/μ* + (working − L)     kept free for tails, and replicas bought whole
    degradation          spares, tries after failed ones, work lost to failures, spot interruptions, missed soft targets
    energy               of machines whose energy is paid apart; within the price of rented ones
    carbon               of all machines, where it has a price
    cost of capital      of what reserved machines are paid upfront; written only where there is any
    cost of the ramp     replicas started ahead of need and kept beyond it, where that is charged
    held for a region    1/m of what serves a workload with failover over m groups of regions; above it stands what is left

Every dollar stands in one line; in cents the lines add up to the total exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from planner.candidates.build import Search
from planner.demand.ways import Way
from planner.domain.plan_costs import Statement, StatementLine
from planner.domain.plan_scaling import Scaling
from planner.plan.costing import stream_shares
from planner.plan.pool import PredictedPool
from planner.units import HOURS_PER_MONTH

ITEMS = (
    "input tokens",
    "output tokens",
    "orchestration fan-out",
    "batching efficiency",
    "SLO headroom",
    "fixed infrastructure",
    "degradation",
    "energy",
)
"""Lines of the statement, in order."""

CARBON = "carbon"
"""One more, where carbon has a price."""

CAPITAL = "cost of capital"
"""A line more where something is paid before it is used."""

RAMPS = "cost of the ramp"
"""Line of replicas that start ahead of need and stay beyond it, where following demand is charged."""

HELD = "held for a region"
"""Line of capacity that is called for only while a group of regions is down, where a workload asks for failover."""

Lines = dict[str, float]


@dataclass(frozen=True)
class Rent:
    """What machines cost, and what of that is not for serving."""

    cost: float
    """Average cost [$/h]."""
    energy: float
    """Share of it that is electricity, where that is paid apart [1]."""
    lost: float
    """Share of it that interruptions add [1]."""
    carbon: float = 0.0
    """Share of it that carbon is taken to cost [1]."""
    capital: float = 0.0
    """Share of it that is cost of capital, for what is paid early [1]."""


class Part(Protocol):
    """What a stream pays at an API, and for misses anywhere [$/h]."""

    @property
    def stream(self) -> str:
        """Who pays."""

    @property
    def inputs(self) -> float:
        """For its prompts."""

    @property
    def outputs(self) -> float:
        """For its answers."""

    @property
    def misses(self) -> float:
        """For soft targets expected to be missed."""


@dataclass(frozen=True)
class Use:
    """What the replica-hours of a pool went into."""

    hours: float
    """N, all replica-hours of a cycle."""
    spare: float
    """Of replicas kept for failures."""
    needed: float
    """L, that the promises need, whole replicas apart."""
    ideal: float
    """Σ λ/μ*, that calls would need if nothing were promised."""
    by_stream: Mapping[str, float]
    """Stream → its part of the ideal."""
    held: float = 0.0
    """Of working replicas, held for when a region is down."""


def use_of(made: PredictedPool, periods: Mapping[str, float]) -> Use:
    """Return what the replica-hours of a pool went into.

    Parameters
    ----------
    made : the pool with its predictions
    periods : hours

    Returns
    -------
    Use; where batches end together nothing is told apart, and all that is needed counts as ideal
    """
    pool = made.pool
    working = {load.period: made.spares.working(load.replicas) for load in pool.loads}
    hours = sum(periods[load.period] * load.replicas for load in pool.loads)
    spares = sum(periods[load.period] * min(made.spares.of(load.replicas), load.replicas) for load in pool.loads)
    needed = sum(periods[load.period] * load.utilization[load.binding] * working[load.period] for load in pool.loads)
    parts: dict[str, float] = {}
    for share in pool.shares:
        most = made.replicas.unpromised(share.stream, working[share.period])
        parts[share.stream] = parts.get(share.stream, 0.0) + periods[share.period] * share.rate / most
    called = {stream.name: stream.called for stream in made.replicas.streams}
    idle = sum(part * (1.0 - called[name]) for name, part in stream_shares(pool, made.demand, periods).items())
    parts, needed = {name: part * called[name] for name, part in parts.items()}, needed * (1.0 - idle)
    total = sum(parts.values())
    ideal = min(total, needed)
    each = {name: part * ideal / total for name, part in parts.items()}
    return Use(hours, spares, needed, ideal, each, (hours - spares) * idle)


def statement(
    search: Search,
    predicted: Sequence[PredictedPool],
    spent: Sequence[float],
    parts: Sequence[Part],
    taken: Sequence[Way],
    rented: Sequence[Rent],
    periods: Mapping[str, float],
    idle: float = 0.0,
    opening: float = 0.0,
    scaling: Scaling | None = None,
) -> Statement:
    """Return the cost of a plan as a statement.

    Parameters
    ----------
    search : problem, streams
    predicted : pools
    spent : what each pool's machines cost [$/h]
    parts : what streams pay at APIs, and for misses anywhere
    taken : ways
    rented : machines bought, with what of their price is energy and what interruptions and paying early add
    periods : hours
    idle : what machines cost that were committed to before where no pool stands [$/h]
    opening : what setting up pools costs [$/h]
    scaling : what starts of replicas cost; None = nothing, and no line is written

    Returns
    -------
    Statement, whose lines add up to the total
    """
    carbon_priced = search.problem.finance.carbon_price > 0
    lines: Lines = dict.fromkeys((*ITEMS, CARBON) if carbon_priced else ITEMS, 0.0)
    answering = {name for way in taken for name in way.answering}
    retried = {name: step.retried for way in taken for step in way.steps for name in step.streams}
    paid = sum(rent.cost for rent in rented)
    energy = sum(rent.cost * rent.energy for rent in rented) / paid if paid else 0.0
    lost = sum(rent.cost * rent.lost for rent in rented) / paid if paid else 0.0
    carbon = sum(rent.cost * rent.carbon for rent in rented) / paid if paid else 0.0
    capital = sum(rent.cost * rent.capital for rent in rented) / paid if paid else 0.0
    if capital:
        lines[CAPITAL] = capital * (sum(spent) + idle)
    lines["energy"], lines["degradation"] = idle * energy, idle * lost
    if carbon_priced:
        lines[CARBON] = idle * carbon
    ideal = needed = spares = thrown = 0.0
    for made, cost in zip(predicted, spent, strict=True):
        use = use_of(made, periods)
        per_hour = cost * (1.0 - energy - lost - carbon - capital) / use.hours if use.hours else 0.0
        ideal, needed = ideal + use.ideal * per_hour, needed + use.needed * per_hour
        spares += per_hour * use.spare
        thrown += _pool(lines, search, made, use, per_hour, answering, retried)
        lines["energy"] += cost * energy
        if carbon_priced:
            lines[CARBON] += cost * carbon
        lines["degradation"] += cost * lost
    for part in parts:
        failed = retried.get(part.stream, 0.0)
        lines["degradation"] += part.misses + failed * (part.inputs + part.outputs)
        _tokens(lines, part.stream in answering, (1.0 - failed) * part.inputs, (1.0 - failed) * part.outputs)
    for item in (item for way in taken for item in way.items):
        lines["orchestration fan-out" if item.category == "component" else "fixed infrastructure"] += item.hourly
    if scaling is not None:
        lines[RAMPS] = sum(how.cost for how in scaling.pools)
    standing = idle * (1.0 - energy - lost - carbon - capital)
    lines["fixed infrastructure"] += standing + opening + search.problem.operations.pool_cost * len(predicted)
    asked = search.problem.operations.availability is not None
    return Statement(
        lines=_in_cents(lines),
        efficiency=ideal / needed if needed else 1.0,
        spares=spares if asked else None,
        lost_work=thrown if asked else None,
    )


def _pool(
    lines: Lines, search: Search, made: PredictedPool, use: Use, price: float, answering: set[str], retried: Mapping[str, float]
) -> float:
    """Add a pool's replica-hours, at a price each; return what of them failures throw away."""
    thrown = 0.0
    busy = search.problem.operations.max_utilization
    working = use.hours - use.spare - use.held
    if use.held:
        lines[HELD] = lines.get(HELD, 0.0) + price * use.held
    lines["degradation"] += price * use.spare
    lines["batching efficiency"] += price * (use.needed - use.ideal)
    lines["SLO headroom"] += price * ((1.0 - busy) * use.ideal + working - use.needed)
    for name, part in use.by_stream.items():
        failed = retried.get(name, 0.0)
        worth = price * busy * part
        lost = made.spares.lost(_in_hand(made, name)) * worth
        worth, thrown = worth - lost, thrown + lost
        lines["degradation"] += failed * worth + lost
        prompts = float(
            np.mean([operation.prompt_share[name] for operation in made.operations.values() if name in operation.seen])
        )
        _tokens(lines, name in answering, (1.0 - failed) * worth * prompts, (1.0 - failed) * worth * (1.0 - prompts))
    return thrown


def _in_hand(made: PredictedPool, name: str) -> float:
    """Return for how long a call of a stream is in hand on a pool, on average over the periods in which it is used [s]."""
    seen = [operation.seen[name] for operation in made.operations.values() if name in operation.seen]
    return float(np.mean([float(np.max(each.e2e.mean)) for each in seen]))


def _tokens(lines: Lines, answer: bool, inputs: float, outputs: float) -> None:
    """Add tokens: of the answering stage by kind, of others as fan-out."""
    if answer:
        lines["input tokens"] += inputs
        lines["output tokens"] += outputs
    else:
        lines["orchestration fan-out"] += inputs + outputs


def whole_cents(amount: float) -> int:
    """Round to whole cents; sums in another order, which differ in the last digits, fall to the same side of a half cent."""
    return round(round(amount, 5))


def _in_cents(lines: Lines) -> tuple[StatementLine, ...]:
    """Return the lines, their months in whole cents that add up to the total's; the largest remainders are rounded up."""
    exact = {item: value * HOURS_PER_MONTH * 100.0 for item, value in lines.items()}
    cents = {item: int(np.floor(value)) for item, value in exact.items()}
    left = whole_cents(sum(exact.values())) - sum(cents.values())
    order = list(lines)
    for item in sorted(exact, key=lambda item: (cents[item] - exact[item], order.index(item)))[:left]:
        cents[item] += 1
    return tuple(StatementLine(item=item, hourly=lines[item], cents_per_month=cents[item]) for item in order)
