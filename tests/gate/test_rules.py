"""Every rule against a plan made by hand: kept at its limit, broken just beyond, and what is said; figures that are missing."""

from __future__ import annotations

from datetime import date
from typing import Any

import gated
import pytest

from planner.domain.plan import Fact, Plan
from planner.domain.plan_stores import StorePart
from planner.domain.policy import RULES, Policy
from planner.gate.finding import Evidence, Finding
from planner.gate.judge import CHECKS, Judgement, judge

TODAY = date(2026, 11, 28)
PLAN = gated.plan()


def checked(plan: Plan = PLAN, baseline: Plan | None = None, **rules: Any) -> Judgement:
    """Hold a plan against rules as they are written."""
    return judge(Evidence(plan, TODAY, baseline), Policy.model_validate(rules))


def one(plan: Plan = PLAN, baseline: Plan | None = None, **rules: Any) -> Finding:
    """Return the only finding."""
    found = checked(plan, baseline, **rules)
    assert found.unknown == ()
    (finding,) = found.findings
    return finding


def unknown(plan: Plan = PLAN, **rules: Any) -> str:
    """Return the only thing that cannot be told, with its remedy."""
    found = checked(plan, **rules)
    assert found.findings == ()
    assert not found.holds
    (missing,) = found.unknown
    assert missing.message
    assert missing.remedy
    return f"{missing.message} → {missing.remedy}"


# Rule: (its limit exactly, a limit just too tight, what is said of the figure). Figures are those of `gated`, by hand:
# 10 $/h · 730 h = 7300 $; 10 $/h over 8M tokens/h = 1.25 $; chat 8/4 = 2 $; committed 3 $/h of 10; headroom 1 − 0.8;
# margin (500 − 400)/500; GPUs 2 + 2 + 1 by day; from 2026-08-03 to 2026-11-28 it is 28 + 30 + 31 + 28 = 117 days.
LIMITS: dict[str, tuple[Any, Any, str]] = {
    "budget": ("$7300/month", "$7299/month", "average cost: $10.00/h ($7,300/mo)"),
    "max_cost_per_1m": ("$1.25", "$1.24", "cost of a million tokens: $1.25"),
    "max_workload_cost_per_1m": ({"chat": "$2"}, {"chat": "$1.99"}, "cost of a million tokens of chat: $2.00"),
    "max_commitment": ("30%", "29%", "committed to (aws/one reserved_1y): 30%"),
    "min_headroom": ("20%", "21%", "unused by P1 in day (iteration time): 20%"),
    "min_margin": ("20%", "21%", "margin of TTFT p95 of chat on P1 in day, predicted 400 ms of 500 ms: 20%"),
    "max_gap": ("1%", "0.9%", "proven gap: 1%"),
    "max_gpus": (5, 4, "accelerators held at once in day: 5"),
    "max_pools": (2, 1, "pools: 2"),
    "max_age": ("117 days", "116 days", "age of the oldest price, lambda/one in us, on demand, 2026-08-03: 117 days"),
    "allow_seller": (["AWS", "lam*"], ["aws"], "lambda"),
    "allow_region": (["eu-*", "us"], ["eu-*"], "us"),
    "catalog_digest": (gated.DIGEST, "2" * 64, f"made with catalogs {gated.DIGEST}"),
}


@pytest.mark.parametrize("rule", LIMITS)
def test_a_limit_is_kept_when_it_is_met_exactly(rule: str) -> None:
    limit, _, said = LIMITS[rule]
    found = one(**{rule: limit})
    assert found.kept, found
    assert said in found.said
    assert found.rule == rule
    assert found.note


@pytest.mark.parametrize("rule", LIMITS)
def test_its_twin_is_broken_and_says_what_would_have_to_change(rule: str) -> None:
    limit, tight, said = LIMITS[rule]
    found = one(**{rule: tight})
    assert not found.kept
    assert said in found.said
    assert found.note != one(**{rule: limit}).note
    assert len(found.note) > 10


