"""Reasons and facts: said once, weakest first."""

from __future__ import annotations

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.plan.explain import STANDINGS

Case = tuple[Plan, LoadedProblem]


def test_facts_are_said_once_weakest_first(mixed: Case) -> None:
    facts = mixed[0].facts
    said = [(fact.statement, fact.source) for fact in facts]
    assert len(set(said)) == len(said)
    order = [STANDINGS.index(fact.standing) for fact in facts]
    assert order == sorted(order)
    assert any(fact.subject == "chat, code, notes, hasty" for fact in facts)


def test_reasons_name_every_pool_and_api(mixed: Case) -> None:
    plan, _ = mixed
    text = " ".join(plan.reasons)
    for name in (*(pool.name for pool in plan.pools), *(route.api for route in plan.apis)):
        assert name in text
