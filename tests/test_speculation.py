"""Speculative decoding as a choice: off unless offered, taken where it pays, never dearer, and known to everything downstream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from brute_plan import least_cost
from drafts import OFFER, chat, facts

from planner.candidates.alike import flows_of
from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import Infeasible
from planner.perf.step import iteration_time
from planner.pipeline import explain_absence, plan_as_stated
from planner.plan.predict import Replicas
from planner.plan.verify import verify
from planner.report import jsonout, markdown
from planner.simulate.cluster import simulate
from planner.simulate.deploy import engine_of
from planner.simulate.requests import plain

NEAR = 1e-6


def cost(folder: Path, made: dict[str, Any], known: dict[str, Any] | None = None) -> float:
    """Cost of the plan; inf if there is none."""
    try:
        return plan_as_stated(tiny.load(folder, made, facts() if known is None else known), lambda _: None).cost.total
    except Infeasible:
        return np.inf


def why_not_in(loaded: LoadedProblem, words: list[str]) -> list[str]:
    return explain_absence(loaded, words, lambda _: None)


def drafting(plan: Plan) -> set[tuple[str, int]]:
    return {(how.speculator, how.draft_tokens) for pool in plan.pools if (how := pool.deployment.speculation) is not None}


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, LoadedProblem]:
    """Weights of 47 GB take 18 ms to read: 15 ms a token cannot be had on one device without drafting."""
    loaded = tiny.load(tmp_path_factory.mktemp("tight"), tiny.problem(chat("0.3 req/s", "15ms"), choose=OFFER), facts())
    return plan_as_stated(loaded, lambda _: None), loaded


def test_it_pays_at_a_tight_time_per_token_and_few_calls(tight: tuple[Plan, LoadedProblem], tmp_path: Path) -> None:
    found, loaded = tight
    assert drafting(found) == {("eagle3/large", 4)}
    assert verify(found, loaded) == []
    assert found.cost.total < cost(tmp_path, tiny.problem(chat("0.3 req/s", "15ms")))


def test_the_plan_says_what_it_takes_to_be_accepted(tight: tuple[Plan, LoadedProblem]) -> None:
    """The pessimistic end; both ends and the source stand beside it, in the plan and in every report."""
    found, _ = tight
    how = found.pools[0].deployment.speculation
    assert how is not None
    assert (how.emitted, how.emitted_low, how.emitted_high, how.source) == (2.4, 2.4, 3.1, "test (2026-01)")
    assert jsonout.loads(jsonout.dumps(found)).pools[0].deployment.speculation == how
    assert "eagle3/large γ 4, 2.4 tokens a step (2.4–3.1)" in markdown.render(found)
    assert any(fact.subject == "eagle3/large" and "2.4 to 3.1" in fact.statement for fact in found.facts)


@pytest.mark.parametrize(("view", "emitted"), [("pessimistic", 2.4), ("middle", 2.75), ("optimistic", 3.1)])
def test_effects_choose_the_end_of_the_range(tmp_path: Path, view: str, emitted: float) -> None:
    solver = {"gap": 0, "time_limit": "20s", "effects": view}
    only = [{"draft_tokens": 4, "emitted_low": 2.4, "emitted_high": 3.1}]
    made = tiny.problem(chat("0.3 req/s", "15ms"), choose=OFFER, solver=solver)
    loaded = tiny.load(tmp_path, made, facts(points=only))
    how = plan_as_stated(loaded, lambda _: None).pools[0].deployment.speculation
    assert how is not None
    assert how.emitted == pytest.approx(emitted)


def test_its_twin_with_much_offline_work_is_better_off_without(tmp_path: Path) -> None:
    batch = {**chat("40 req/s", "15ms"), "objectives": [], "deadline": "2h"}
    found = plan_as_stated(tiny.load(tmp_path, tiny.problem(batch, choose=OFFER), facts()), lambda _: None)
    assert found.pools
    assert not drafting(found)


def test_off_unless_offered_and_then_as_if_it_did_not_exist(tmp_path: Path) -> None:
    """With speculators in the catalog and none in `choose`, plan.json is what it is without them, digest of the catalog aside."""
    made = tiny.problem(tiny.workload(rate="9 req/s"))
    texts = []
    for name, known in (("with", facts()), ("without", {**facts(), "speculators": {}})):
        body = json.loads(jsonout.dumps(plan_as_stated(tiny.load(tmp_path / name, made, known), lambda _: None)))
        texts.append({key: value for key, value in body.items() if "digest" not in key})
        assert all("speculation" not in pool["deployment"] for pool in body["pools"])
    assert json.dumps(texts[0], sort_keys=True).replace("with/", "") == json.dumps(texts[1], sort_keys=True).replace(
        "without/", ""
    )


def test_a_workload_may_refuse_what_the_problem_offers(tmp_path: Path) -> None:
    workload = chat("0.3 req/s", "60ms")
    workload["choose"] |= {"speculators": {"forbid": ["*"]}}
    loaded = tiny.load(tmp_path, tiny.problem(workload, choose=OFFER), facts())
    assert not drafting(plan_as_stated(loaded, lambda _: None))


@pytest.mark.parametrize("seed", range(4))
def test_offering_it_never_raises_cost(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    workload = chat(f"{rng.uniform(0.1, 12):.2f} req/s", f"{rng.uniform(12, 80):.0f}ms")
    offered = cost(tmp_path / "a", tiny.problem(workload, choose=OFFER))
    assert offered <= cost(tmp_path / "b", tiny.problem(workload)) * (1 + NEAR)


@pytest.mark.parametrize(("rate", "tpot"), [("0.6 req/s", "16ms"), ("6 req/s", "30ms")])
def test_brute_force_finds_nothing_cheaper(tmp_path: Path, rate: str, tpot: str) -> None:
    """Every deployment, drafting or not, on every number of machines."""
    loaded = tiny.load(tmp_path, tiny.problem(chat(rate, tpot), choose=OFFER), facts())
    found = plan_as_stated(loaded, lambda _: None).cost.total
    assert found == pytest.approx(least_cost(loaded, found), rel=NEAR)


def test_simulation_takes_the_same_time_per_token(tight: tuple[Plan, LoadedProblem]) -> None:
    """An almost idle replica, call by call: tokens come in lumps of E, at the plan's mean time each."""
    found, loaded = tight
    pool = found.pools[0]
    streams = flows_of(loaded.problem, loaded.base, loaded.catalog).streams
    confidence = loaded.problem.solver.confidence
    replicas = Replicas(loaded.catalog, pool.deployment, pool.instance, streams, loaded.problem.operations, confidence)
    engine = engine_of(replicas, pool.deployment, loaded.catalog)
    assert engine.width == 5
    calls = 300
    served = simulate(engine, plain(np.arange(calls) * 20.0, np.full(calls, 200), np.full(calls, 300)), seed=1)
    seen = float(np.mean(served.tpot))
    alone = float(
        iteration_time(replicas.compiled.step, np.ones(1), replicas.compiled.traffic[0].kv, np.zeros(1), np.zeros(1))[0]
    )
    assert seen == pytest.approx(alone / 2.4, rel=0.03)


