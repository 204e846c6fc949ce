"""A plan with stages and levers from end to end: it adds up, passes its check, also as read back from its file."""

from __future__ import annotations

import pytest

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.plan.basis import Basis
from planner.plan.verify import verify
from planner.report import jsonout

Case = tuple[Plan, LoadedProblem]


def test_it_passes_its_check_also_as_read_back(staged: Case) -> None:
    plan, loaded = staged
    assert verify(plan, loaded) == []
    assert verify(jsonout.loads(jsonout.dumps(plan)), loaded) == []


def test_another_way_than_the_one_taken_fails_it(staged: Case) -> None:
    plan, loaded = staged
    way = plan.ways[0]
    for changed in ({"settings": {}}, {"budgets": {name: 1.01 * time for name, time in way.budgets.items()}}):
        ways = (way.model_copy(update=changed), *plan.ways[1:])
        assert verify(plan.model_copy(update={"ways": ways}), loaded) != []


def test_budgets_are_known_to_the_digits_they_are_written_with(staged: Case) -> None:
    plan, loaded = staged
    near = {name: time * (1 + 1e-12) for name, time in plan.ways[0].budgets.items()}
    close = plan.model_copy(update={"ways": (plan.ways[0].model_copy(update={"budgets": near}), *plan.ways[1:])})
    assert near != plan.ways[0].budgets
    assert Basis(close, loaded).ways["help desk"] is not None


def test_stages_add_up_to_requests(staged: Case) -> None:
    plan, _ = staged
    way = plan.ways[0]
    rows = [row for row in plan.cost.by_stage if row.workload == way.workload]
    spent = next(row for row in plan.cost.by_workload if row.workload == way.workload)
    assert way.per_thousand_requests == pytest.approx(spent.hourly / (24 * 3.6))
    assert sum(row.share for row in rows) == pytest.approx(spent.share)
    assert sum(row.share for row in plan.cost.by_stage) == pytest.approx(1.0)
    paths = [path for path in plan.cost.by_path if path.workload == way.workload]
    assert sum(path.share for path in paths) == pytest.approx(1.0)
    assert sum(path.share * path.per_thousand_requests for path in paths) == pytest.approx(way.per_thousand_requests)


def test_tokens_do_not_pay_for_components(staged: Case) -> None:
    plan, loaded = staged
    row = next(row for row in plan.cost.by_workload if row.workload == "help desk")
    own = [stream for stream in Basis(plan, loaded).streams.values() if stream.workload.name == "help desk"]
    prompts = 3600e-6 * sum(stream.rate[0] * stream.prompt.mean for stream in own)
    answers = 3600e-6 * sum(stream.rate[0] * stream.output.mean for stream in own)
    assert row.per_million_input is not None
    assert row.per_million_output is not None
    tokens = row.per_million_input * prompts + row.per_million_output * answers
    assert tokens == pytest.approx(row.hourly - plan.cost.levers - plan.cost.components)


def test_every_stream_has_a_short_name_of_its_own(staged: Case) -> None:
    plan, _ = staged
    names = {stream: short for way in plan.ways for stream, short in way.streams.items()}
    used = {share.stream for pool in plan.pools for share in pool.shares}
    assert set(names) == used
    assert set(names.values()) == {"help desk/plan", "help desk/answer", "chat"}


def test_levers_and_components_are_facts_with_their_standing(staged: Case) -> None:
    facts = {fact.subject: fact for fact in staged[0].facts}
    cache = facts["help desk: cache"]
    assert cache.standing == "assumed"
    assert "answers 30% of requests (known: 30% to 40%)" in cache.statement
    assert "the end of each range that costs more" in cache.statement
    assert "not read in a source: answered" in cache.statement
    assert cache.source == "a paper (2026-01)"
    assert facts["chat: short"].standing == "published"
    assert "output × 0.5" in facts["chat: short"].statement
    assert "solver.effects" not in facts["chat: short"].statement
    assert facts["help desk/search"].statement == "component: $0.0001 a call, 40 ms, 90 ms at p95"
    assert facts["help desk/check (v1)"].statement == "component: 40 ms, 90 ms at p95"


def test_sentences_name_streams_without_settings(staged: Case) -> None:
    said = " ".join((*staged[0].reasons, *staged[0].warnings, *(fact.subject for fact in staged[0].facts)))
    assert "~" not in said
    assert "help desk/answer" in said
