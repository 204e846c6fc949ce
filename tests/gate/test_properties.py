"""Whatever a plan costs and holds: a looser limit never turns a rule that is kept into one that is broken."""

from __future__ import annotations

from datetime import date

import gated
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.domain.plan import Plan
from planner.domain.policy import Commitment, Policy
from planner.gate.finding import SLACK, Evidence
from planner.gate.judge import judge

AT_MOST = ("budget", "max_cost_per_1m", "max_increase", "max_gap", "max_age", "max_gpus", "max_pools")
AT_LEAST = ("min_headroom", "min_margin")
TODAY = date(2026, 11, 28)
amounts = st.floats(min_value=0.0, max_value=1e6)
shares = st.floats(min_value=0.0, max_value=1.0)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    body = gated.body()
    body["cost"]["total"] = draw(amounts)
    body["proof"]["gap"] = draw(shares)
    body["pools"][0]["loads"][0]["utilization"]["iteration time"] = draw(shares)
    body["promises"][0]["predicted"] = draw(st.floats(min_value=0.0, max_value=1.0))
    body["purchases"][0]["machines"]["day"] = draw(st.integers(0, 20))
    body["purchases"][0]["cost"] = draw(amounts)
    return Plan.model_validate(body)


def kept(plan: Plan, policy: Policy) -> bool:
    found = judge(Evidence(plan, TODAY, gated.plan()), policy)
    assert found.unknown == ()
    return found.holds


def limited(rule: str, limit: float) -> Policy:
    """Return a policy of one rule whose limit is already in base units."""
    return Policy().model_copy(update={rule: limit})


@pytest.mark.parametrize("rule", [*AT_MOST, *AT_LEAST])
@given(plan=plans(), limits=st.tuples(amounts | shares, amounts | shares))
def test_a_looser_limit_never_breaks_a_rule(rule: str, plan: Plan, limits: tuple[float, float]) -> None:
    tight, loose = sorted(limits, reverse=rule in AT_LEAST)
    if kept(plan, limited(rule, tight)):
        assert kept(plan, limited(rule, loose))


@given(plan=plans(), limits=st.tuples(shares, shares), hourly=st.booleans())
def test_nor_does_a_looser_commitment(plan: Plan, limits: tuple[float, float], hourly: bool) -> None:
    field = "hourly" if hourly else "share"
    tight, loose = (Policy(max_commitment=Commitment.model_construct(**{field: limit})) for limit in sorted(limits))
    if kept(plan, tight):
        assert kept(plan, loose)


@given(plan=plans(), names=st.sets(st.sampled_from(["aws", "lam*", "?ws", "gcp", "*"]), min_size=1), more=st.text(min_size=1))
def test_nor_does_another_seller_that_is_allowed(plan: Plan, names: set[str], more: str) -> None:
    if kept(plan, Policy.model_validate({"allow_seller": [*names]})):
        assert kept(plan, Policy.model_validate({"allow_seller": [*names, more[:100]]}))


@given(cost=st.floats(min_value=1e-3, max_value=1e6))
def test_a_budget_of_just_the_cost_is_kept_by_the_hour_and_by_the_month(cost: float) -> None:
    body = gated.body()
    body["cost"]["total"] = float(f"{cost:.12g}")
    plan = Plan.model_validate(body)
    assert kept(plan, Policy.model_validate({"budget": f"${body['cost']['total']:.12f}/h"}))
    assert kept(plan, Policy.model_validate({"budget": f"${730 * body['cost']['total']:.12f}/month"}))
    assert not kept(plan, limited("budget", body["cost"]["total"] * (1 - 10 * SLACK) - 10 * SLACK))
