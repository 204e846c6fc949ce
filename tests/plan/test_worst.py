"""Plans that minimize the cost of the dearest scenario, beside sums done by hand, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import stores
import tiny
from click.testing import CliRunner

from planner.catalog.problem import LoadedProblem
from planner.cli import main
from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads
from planner.report.markdown import render

HOURS = 8760.0
RESERVED = 0.4
LANE = {
    "name": "wait",
    "kind": "lane",
    "options": [{"name": "on", "effects": [{"lane": {"share": 0.2, "deadline": "24h"}}]}],
    **tiny.READ,
}


def facts(**more: Any) -> dict[str, Any]:
    """One kind of machine: $1 an hour, or $0.40 for a year."""
    made = tiny.catalog()
    paid = tiny.price("eu-1", "eu", on_demand="$1/h", reserved_1y=f"${RESERVED}/h")
    made["instances"] = {"shop/mini-1": tiny.machine("shop/mini-1", "mini", 1, "none", paid)}
    return made | more


def problem(
    chance: float, minimize: str = "worst", low: float = 20.0, high: float = 60.0, *allow: str, **more: Any
) -> dict[str, Any]:
    """Demand is low, or high with some probability; a year lies ahead. 3 machines, or 8."""
    periods = [
        {"name": name, "hours": share * HOURS, "months": [0, 12], "scenario": name}
        for name, share in (("low", 1 - chance), ("high", chance))
    ]
    rate = {"low": f"{low} req/s", "high": f"{high} req/s"}
    chosen = {"offers": {"allow": ["on_demand", "reserved_1y", *allow]}}
    return tiny.problem(tiny.workload(rate=rate), periods=periods, choose=chosen, finance={"minimize": minimize}, **more)


def made(folder: Path, asked: dict[str, Any], **more: Any) -> tuple[Plan, LoadedProblem]:
    loaded = tiny.load(folder, asked, facts(**more))
    return plan_as_stated(loaded, lambda _: None), loaded


def reserved(plan: Plan) -> int:
    return sum(buy.machines["low"] for buy in plan.purchases if buy.kind == "reserved_1y")


def test_reserving_what_only_the_dear_scenario_needs(tmp_path: Path) -> None:
    """High with probability 0.2: five machines more are rented when it comes, 0.4·3 + 0.2·5 = 2.2 on average, 6.2 in high.

    Reserving all eight costs 3.2 whatever comes.
    """
    mean, _ = made(tmp_path, problem(0.2, "expected"))
    safe, loaded = made(tmp_path, problem(0.2))
    assert (reserved(mean), reserved(safe)) == (3, 8)
    assert mean.cost.total == pytest.approx(2.2)
    assert (mean.proof.minimized, mean.proof.worst) == ("expected", None)
    assert "worst" not in dumps(mean).split('"proof"')[1].split("}")[0]
    assert safe.cost.total == pytest.approx(3.2)
    assert safe.proof.worst == safe.proof.objective == pytest.approx(3.2)
    assert verify(loads(dumps(safe)), loaded) == []
    text = render(safe)
    assert r"Minimized is the cost of the dearest scenario: $3.20/h" in text.replace("\\", "")
    assert "dearest scenario" in text.split("Scenarios")[0]


def test_worst_and_average_are_told_apart(tmp_path: Path) -> None:
    """At most 4 reserved ones: 0.4·4 whatever comes, and in high 4 rented: 5.6 there, 1.6 + 0.2·4 = 2.4 on average."""
    limited = facts()["instances"]
    limited["shop/mini-1"]["prices"][0]["available"] = {"reserved_1y": 4}
    safe, loaded = made(tmp_path, problem(0.2), instances=limited)
    assert reserved(safe) == 4
    assert safe.cost.total == pytest.approx(2.4)
    assert safe.proof.worst == pytest.approx(5.6)
    assert safe.proof.objective == pytest.approx(0.999 * 5.6 + 0.001 * 2.4)
    assert safe.proof.bound <= safe.proof.objective
    assert safe.futures is not None
    assert safe.futures.waiting is None
    assert [row.cost for row in safe.futures.scenarios] == pytest.approx([1.6, 5.6])
    assert "$2.40/h on average" in render(safe)
    for wrong in ({"worst": 5.0}, {"objective": 5.0}, {"minimized": "expected"}):
        other = safe.model_copy(update={"proof": safe.proof.model_copy(update=wrong)})
        assert any(next(iter(wrong)) in failure for failure in verify(other, loaded))


def test_alike_scenarios_cost_as_much_either_way(tmp_path: Path) -> None:
    mean, _ = made(tmp_path, problem(0.3, "expected", 20.0, 20.0))
    safe, loaded = made(tmp_path, problem(0.3, "worst", 20.0, 20.0))
    assert safe.cost.total == pytest.approx(mean.cost.total)
    assert safe.proof.worst == pytest.approx(mean.cost.total)
    assert verify(safe, loaded) == []


def test_with_soft_promises_and_pool_costs(tmp_path: Path) -> None:
    """Misses are paid by the calls of each scenario, a pool's operation whatever comes."""
    soft = {"metric": "ttft", "percentile": 95, "target": "300ms", "price_per_miss": "$0.001"}
    asked = problem(0.2, operations={"pool_cost": "$0.5/h"})
    asked["workloads"][0]["objectives"] = [soft]
    safe, loaded = made(tmp_path, asked)
    assert safe.cost.misses > 0
    assert safe.proof.worst is not None
    assert safe.proof.worst > safe.cost.total
    assert verify(safe, loaded) == []


def test_with_committed_spend(tmp_path: Path) -> None:
    """45 % off what is rented, for dollars committed to: 0.55 a machine; with 0.4 reserved ruled out all eight are under it."""
    terms = {"seller": "shop", "term": "1y", "discounts": [{"instances": "shop/*", "discount": "45%"}], **tiny.READ}
    asked = problem(0.2) | {"choose": {"offers": {"allow": ["on_demand", "committed_spend"]}}}
    safe, loaded = made(tmp_path, asked, spend_commitments={"plan": terms})
    assert safe.proof.worst == pytest.approx(0.55 * 8)
    assert safe.cost.total == pytest.approx(0.55 * 8)
    assert verify(safe, loaded) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"periods": [{"name": "low", "hours": 1}, {"name": "high", "hours": 1}]}, "there are no scenarios"),
        ({"operations": {"autoscaling": {}}}, "charges starts"),
        ({"workloads": [tiny.workload(levers=[LANE])]}, "levers of chat may cost something"),
        ({"workloads": [tiny.workload(stages=[{"name": "check", "uses": "a/filter"}])]}, "components of chat are paid"),
        ({"stores": [stores.store()]}, "stores are paid"),
    ],
)
def test_refused(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as error:
        tiny.load(tmp_path, problem(0.2) | more, facts())
    issues = [issue for issue in error.value.issues if said in issue.message]
    assert issues
    assert "minimize: expected" in (issues[0].remedy or "")


def test_from_a_terminal(tmp_path: Path) -> None:
    made(tmp_path, problem(0.2))
    (file,) = [path for path in tmp_path.glob("*.yaml") if "problem" in path.name]
    found = CliRunner().invoke(main, ["solve", str(file), "-o", str(tmp_path / "out")])
    assert found.exit_code == 0
    said = " ".join(found.output.split())
    assert "least cost of the dearest scenario" in said
    assert "Minimized is the cost of the dearest scenario" in said
