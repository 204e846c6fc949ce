"""Whether what a plan says of APIs against own machines follows from the catalogs and from its own figures."""

from __future__ import annotations

from collections.abc import Iterator

from planner.candidates.api_costs import call_cost
from planner.candidates.api_rules import missed_cost
from planner.candidates.apis import usable_price
from planner.candidates.rejection import Ledger
from planner.demand.stream import Stream
from planner.domain.plan_costs import BuyOrBuild
from planner.plan.basis import Basis, above, differs


def buying(basis: Basis) -> Iterator[str]:
    """Every comparison is of a workload of the problem, at prices of the catalogs, and its ratios are those of its figures."""
    for row in basis.plan.buy_or_build:
        way = basis.ways.get(row.workload)
        if way is None:
            yield f"buy_or_build: the problem has no workload {row.workload}"
            continue
        streams = [basis.streams[name] for name, rate in way.rates.items() if max(rate) > 0]
        bought = sum(_hourly_calls(basis, stream) * _least(basis, stream) for stream in streams)
        if differs(row.api_hourly, bought):
            yield f"{row.workload}: ${row.api_hourly:,.6f}/h at APIs stated, ${bought:,.6f}/h found"
        yield from _ratios(row)


def _ratios(row: BuyOrBuild) -> Iterator[str]:
    """Full use is planned use times the utilization; where a deployment breaks even it costs no more than the API."""
    own, busy, full = row.own_per_million, row.utilization, row.own_per_million_full
    if own is not None and busy is not None and (full is None or differs(full, own * busy)):
        yield f"{row.workload}: own cost at full use is not the planned one times the utilization"
    meets = row.breakeven
    if meets is not None and above(meets.hourly, row.api_hourly * meets.requests_per_month / row.requests_per_month):
        yield f"{row.workload}: at the break-even own machines cost ${meets.hourly:,.6f}/h, more than the API"


def _hourly_calls(basis: Basis, stream: Stream) -> float:
    each = zip(stream.rate, basis.hours.values(), strict=True)
    return 3600.0 * sum(rate * hours for rate, hours in each) / basis.cycle


def _least(basis: Basis, stream: Stream) -> float:
    """Return the least price of a call at any API the stream may use [$]; inf if none."""
    found = [
        call_cost(stream, paid, offer.cache) + missed_cost(offer, stream)
        for name, offer in basis.catalog.apis.items()
        if (paid := usable_price(name, offer, stream, basis.catalog, basis.problem, Ledger())) is not None
    ]
    return min(found, default=float("inf"))