def test_why_not_and_why(tight: tuple[Plan, LoadedProblem], tmp_path: Path) -> None:
    """What was tried has its price, what was not offered says so."""
    offered = tiny.load(tmp_path / "a", tiny.problem(chat("4 req/s", "80ms"), choose=OFFER), facts())
    assert any("eagle3/large@2 for chat: " in line and "$" in line for line in why_not_in(offered, ["eagle3/large@2"]))
    refused = facts(method="mtp")
    unknown = tiny.load(tmp_path / "b", tiny.problem(chat("4 req/s", "80ms"), choose=OFFER), refused)
    assert any("does not draft by mtp" in line for line in why_not_in(unknown, ["eagle3/large", "engine"]))
    silent = tiny.load(tmp_path / "c", tiny.problem(chat("4 req/s", "80ms")), facts())
    assert any("not offered" in line for line in why_not_in(silent, ["eagle3/large"]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"emitted": 3.1}, "eagle3/large emits 2.4 tokens an iteration, not 3.1"),
        ({"emitted_high": 4.0}, "emits 3.1 tokens an iteration, not 4"),
        ({"draft_tokens": 3}, "no acceptance of eagle3/large with 3 drafted tokens is known"),
        ({"speculator": "mtp/large"}, "the catalogs have no speculator mtp/large"),
    ],
)
def test_verification_knows_what_was_measured(tight: tuple[Plan, LoadedProblem], change: dict[str, Any], says: str) -> None:
    found, loaded = tight
    pool = found.pools[0]
    how = pool.deployment.speculation
    assert how is not None
    deployment = pool.deployment.model_copy(update={"speculation": how.model_copy(update=change)})
    wrong = found.model_copy(update={"pools": (pool.model_copy(update={"deployment": deployment}), *found.pools[1:])})
    assert any(says in line for line in verify(wrong, loaded))


def test_verification_refuses_what_was_not_offered(tight: tuple[Plan, LoadedProblem], tmp_path: Path) -> None:
    found, _ = tight
    loaded = tiny.load(tmp_path, tiny.problem(chat("0.3 req/s", "15ms")), facts())
    same = found.model_copy(update={"problem_digest": loaded.digest})
    assert any("eagle3/large is not allowed" in line for line in verify(same, loaded))


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "ngram", "draft": None},
        {"method": "eagle3", "draft": {"layers": 2, "kv_heads": 8, "head_dim": 128, "bits": 8, "parallel": True}},
        {"method": "draft_model", "draft": {"model": "org/small"}},
        {"points": [], "constant": {"low": 0.7, "high": 0.8, "draft_tokens": [3, 5]}},
    ],
)
def test_every_kind_of_draft_can_be_planned_with(tmp_path: Path, changes: dict[str, Any]) -> None:
    known = facts(**changes)
    known["engines"]["engine"]["speculation"] += ["draft_model"]
    loaded = tiny.load(tmp_path, tiny.problem(chat("0.3 req/s", "17ms"), choose=OFFER), known)
    found = plan_as_stated(loaded, lambda _: None)
    assert drafting(found)
    assert verify(found, loaded) == []