def test_every_rule_has_its_check_and_is_tried_here() -> None:
    assert tuple(CHECKS) == RULES
    assert set(LIMITS) | {"max_increase", "simulated", "require_complete"} == set(RULES)


def test_rules_come_in_the_order_of_the_policy() -> None:
    found = checked(**{rule: limit for rule, (limit, _, _) in reversed(LIMITS.items())})
    assert [finding.rule for finding in found.findings] == [rule for rule in RULES if rule in LIMITS]
    assert found.holds
    assert found.broken == ()


def test_what_must_change_is_a_figure() -> None:
    """$10/h to $8/h is a fifth less; 80% used is to be 70%: 8/7 of the demand; a margin of 25% of 500 ms leaves 375 ms."""
    assert one(budget="$8/h").note.startswith("must fall by 20%; chat costs most, $8.00/h")
    assert "1.14 times the demand that P1 serves" in one(min_headroom="30%").note
    assert "must come out at 375 ms" in one(min_margin="25%").note
    assert "lower the limit" in one(min_headroom="100%").note


def test_figures_that_round_alike_are_told_apart() -> None:
    assert "average cost: $10/h, at most $9.9996/h" in one(budget="$9.9996/h").said


# Cost


def test_a_commitment_in_dollars_counts_units_by_the_year_but_not_by_the_hour() -> None:
    both = gated.plan(provisioned=[gated.units("yearly", 2.0).model_dump(), gated.units("hourly", 1.0).model_dump()])
    assert one(both, max_commitment="$5/h").kept
    assert one(both, max_commitment="$4.99/h").said == (
        "committed to (aws/one reserved_1y, openai/gpt-4.1 units yearly): $5.00/h, at most $4.99/h"
    )


def test_two_reservations_of_one_kind_of_machine_both_count() -> None:
    """$3/h in one region and as much in another."""
    first = gated.body()["purchases"][0]
    both = gated.plan(purchases=[first, {**first, "region": "eu-west-2"}])
    assert one(both, max_commitment="$6/h").kept
    assert not one(both, max_commitment="$5/h").kept


def test_several_workloads_are_several_findings() -> None:
    found = checked(max_workload_cost_per_1m={"chat": "$1", "tags": "$1"})
    assert [(finding.subject, finding.kept) for finding in found.findings] == [("chat", False), ("tags", True)]


def test_tokens_that_are_not_written_down_are_asked_for() -> None:
    old = gated.body()
    del old["cost"]["by_workload"][1]["tokens_per_hour"]
    assert "how many tokens tags has" in unknown(Plan.model_validate(old), max_cost_per_1m="$5")
    assert "make the plan again" in unknown(Plan.model_validate(old), max_workload_cost_per_1m={"tags": "$5"})
    assert one(Plan.model_validate(old), max_workload_cost_per_1m={"chat": "$5"}).kept
    old["cost"]["by_workload"][1]["tokens_per_hour"] = 0.0
    assert "no tokens go through models" in unknown(Plan.model_validate(old), max_workload_cost_per_1m={"tags": "$5"})


def test_a_workload_that_is_not_there_is_no_pass() -> None:
    assert "no workload 'chats' → name one of its own: chat, tags" in unknown(max_workload_cost_per_1m={"chats": "$5"})


def test_an_increase_is_measured_from_the_other_plan() -> None:
    """$10/h after $8/h is a quarter more."""
    other = gated.body()
    other["cost"]["total"] = 8.0
    base = Plan.model_validate(other)
    assert one(baseline=base, max_increase="25%").kept
    tight = one(baseline=base, max_increase="20%")
    assert (tight.kept, tight.said) == (False, "increase in cost: 25%, at most 20%")
    assert tight.note == "$10.00/h now, $8.00/h in the plan compared with: must fall by 4%"
    assert "another problem (other)" in one(baseline=gated.plan(problem="other"), max_increase=0).note
    other["cost"]["total"] = 0.0
    assert checked(baseline=Plan.model_validate(other), max_increase=0.5).unknown
    assert "--against" in unknown(max_increase=0.5)


# Service


