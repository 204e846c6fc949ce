"""Plans with vector stores: sizes and costs by hand, sharing, fresh indexes on pools of their own, a check that notices."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import stores
import tiny
from rich.console import Console

from planner.catalog.problem import LoadedProblem
from planner.demand.streams import build_flows
from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.pipeline import plan_problem
from planner.plan.verify import verify
from planner.report import console, markdown
from planner.report.jsonout import dumps, loads


def loaded(folder: Path, *workloads: dict[str, Any], facts: dict[str, Any] | None = None, **fields: Any) -> LoadedProblem:
    return tiny.load(folder, stores.problem(*workloads, **fields), facts or stores.facts())


def solved(one: LoadedProblem) -> Plan:
    return plan_problem(one, progress=lambda _: None)


def test_a_store_is_sized_reported_and_charged_for(tmp_path: Path) -> None:
    """4 requests/s, 0.4 GB: one node at $1/h and a spare; 10 passages of 100 kB at $0.10/GB: 4·3600·1 MB = 14.4 GB/h, $1.44/h."""
    held = stores.store(spares=1, payload="100B")
    one = loaded(tmp_path / "a", stores=[held])
    plan = solved(one)
    (row,) = plan.stores
    assert (row.store, row.offer, row.shards, row.copies, row.spares, row.nodes) == ("docs", "shop/node", 1, 2, 1, 2)
    assert (row.memory, row.queries_per_second, row.capacity, row.binding) == (5e8, 4.0, 50.0, "availability")
    assert row.hourly == pytest.approx(2.0)
    assert plan.cost.components == pytest.approx(2.0)
    statement = plan.cost.statement
    assert statement is not None
    assert sum(line.cents_per_month for line in statement.lines) == round(plan.cost.total * 73_000)
    leaving = solved(loaded(tmp_path / "b", stores=[{**held, "payload": "100kB", "egress": {"cloud": "cloud"}, "vectors": "1k"}]))
    assert leaving.cost.components == pytest.approx(2.0 + 1.44)
    assert verify(loads(dumps(plan)), one) == []


def test_reports_name_the_store(tmp_path: Path) -> None:
    plan = solved(loaded(tmp_path))
    page = markdown.render(plan)
    assert "## Vector stores" in page
    assert "store docs" in page
    assert "shop/node" in page
    with StringIO() as screen:
        console.render(plan, Console(width=120, file=screen))
        assert "Vector stores" in screen.getvalue()


def test_plans_without_stores_do_not_speak_of_them(tmp_path: Path) -> None:
    assert "stores" not in dumps(solved(tiny.load(tmp_path, tiny.problem())))


def test_a_cache_spares_the_store_its_queries(tmp_path: Path) -> None:
    """60 requests/s need two nodes of 50/s; a free cache that answers a fifth leaves 48/s, and one node."""
    cache = {
        "name": "cache", "kind": "semantic_cache", **tiny.READ,
        "options": [{"name": "on", "answered": {"low": 0.2, "high": 0.2}, "wrong": {"low": 0, "high": 0}}],
    }  # fmt: skip
    for levers, nodes in (([], 2), ([cache], 1)):
        plan = solved(loaded(tmp_path / str(nodes), stores.searching(rate="60 req/s", levers=levers)))
        assert [row.copies for row in plan.stores] == [nodes]


def test_retrieval_depth_changes_egress(tmp_path: Path) -> None:
    """2 passages instead of 10 where that is offered at no loss: a fifth of the egress."""
    fewer = {
        "name": "k",
        "kind": "retrieval_depth",
        **tiny.READ,
        "options": [{"name": "2", "effects": [{"stage": "search", "chunks": 2}]}],
    }
    held = [stores.store(vectors="1k", payload="100kB", egress={"price": "$0.10/GB"})]
    plan = solved(loaded(tmp_path, stores.searching(levers=[fewer]), stores=held))
    assert plan.cost.components == pytest.approx(1.0 + 1.44 / 5)


def test_a_dearer_store_is_taken_where_time_is_worth_more(tmp_path: Path) -> None:
    """Nodes at 20 ms or 2 ms under a first token within 30 ms less: what is left decides, the whole plan with it.

    With only the slow nodes the same problem costs more, or has no plan: the choice is made within the same program.
    """
    tight = [{"metric": "ttft", "percentile": 95, "target": "90ms"}]
    chat = stores.searching(objectives=tight, input_tokens={"mean": 200, "scv": 0.1})
    both = solved(loaded(tmp_path / "both", chat))
    slow = loaded(tmp_path / "slow", chat, facts=stores.facts(**{"shop/node": {**stores.NODE, "hourly": "$1/h"}}))
    assert both.cost.total <= solved(slow).cost.total + 1e-9


def test_copies_are_held_for_the_busiest_period_and_queries_paid_as_they_come(tmp_path: Path) -> None:
    """120 requests/s by day and 20 by night, 12 h each: 3 copies of 50/s at $1/h all the time, 70 searches/s on average at
    3.6e-3 $/h each.
    """
    node = {**stores.NODE, "per_query": "$1/Mreq"}
    periods = [{"name": "day", "hours": 12}, {"name": "night", "hours": 12}]
    ask = stores.searching(rate={"day": "120 req/s", "night": "20 req/s"})
    one = loaded(tmp_path, ask, facts=stores.facts(**{"shop/node": node}), periods=periods)
    plan = solved(one)
    assert [(row.copies, row.queries_per_second) for row in plan.stores] == [(3, 120.0)]
    assert plan.cost.components == pytest.approx(3.0 + 70 * 3600 * 1e-6)


def test_tiers_and_segments_pass_the_check_and_pay_only_below_their_crossover(tmp_path: Path) -> None:
    """8M vectors, 3.2 GB on nodes of 1 GB: 4 nodes, or 1 and the rest cold at $1 a thousand of half the searches.

    Equal at (3 − 2.4·0.001)/(0.5·3.6) = 1.6653 searches/s; whole plans on either side.
    """
    point = {**stores.POINT, "vectors": "10M", "rate": "10000 req/s"}
    nodes = {
        "shop/node": {**stores.NODE, "searched": [point]},
        "shop/cold": {**stores.COLD, "per_query": "$1/kreq", "searched": [point]},
    }
    tier = {"hot_vectors": 0.25, "hot_queries": 0.5, "cold": ["shop/cold"]}
    held = stores.store(vectors="8M", tiers=[tier], types={"allow": ["shop/node"]})
    crossover = (3.0 - 2.4 * 0.001) / (0.5 * 3.6)
    for factor, tiers in ((0.99, ["cold", "hot"]), (1.01, ["whole"])):
        one = loaded(
            tmp_path / f"{factor}",
            stores.searching(rate=f"{factor * crossover} req/s"),
            facts=stores.facts(**nodes),
            stores=[held],
        )
        plan = solved(one)
        assert sorted(row.tier for row in plan.stores) == tiers
        assert plan.cost.components == pytest.approx(min(4.0, 1.0 + 2.4 * 0.001 + factor * crossover * 0.5 * 3.6))


def test_without_a_promise_a_store_adds_its_least_cost_and_nothing_else(tmp_path: Path) -> None:
    """The same calls of the model with a component that is free: the plans differ by the cheapest node, $1/h."""
    free = {"kind": "vector_store", "per_call": "$0/req", **tiny.READ}
    batch: dict[str, Any] = {"objectives": [], "deadline": "1h"}
    stages = stores.searching()["stages"]
    component = [{"name": "search", "component": free}, stages[1]]
    with_store = solved(loaded(tmp_path / "store", stores.searching(**batch)))
    without = solved(loaded(tmp_path / "free", stores.searching(**batch, stages=component), stores=[]))
    assert with_store.cost.total == pytest.approx(without.cost.total + 1.0)
    assert with_store.proof.bound == pytest.approx(without.proof.bound + 1.0)


def test_a_store_too_slow_for_the_promise_is_an_error_that_says_so(tmp_path: Path) -> None:
    tight = [{"metric": "ttft", "percentile": 95, "target": "15ms"}]
    one = loaded(tmp_path, stores.searching(objectives=tight), facts=stores.facts(**{"shop/node": stores.NODE}))
    with pytest.raises(InvalidInput) as raised:
        solved(one)
    (issue,) = raised.value.issues
    assert issue.path == "workloads[0].objectives"
    assert "stores" in issue.message
    assert "faster `types` of stores" in issue.remedy


def test_two_workloads_share_one_store(tmp_path: Path) -> None:
    """30 + 15 requests/s fit on the one node of 50/s: it is paid once, two thirds by the one and a third by the other."""
    one = loaded(tmp_path, stores.searching("ask", "30 req/s"), stores.searching("find", "15 req/s"))
    plan = solved(one)
    (row,) = plan.stores
    assert (row.workloads, row.copies, row.queries_per_second) == (("ask", "find"), 1, 45.0)
    paid = {cost.workload: cost.hourly for cost in plan.cost.by_stage if cost.stage == "search"}
    assert paid == pytest.approx({"ask": 2 / 3, "find": 1 / 3})
    alone = [
        solved(loaded(tmp_path / name, stores.searching(name, rate)))
        for name, rate in (("ask", "30 req/s"), ("find", "15 req/s"))
    ]
    assert sum(plan.cost.components for plan in alone) == pytest.approx(2.0)


FRESH = {"documents": "2 req/s", "tokens": {"mean": 200, "scv": 0.5}, "choose": {"models": {"allow": ["org/embed"]}}}


PACED = [{"metric": "tpot", "percentile": 95, "target": "60ms"}]
"""A promise that is not split over stages, so that there are few ways."""


def embedding(**fields: Any) -> dict[str, Any]:
    """A workload that embeds its query, searches, ranks what it finds and answers."""
    stages = [
        {"name": "embed", "role": "embed"},
        {"name": "search", "store": "docs"},
        {"name": "rank", "role": "rerank", "chunks": {"count": 5, "tokens": {"mean": 100, "scv": 0.5}}},
        {"name": "answer", "chunks": {"count": 5, "tokens": {"mean": 100, "scv": 0.5}}},
    ]
    return stores.searching(stages=stages, **fields)


def test_embedding_and_ranking_run_on_gpus_and_the_index_on_pools_of_its_own(tmp_path: Path) -> None:
    """The online embedding and the index use the same model and never the same pool, unless it is allowed."""
    hosts: dict[bool, dict[str, set[str]]] = {}
    cost = {}
    for share in (False, True):
        held = stores.store(refresh={**FRESH, "share_pools": share}, backfill={"documents": "1M", "months": 12})
        one = loaded(tmp_path / str(share), embedding(objectives=PACED), stores=[held])
        plan = solved(one)
        assert verify(plan, one) == []
        assert {pool.deployment.model for pool in plan.pools} >= {"org/embed", "org/rerank"}
        hosts[share] = {
            place: {pool.name for pool in plan.pools for used in pool.shares if used.stream.startswith(place)}
            for place in ("chat/embed", "docs index/embed")
        }
        cost[share] = plan.cost.total
    assert hosts[False]["docs index/embed"].isdisjoint(hosts[False]["chat/embed"])
    assert hosts[True]["docs index/embed"] & hosts[True]["chat/embed"]
    assert cost[True] < cost[False]


def test_the_index_has_the_rate_deadline_and_rules_of_its_store(tmp_path: Path) -> None:
    """2 documents/s of 3 chunks, and a million more over a year of 8,760 h: (2 + 1e6/(12·730·3600))·3 calls/s."""
    held = stores.store(refresh={**FRESH, "deadline": "6h"}, chunks=3, backfill={"documents": "1M", "months": 12})
    rules = {"external_api": False, "region_groups": ["eu"]}
    one = loaded(tmp_path, stores.searching(data=rules), stores=[held])
    flows = build_flows(one.problem, one.base)
    (stream,) = [stream for stream in flows.streams if stream.workload.name == "docs index"]
    assert stream.rate[0] == pytest.approx(3 * (2 + 1e6 / (12 * 730 * 3600)))
    assert (stream.role, stream.deadline, stream.objectives) == ("embed", 6 * 3600.0, ())
    assert (stream.workload.data.external_api, stream.workload.data.region_groups) == (False, ("eu",))
    assert not stream.movable


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("copies", 1, "copies"),
        ("shards", 3, "nodes"),
        ("memory", 1e8, "GB a copy stated"),
        ("capacity", 500.0, "queries/s a copy stated"),
        ("queries_per_second", 1.0, "is no part of it"),
        ("recall", 0.99, "was not measured"),
        ("hourly", 1.0, "stated"),
        ("latency", 0.001, "s stated"),
        ("latency", None, "s stated"),
        ("offer", "shop/none", "knows no such"),
        ("segment", "else", "knows no such"),
    ],
)
def test_the_check_notices_a_changed_store(tmp_path: Path, field: str, value: Any, said: str) -> None:
    one = loaded(tmp_path, stores=[stores.store(spares=1)])
    plan = solved(one)
    wrong = plan.stores[0].model_copy(update={field: value})
    found = verify(plan.model_copy(update={"stores": (wrong,)}), one)
    assert any(said in text for text in found), found
    assert verify(plan.model_copy(update={"stores": ()}), one) != []


def test_the_check_notices_pools_shared_against_the_rule(tmp_path: Path) -> None:
    held = [stores.store(refresh={**FRESH, "share_pools": True})]
    shared = loaded(tmp_path / "shared", embedding(objectives=PACED), stores=held)
    plan = solved(shared)
    apart = tuple(w.model_copy(update={"pools": "own"}) if w.name == "docs index" else w for w in shared.problem.workloads)
    changed = LoadedProblem(**{**vars(shared), "problem": shared.problem.model_copy(update={"workloads": apart})})
    assert any("may share no pool" in text for text in verify(plan, changed))


def test_workloads_on_other_sets_of_pools_share_none(tmp_path: Path) -> None:
    """Two small workloads share a machine's one pool; told apart, each has its own, and the plan is dearer."""
    for sets, pools in (((None, None), 1), (("a", "b"), 2), (("a", "a"), 1)):
        workloads = [
            tiny.workload(name, "0.5 req/s", **({"pools": group} if group else {}))
            for name, group in zip("xy", sets, strict=True)
        ]
        plan = solved(tiny.load(tmp_path / f"{sets}".replace("'", ""), tiny.problem(*workloads)))
        assert len(plan.pools) == pools
