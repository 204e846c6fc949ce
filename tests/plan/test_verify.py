"""A good plan passes; a plan that was tampered with is refused by a sentence that names what was done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify

Case = tuple[Plan, LoadedProblem]
Tamper = Callable[[dict[str, Any]], object]


def with_changes(plan: Plan, tamper: Tamper) -> Plan:
    data = json.loads(plan.model_dump_json())
    tamper(data)
    return Plan.model_validate(data)


def pool(data: dict[str, Any], stream: str = "chat") -> dict[str, Any]:
    """Return the pool that takes most of a stream."""
    return max(data["pools"], key=lambda p: sum(s["rate"] for s in p["shares"] if s["stream"] == stream))


def share(data: dict[str, Any], stream: str = "chat") -> dict[str, Any]:
    return max((s for s in pool(data, stream)["shares"] if s["stream"] == stream), key=lambda s: s["rate"])


def deployment(data: dict[str, Any], stream: str = "chat", **fields: Any) -> None:
    pool(data, stream)["deployment"].update(fields)


def layout(data: dict[str, Any], **fields: int) -> None:
    pool(data)["deployment"]["layout"].update(fields)


def move(data: dict[str, Any], region: str, group: str) -> None:
    for part in (*data["pools"], *data["purchases"]):
        part["region"] = region
    for part in data["pools"]:
        part["region_group"] = group


def drop_period(data: dict[str, Any]) -> None:
    data["pools"][0]["loads"] = data["pools"][0]["loads"][:1]


def buy_more(data: dict[str, Any], machines: int) -> None:
    data["purchases"][0]["machines"] = dict.fromkeys(data["periods"], machines)


def to_api(data: dict[str, Any]) -> None:
    data["apis"][0]["shares"].append(share(data))


def promise(data: dict[str, Any], metric: str = "tpot") -> dict[str, Any]:
    return next(p for p in data["promises"] if p["metric"] == metric and not p["soft"] and p["route"].startswith("P"))


def raise_all(data: dict[str, Any], part: str, amount: float) -> None:
    """Raise a part of the cost together with everything it adds up to."""
    data["cost"][part] += amount
    data["cost"]["total"] += amount
    data["cost"]["per_month"] += 730 * amount
    data["cost"]["by_workload"][0]["hourly"] += amount
    data["proof"]["objective"] += amount
    data["proof"]["gap"] = 1 - data["proof"]["bound"] / data["proof"]["objective"]


# What is done to the plan, and what the refusal must say.
TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "another problem": (lambda d: d.update(problem_digest="0" * 64), "another version of the problem file"),
    "other catalogs": (lambda d: d.update(catalog_digest="0" * 64), "other catalogs"),
    "other periods": (lambda d: d["periods"].update(day=9.0), "periods are not the problem's"),
    "a period left out": (drop_period, "0 figures for period night, expected one"),
    "an unknown stream": (lambda d: share(d).update(stream="nobody"), "no stream nobody"),
    "an unknown model": (lambda d: deployment(d, model="org/none"), "no model org/none"),
    "a negative rate": (lambda d: share(d).update(rate=-1.0), "negative rate"),
    "negative machines": (lambda d: buy_more(d, -1), "negative number of machines"),
    "two pools of one name": (lambda d: [p.update(name="P1") for p in d["pools"]], "two pools have the same name"),
    "half of a route": (lambda d: share(d).update(rate=share(d)["rate"] / 2), "chat in day: "),
    "a route dropped": (lambda d: d["apis"].clear(), "notes in day: 0 calls/s served"),
    "no replicas": (lambda d: [load.update(replicas=0) for load in pool(d)["loads"]], "0 replicas, at least 1"),
    "more load on a replica": (lambda d: share(d).update(rate=share(d)["rate"] * 8), "of its limit"),
    "another region": (lambda d: move(d, "us-1", "us"), "no stream may run on|chat may not run on"),
    "a region nobody sells in": (lambda d: move(d, "mars-1", "other"), "nobody sells it"),
    "another continent stated": (lambda d: pool(d).update(region_group="us"), "is shop's, in eu"),
    "a licence not accepted": (lambda d: deployment(d, model="org/large"), "chat on P.: licence custom|GB|p95"),
    "a forbidden model": (lambda d: deployment(d, "code", model="org/small"), "org/small is not among the allowed models"),
    "a forbidden precision": (lambda d: deployment(d, "code", precision="int3"), "no precision int3"),
    "a wrong accelerator": (lambda d: deployment(d, accelerator="max"), "has no max"),
    "a format without units": (
        lambda d: (deployment(d, accelerator="mini"), deployment(d, precision="fp8")),
        "matrix units have no fp8",
    ),
    "experts of a dense model": (lambda d: layout(d, dp=2, ep=2), "routed experts"),
    "an impossible layout": (lambda d: layout(d, tp=16), "tp16 does not fit 2×mid"),
    "other engine settings": (lambda d: deployment(d, max_sequences=4096), "max_sequences is 4096, the predictions hold for 256"),
    "contexts cut short": (lambda d: deployment(d, max_context=512), "contexts are cut at 512"),
    "more replicas than machines": (lambda d: pool(d)["loads"][0].update(replicas=9), "replicas take"),
    "machines on paper": (lambda d: d["purchases"][0].update(gpus_per_machine=8), "8 accelerators a machine stated, it has 2"),
    "a commitment that changes": (lambda d: d["purchases"][0]["machines"].update(night=2), "commitment cannot change"),
    "a quota exceeded": (lambda d: buy_more(d, 5), r"limits.quotas\[0\]: 10 accelerators in day, 8 allowed"),
    "the total exceeded": (lambda d: buy_more(d, 5), "limits.max_gpus: 10 accelerators"),
    "the power exceeded": (lambda d: buy_more(d, 20), "limits.power: "),
    "the budget exceeded": (lambda d: raise_all(d, "misses", 30.0), "limits.budget: "),
    "another price": (lambda d: d["purchases"][0].update(hourly=0.5), "is not a price of the catalogs"),
    "another purchase cost": (lambda d: d["purchases"][0].update(cost=0.5), "reserved_1y: .* stated"),
    "TPOT overstated": (lambda d: promise(d).update(predicted=promise(d)["predicted"] / 2), "tpot p95 .* stated"),
    "a looser target": (lambda d: promise(d).update(target=9.0), "is promised at 0.06 s"),
    "a hard promise made soft": (lambda d: promise(d).update(soft=True), r"\(hard\), not as stated"),
    "a promise left out": (lambda d: d["promises"].remove(promise(d)), "does not state tpot p95"),
    "an API promise left out": (lambda d: d["promises"].clear(), "does not state"),
    "another operating point": (lambda d: pool(d)["loads"][0].update(iteration=1e-3), "iteration 0.001 stated"),
    "private data to an API": (to_api, "chat on cloud/small: the workload's data may not go to an external API"),
    "another total": (lambda d: d["cost"].update(total=1.0), "cost.total: "),
    "another monthly cost": (lambda d: d["cost"].update(per_month=1.0), "cost.per_month: "),
    "another workload's cost": (lambda d: d["cost"]["by_workload"][0].update(hourly=0.0), "cost.by_workload: "),
    "another number of tokens": (lambda d: d["cost"]["by_workload"][0].update(tokens_per_hour=1e12), "tokens/h stated"),
    "another pool's cost": (lambda d: d["cost"]["by_pool"][0].update(hourly=0.0), "cost.by_pool: "),
    "machines at a discount": (lambda d: raise_all(d, "machines", -0.5), "cost.machines: "),
    "an API that costs less than its calls": (lambda d: d["apis"][0].update(cost=d["apis"][0]["cost"] / 2), "/h stated"),
    "API calls for free": (lambda d: raise_all(d, "apis", -d["cost"]["apis"]), "cost.apis: "),
    "misses for free": (lambda d: raise_all(d, "misses", -d["cost"]["misses"]), "cost.misses: "),
    "pools for free": (lambda d: raise_all(d, "operations", -d["cost"]["operations"]), "cost.operations: "),
    "another objective": (lambda d: d["proof"].update(objective=1.0), "proof.objective: "),
    "a bound above the cost": (lambda d: d["proof"].update(bound=99.0), "proof.bound: "),
    "another gap": (lambda d: d["proof"].update(gap=0.5), "proof.gap: "),
}


def test_a_good_plan_passes(mixed: Case, single: Case) -> None:
    for plan, loaded in (mixed, single):
        assert verify(plan, loaded) == []


def test_a_plan_read_back_from_its_file_passes(mixed: Case) -> None:
    plan, loaded = mixed
    assert verify(Plan.model_validate_json(plan.model_dump_json()), loaded) == []


@pytest.mark.parametrize("done", TAMPERINGS)
def test_tampering_is_refused(mixed: Case, done: str) -> None:
    tamper, said = TAMPERINGS[done]
    plan, loaded = mixed
    failures = "\n".join(verify(with_changes(plan, tamper), loaded))
    assert re.search(said, failures), failures


def test_a_checkpoint_nobody_published_is_refused(single: Case, tmp_path: Path) -> None:
    """The same plan against catalogs whose model is only published in bf16 and whose fp8 is not universal."""
    facts = tiny.catalog()
    facts["precisions"]["fp8"]["universal"] = False
    plan, _ = single
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(rate="9 req/s")), facts)
    fresh = {"problem_digest": loaded.digest, "catalog_digest": loaded.catalog.digest}
    changed = with_changes(plan, lambda d: (d.update(fresh), deployment(d, precision="fp8")))
    assert any("no checkpoint or conversion in fp8 is known" in failure for failure in verify(changed, loaded))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"data": {"external_api": False, "licences": ["custom"]}}, "licence mit is not among custom"),
        ({"data": {"external_api": False, "region_groups": ["us"]}}, "no stream may run on"),
        ({"quality": [{"benchmark": "exam", "at_least": 79}]}, "exam 50 × "),
        ({"choose": {"precisions": {"forbid": ["bf16"]}}}, "bf16 is not allowed"),
        ({"input_tokens": {"mean": 30000, "p95": 32000}}, "tokens, it takes 32,768"),
    ],
)
def test_a_plan_of_a_laxer_problem_is_refused(single: Case, tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    plan, _ = single
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(rate="9 req/s", **fields)))
    same = with_changes(plan, lambda d: d.update(problem_digest=loaded.digest))
    assert any(said in failure for failure in verify(same, loaded)), verify(same, loaded)


def test_machines_that_not_all_users_may_use_do_not_count(tmp_path: Path) -> None:
    """Committed machines are closed to a workload that takes only machines by the hour: its replicas have none to stand on."""
    problem = tiny.problem(
        tiny.workload(rate="1 req/s", choose={"offers": {"allow": ["on_demand"]}}),
        tiny.workload("other", "1 req/s", choose={"offers": {"allow": ["reserved_1y"]}}),
        choose={"offers": {"allow": ["*"]}, "instances": {"allow": ["shop/mid-2"]}, "regions": {"allow": ["eu-1"]}},
    )
    loaded = tiny.load(tmp_path, problem)
    apart = plan_as_stated(loaded, lambda _: None)
    assert {buy.kind for buy in apart.purchases} == {"on_demand", "reserved_1y"}
    assert verify(apart, loaded) == []

    def all_committed(data: dict[str, Any]) -> None:
        data["purchases"] = [buy for buy in data["purchases"] if buy["kind"] == "reserved_1y"]
        data["purchases"][0]["machines"] = {"always": 2}

    assert any("on on_demand machines" in failure for failure in verify(with_changes(apart, all_committed), loaded))