def test_headroom_is_that_of_the_resource_most_in_use() -> None:
    body = gated.body()
    body["pools"][1]["loads"][0]["utilization"] = {"iteration time": 0.1, "kv_memory": 0.95}
    assert one(Plan.model_validate(body), min_headroom="5%").said == "unused by P2 in day (kv memory): 5%, at least 5%"


def test_there_is_no_headroom_without_pools_or_their_use() -> None:
    assert "no pools" in unknown(gated.plan(pools=[]), min_headroom=0)
    body = gated.body()
    body["pools"][0]["loads"][0]["utilization"] = {}
    assert "how far P1 is used" in unknown(Plan.model_validate(body), min_headroom=0)


def test_margins_are_those_of_hard_promises() -> None:
    assert one(min_margin=0).kept, "the soft promise that is missed does not count"
    soft = [promise for promise in gated.body()["promises"] if promise["soft"]]
    assert "no hard latency promise" in unknown(gated.plan(promises=soft), min_margin=0)
    late = [{**gated.body()["promises"][0], "predicted": 0.6, "holds": False}]
    assert not one(gated.plan(promises=late), min_margin=0).kept
    senseless = [{**gated.body()["promises"][0], "target": 0.0}]
    assert "no target above 0" in unknown(gated.plan(promises=senseless), min_margin=0)


def test_a_simulation_must_be_there_and_hold() -> None:
    assert one(simulated=True).said == "the plan carries no simulation"
    good = PLAN.model_copy(update={"simulation": gated.simulation(PLAN)})
    assert one(good, simulated=True).said == "attained: 3 of 4 promises, 1 round, 1 soft missed"
    assert one(good, simulated=True).kept
    late = PLAN.model_copy(update={"simulation": gated.simulation(PLAN, slow=0)})
    assert one(late, simulated=True).said == (
        "1 hard promise missed: TTFT p95 of chat on P1 in day attained 1 s, 500 ms promised"
    )
    never = PLAN.model_copy(update={"simulation": gated.simulation(PLAN, slow=0, never=True)})
    assert "was never reached" in one(never, simulated=True).said


def test_a_simulation_of_a_part_is_none() -> None:
    whole = gated.simulation(PLAN)
    part = PLAN.model_copy(update={"simulation": whole.model_copy(update={"promises": whole.promises[1:]})})
    found = one(part, simulated=True)
    assert (found.kept, found.said) == (False, "1 hard promise not simulated: TTFT p95 of chat on P1 in day")


# Proof


def test_a_complete_proof() -> None:
    assert one(require_complete=True).kept
    lacks = {
        "not proved to the gap": {"termination": "feasible"},
        "screened by an estimate": {"complete": False},
        "leaves out 3 ways": {"ways_left_out": 3, "ways_loss": 0.5},
    }
    for said, change in lacks.items():
        found = one(gated.plan(proof={**gated.body()["proof"], **change}), require_complete=True)
        assert not found.kept
        assert said in found.said


def test_a_plan_that_does_not_say_what_its_bound_covers() -> None:
    proof = {name: value for name, value in gated.body()["proof"].items() if name != "complete"}
    assert "make the plan again" in unknown(gated.plan(proof=proof), require_complete=True)


def test_a_gap_opened_by_the_simulation_is_not_closed_by_more_time() -> None:
    asked = gated.simulation(PLAN).model_copy(update={"tightened": ("P1: more",)})
    found = one(PLAN.model_copy(update={"simulation": asked}), max_gap=0)
    assert "solve without --verify" in found.note
    assert "--time-limit" in one(max_gap=0).note


def test_a_month_is_as_old_as_its_first_day() -> None:
    """2026-09-01 is 88 days before 2026-11-28."""
    bought = [gated.body()["purchases"][0]]
    assert one(gated.plan(purchases=bought), max_age="88 days").kept
    assert not one(gated.plan(purchases=bought), max_age="87 days").kept


