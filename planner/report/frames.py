"""A plan as tables for pandas, units in the names of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args

from planner.domain.plan import Plan, Purchase
from planner.domain.plan_pools import Pool, PoolLoad
from planner.domain.plan_promises import Promise
from planner.errors import InvalidInput
from planner.report import gather

if TYPE_CHECKING:
    import pandas as pd

Table = Literal["pools", "purchases", "promises", "latencies", "shares", "workloads"]
_Row = dict[str, Any]

COLUMNS: dict[str, tuple[str, ...]] = {
    "pools": (
        *("pool", "model", "precision", "kv_precision", "engine", "accelerator", "instance", "seller", "region"),
        *("tp", "pp", "dp", "ep", "gpus_per_replica", "interruptible", "period", "hours", "replicas", "binding", "utilization"),
        *("iteration_s", "sequences", "output_tokens_per_s", "cost_per_h"),
    ),
    "purchases": (
        *("kind", "instance", "seller", "region", "accelerator", "gpus_per_machine", "period", "hours", "machines"),
        *("price_per_h", "cost_per_h", "ordered_month", "scenario", "price_source"),
    ),
    "promises": (
        *(
            "stream",
            "period",
            "route",
            "metric",
            "percentile",
            "target_s",
            "predicted_s",
            "margin",
            "miss_share",
            "soft",
            "holds",
        ),
    ),
    "latencies": ("stream", "period", "route", "metric", "mean_s", "p50_s", "p95_s", "p99_s"),
    "shares": ("stream", "period", "route", "calls_per_s", "share"),
    "workloads": ("workload", "cost_per_h", "share", "per_million_input", "per_million_output", "per_thousand_calls"),
}
"""Columns of each table, in order. Costs are in $; those per hour are averages over the cycle, repeated in each period's row."""


def frame(plan: Plan, what: Table = "pools") -> pd.DataFrame:
    """Return one table of a plan.

    Parameters
    ----------
    plan : Plan
    what : which table
        `pools`: a row for each pool and period; `purchases`: for each purchase and period; `promises`, `latencies`: for each
        figure; `shares`: for each flow of calls into a pool or API; `workloads`: the cost of each.

    Returns
    -------
    pandas.DataFrame
        With the columns of `COLUMNS`, even where there is no row.

    Raises
    ------
    InvalidInput
        If there is no such table.
    """
    if what not in _ROWS:
        raise InvalidInput.at("", f"there is no table {what!r}", f"one of {', '.join(get_args(Table))}")
    import pandas as pd  # only here: everything else works without it, and sooner

    columns = COLUMNS[what]
    return pd.DataFrame([[row[name] for name in columns] for row in _ROWS[what](plan)], columns=list(columns))


def _pools(plan: Plan) -> Iterator[_Row]:
    costs = gather.hourly_of(plan)
    for pool in plan.pools:
        for load in pool.loads:
            yield _what(pool) | _load(load) | {"hours": plan.periods[load.period], "cost_per_h": costs.get(pool.name)}


def _what(pool: Pool) -> _Row:
    """What a pool is made of."""
    made = pool.deployment
    names = ("model", "precision", "kv_precision", "engine", "accelerator")
    places = ("instance", "seller", "region", "interruptible")
    return {
        "pool": pool.name,
        **{name: getattr(made, name) for name in names},
        **{name: getattr(pool, name) for name in places},
        **{name: getattr(made.layout, name) for name in ("tp", "pp", "dp", "ep")},
        "gpus_per_replica": made.layout.gpus,
    }


def _load(load: PoolLoad) -> _Row:
    """A pool in a period; its utilization is that of the resource nearest its limit."""
    return {
        "period": load.period,
        "replicas": load.replicas,
        "binding": load.binding,
        "utilization": load.utilization.get(load.binding),
        "iteration_s": load.iteration,
        "sequences": load.sequences,
        "output_tokens_per_s": load.output_tokens_per_second,
    }


def _purchases(plan: Plan) -> Iterator[_Row]:
    for buy in plan.purchases:
        for period, machines in buy.machines.items():
            yield _bought(buy) | {"period": period, "hours": plan.periods[period], "machines": machines}


def _bought(buy: Purchase) -> _Row:
    names = ("kind", "instance", "seller", "region", "accelerator", "gpus_per_machine", "scenario", "price_source")
    costs = {"price_per_h": buy.hourly, "cost_per_h": buy.cost, "ordered_month": buy.ordered}
    return {name: getattr(buy, name) for name in names} | costs


def _promises(plan: Plan) -> Iterator[_Row]:
    return (_promise(one) for one in plan.promises)


def _promise(one: Promise) -> _Row:
    names = ("stream", "period", "route", "metric", "percentile", "margin", "miss_share", "soft", "holds")
    return {name: getattr(one, name) for name in names} | {"target_s": one.target, "predicted_s": one.predicted}


def _latencies(plan: Plan) -> Iterator[_Row]:
    for one in plan.latencies:
        figures = {f"{name}_s": getattr(one, name) for name in ("mean", "p50", "p95", "p99")}
        yield {name: getattr(one, name) for name in ("stream", "period", "route", "metric")} | figures


def _shares(plan: Plan) -> Iterator[_Row]:
    routes = [*((pool.name, pool.shares) for pool in plan.pools), *((api.api, api.shares) for api in plan.apis)]
    routes += [(unit.name, unit.shares) for unit in plan.provisioned]
    for route, shares in routes:
        for one in shares:
            yield {"stream": one.stream, "period": one.period, "route": route, "calls_per_s": one.rate, "share": one.share}


def _workloads(plan: Plan) -> Iterator[_Row]:
    for one in plan.cost.by_workload:
        names = ("workload", "share", "per_million_input", "per_million_output", "per_thousand_calls")
        yield {name: getattr(one, name) for name in names} | {"cost_per_h": one.hourly}


_ROWS: dict[str, Callable[[Plan], Iterator[_Row]]] = {
    "pools": _pools,
    "purchases": _purchases,
    "promises": _promises,
    "latencies": _latencies,
    "shares": _shares,
    "workloads": _workloads,
}
