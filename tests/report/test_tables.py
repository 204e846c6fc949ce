"""Tables for analysts: every figure of the plan under its own name, the same as CSV and Parquet."""

from __future__ import annotations

import io

import made_plans
import pandas as pd
import pytest

from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.report import tables

PLANS = (made_plans.quickstart, made_plans.scenarios, made_plans.levers, made_plans.committed)


@pytest.mark.parametrize("made", PLANS)
def test_csv_reads_back_as_the_plan(made: object) -> None:
    assert callable(made)
    plan: Plan = made()
    found = {name: pd.read_csv(io.StringIO(str(text))) for name, text in tables.csv_files(plan).items()}
    assert found["plan.csv"].loc[0, "total"] == plan.cost.total
    assert found["cost_by_workload.csv"]["hourly"].sum() == pytest.approx(plan.cost.total)
    assert found["statement.csv"]["hourly"].sum() == pytest.approx(plan.cost.total)
    assert found["purchases.csv"]["cost"].sum() == pytest.approx(plan.cost.machines)
    assert len(found["promises.csv"]) == len(plan.promises)
    assert len(found["loads.csv"]) == sum(len(pool.loads) for pool in plan.pools)
    assert list(found["loads.csv"]["replicas"]) == [load.replicas for pool in plan.pools for load in pool.loads]
    assert list(found["pools.csv"]["memory_kv"]) == [pool.memory.kv for pool in plan.pools]
    assert list(found["facts.csv"]["statement"]) == [fact.statement for fact in plan.facts]


def test_promises_stand_beside_what_is_as_likely_as_not() -> None:
    rows = tables.rows_of(made_plans.quickstart())["promises"]
    assert all(row["likely"] < row["predicted"] for row in rows)


def test_promises_stand_beside_what_was_seen(simulated: Plan) -> None:
    rows = tables.rows_of(simulated)["promises"]
    assert [row["attained"] is not None for row in rows] == [True, True, True, True, False, False]


def test_every_row_of_a_table_has_the_same_columns(staged: Plan) -> None:
    for name, rows in tables.rows_of(staged).items():
        assert len({tuple(row) for row in rows}) == 1, name


def test_tables_of_nothing_are_left_out(plan: Plan) -> None:
    assert {"stores", "payments", "units", "energy", "statement"}.isdisjoint(tables.rows_of(plan))
    assert "payments" in tables.rows_of(made_plans.scenarios())


@pytest.mark.parametrize("made", PLANS)
def test_parquet_holds_the_same(made: object) -> None:
    pytest.importorskip("pyarrow")
    assert callable(made)
    plan: Plan = made()
    found = tables.parquet_files(plan)
    assert {name.removesuffix(".parquet") for name in found} == set(tables.rows_of(plan))
    data = found["promises.parquet"]
    assert isinstance(data, bytes)
    assert list(pd.read_parquet(io.BytesIO(data))["predicted"]) == [one.predicted for one in plan.promises]


def test_without_pyarrow_the_remedy_is_named(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tables, "import_module", missing)
    with pytest.raises(InvalidInput, match=r"pip install 'inference-planner\[parquet\]'"):
        tables.parquet_files(plan)