@pytest.mark.parametrize("source", ["price list", "", "list (2026-13)", "list (2026-02-30)", "(2026-01-01) read again"])
def test_a_price_without_a_day_cannot_be_judged(source: str) -> None:
    bought = [{**gated.body()["purchases"][0], "price_source": source}]
    assert "no day stands with the price of aws/one in eu-west-1, reserved 1y" in unknown(
        gated.plan(purchases=bought), max_age="9 days"
    )


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_prices_of_one_offer_the_older_counts(order: int) -> None:
    """2026-01-01 is 331 days before 2026-11-28."""
    bought = [{**gated.body()["purchases"][0], "price_source": f"list ({day})"} for day in ("2026-01-01", "2026-11-01")]
    assert one(gated.plan(purchases=bought[::order]), max_age="331 days").figure == 331


def test_prices_of_apis_units_and_stores_count() -> None:
    assert "openai/gpt-4.1: genai-prices" in unknown(gated.plan(apis=[gated.api().model_dump()]), max_age="999 days")
    units = gated.plan(provisioned=[gated.units("hourly", 1.0).model_dump()])
    assert "openai/gpt-4.1 units, 2026-07-01: 150 days" in one(units, max_age="150 days").said
    assert "docs on qdrant/node" in unknown(stored(), max_age="999 days")
    fact = Fact(subject="docs on qdrant/node", statement="price", standing="published", source="page (2024-01)")
    assert "docs on qdrant/node, 2024-01-01" in one(stored().model_copy(update={"facts": (fact,)}), max_age="9999 days").said


def test_machines_that_are_not_held_have_no_age() -> None:
    none = [{**gated.body()["purchases"][2], "machines": {"day": 0, "night": 0}}]
    assert "pays for nothing" in unknown(gated.plan(purchases=none), max_age="999 days")


def test_a_price_from_the_future_is_no_young_price() -> None:
    bought = [{**gated.body()["purchases"][0], "price_source": "list (2026-11-29)"}]
    assert "check the clock" in unknown(gated.plan(purchases=bought), max_age="9 days")


# Places


def stored() -> Plan:
    """The plan with a vector store."""
    part = {
        "store": "docs",
        "segment": "all",
        "tier": "whole",
        "offer": "qdrant/node",
        "workloads": ["chat"],
        "binding": "memory",
        "shards": 1,
        "copies": 1,
        "spares": 0,
        "nodes": 1,
        "latency": None,
        **dict.fromkeys(("vectors", "memory", "recall", "measured_vectors", "queries_per_second", "capacity", "hourly"), 1.0),
    }
    return PLAN.model_copy(update={"stores": (StorePart.model_validate(part),)})


def test_sellers_are_those_of_machines_apis_and_stores() -> None:
    apis = gated.plan(apis=[gated.api().model_dump()], provisioned=[gated.units("hourly", 1.0).model_dump()])
    assert one(apis, allow_seller=["aws", "lambda"]).said == "sellers not allowed: openai; allowed are aws, lambda"
    assert one(apis, allow_seller=["aws", "lambda", "openai"]).kept
    assert one(stored(), allow_seller=["aws", "lambda"]).said.startswith("sellers not allowed: qdrant")
    assert one(allow_seller=["*"]).figure == ("aws", "lambda")


def test_regions_of_apis_and_stores_are_not_in_a_plan() -> None:
    assert "openai/gpt-4.1" in unknown(gated.plan(apis=[gated.api().model_dump()]), allow_region=["*"])
    assert "docs on qdrant/node" in unknown(stored(), allow_region=["*"])


# All


def test_no_rule_is_trusted_on_a_figure_that_is_no_number() -> None:
    body = gated.body()
    body["pools"][0]["loads"][0]["utilization"]["kv memory"] = float("nan")
    assert "no finite number" in unknown(Plan.model_validate(body), max_pools=9)
    found = checked(baseline=Plan.model_validate(body), max_pools=9)
    assert found.unknown[0].rule == "pools[0].loads[0].utilization.kv memory"


def test_a_limit_of_nothing_is_a_rule() -> None:
    """0 and false are not the same: no GPUs at all may be what is wanted."""
    assert not one(max_gpus=0).kept
    assert not one(budget="$0/h").kept
    assert checked(simulated=False, require_complete=False).findings == ()
