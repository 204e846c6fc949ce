"""A plan as tables for analysts: one for each kind of row, with the names and units of plan.json."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from planner.domain.plan import Plan
from planner.domain.plan_choices import Sensitivity
from planner.domain.plan_pools import Share
from planner.errors import InvalidInput
from planner.report.gather import attained, likely

if TYPE_CHECKING:
    import pandas as pd


def rows_of(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    """Return every table's rows, in SI units and dollars as plan.json writes them; tables of nothing are left out.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict
        Table → rows; every row of a table has the same columns.
    """
    cost = plan.cost
    made: dict[str, list[dict[str, Any]]] = {
        "plan": [_plan(plan)],
        "periods": [{"period": name, "hours": hours} for name, hours in plan.periods.items()],
        "pools": [_pool(plan, number) for number in range(len(plan.pools))],
        "loads": [{"pool": pool.name, **_flat(load)} for pool in plan.pools for load in pool.loads],
        "shares": [{"route": name, **_flat(share)} for name, shares in _routes(plan) for share in shares],
        "purchases": [_flat(buy) for buy in plan.purchases],
        "machines": [
            {
                "instance": buy.instance,
                "seller": buy.seller,
                "region": buy.region,
                "kind": buy.kind,
                "period": name,
                "machines": n,
            }
            for buy in plan.purchases
            for name, n in buy.machines.items()
        ],
        "apis": [_flat(route) for route in plan.apis],
        "units": [_flat(route) for route in plan.provisioned],
        "promises": [_promise(plan, number) for number in range(len(plan.promises))],
        "latencies": [_flat(row) for row in plan.latencies],
        "cost_by_pool": [_flat(row) for row in cost.by_pool],
        "cost_by_workload": [_flat(row) for row in cost.by_workload],
        "cost_by_stage": [_flat(row) for row in cost.by_stage],
        "statement": [_flat(line) for line in cost.statement.lines] if cost.statement else [],
        "stores": [_flat(row) for row in plan.stores],
        "payments": [_flat(row) for row in plan.cash.months] if plan.cash else [],
        "energy": [_flat(row) for row in plan.energy.pools] if plan.energy else [],
        "alternatives": [_flat(one) for one in plan.alternatives],
        "frontiers": [
            {"about": one.about, "unit": one.unit, "tighter": one.tighter, "planned": one.planned, **_flat(point)}
            for one in plan.frontiers
            for point in one.points
        ],
        "sensitivities": [_swing(one) for one in plan.sensitivities],
        "facts": [_flat(fact) for fact in plan.facts],
    }
    return {name: _even(rows) for name, rows in made.items() if rows}


def frames(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return every table as a data frame."""
    import pandas as pd

    return {name: pd.DataFrame(rows) for name, rows in rows_of(plan).items()}


def csv_files(plan: Plan) -> dict[str, str | bytes]:
    """Return every table as CSV in UTF-8: RFC 4180 but for line ends, twelve significant digits, empty where nothing is known."""
    return {
        f"{name}.csv": frame.to_csv(index=False, float_format="%.12g", lineterminator="\n")
        for name, frame in frames(plan).items()
    }


def parquet_files(plan: Plan) -> dict[str, str | bytes]:
    """Return every table as Parquet.

    Raises
    ------
    InvalidInput
        If the library that writes it is not installed.
    """
    try:
        import_module("pyarrow")  # pandas calls it
    except ImportError:
        remedy = "install it with pip install 'inference-planner[parquet]', or use --format csv"
        raise InvalidInput.at("command line", "Parquet needs pyarrow, which is not installed", remedy, path="--format") from None
    made: dict[str, str | bytes] = {}
    for name, frame in frames(plan).items():
        buffer = io.BytesIO()
        frame.to_parquet(buffer, engine="pyarrow", index=False)
        made[f"{name}.parquet"] = buffer.getvalue()
    return made


def _flat(row: BaseModel) -> dict[str, Any]:
    """Return a row's plain values: uses by name become columns, texts in a list are joined, what holds rows is left out."""
    made: dict[str, Any] = {}
    for name, value in row.model_dump().items():
        if isinstance(value, Mapping):
            numbers = all(isinstance(one, int | float) for one in value.values())
            if name == "utilization" and numbers:
                made |= {f"{name} {part}": one for part, one in value.items()}
        elif isinstance(value, tuple | list):
            if all(isinstance(one, str) for one in value):
                made[name] = "; ".join(value)
            elif all(isinstance(one, int) for one in value):
                made |= {f"{name}_from": value[0], f"{name}_to": value[-1]}
        else:
            made[name] = value
    return made


def _routes(plan: Plan) -> Iterator[tuple[str, tuple[Share, ...]]]:
    """Yield who answers calls: pools, APIs, and units at APIs."""
    yield from ((pool.name, pool.shares) for pool in plan.pools)
    yield from ((route.api, route.shares) for route in plan.apis)
    yield from ((route.name, route.shares) for route in plan.provisioned)


def _plan(plan: Plan) -> dict[str, Any]:
    """Return the one row that says which plan it is, what it costs, and how sure that is."""
    own = {
        "problem": plan.problem,
        "planner": plan.planner,
        "problem_digest": plan.problem_digest,
        "catalog_digest": plan.catalog_digest,
        "seed": plan.seed,
    }
    return {**own, **_flat(plan.proof), **_flat(plan.cost)}


def _pool(plan: Plan, number: int) -> dict[str, Any]:
    """Return a pool with its deployment, layout and memory."""
    pool = plan.pools[number]
    layout = {name: getattr(pool.deployment.layout, name) for name in ("tp", "pp", "dp", "ep")}
    memory = {f"memory_{name}": value for name, value in _flat(pool.memory).items()}
    own = {name: value for name, value in _flat(pool).items() if name not in ("shares", "loads")}
    return {**own, **_flat(pool.deployment), **layout, **memory}


def _promise(plan: Plan, number: int) -> dict[str, Any]:
    """Return a promise with its prediction without doubt, and what a simulation saw."""
    promise = plan.promises[number]
    seen = attained(plan, promise)
    return {**_flat(promise), "likely": likely(plan, promise), "attained": seen.attained if seen else None}


def _swing(one: Sensitivity) -> dict[str, Any]:
    """Return a number with both of its ends."""
    ends = {f"{end}_{name}": value for end in ("low", "high") for name, value in _flat(getattr(one, end)).items()}
    return {**_flat(one), **ends}


def _even(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give every row the same columns, in the order in which they first come up."""
    rows = list(rows)
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]
