"""Every file in problems/ gives the answer that its opening comment promises, and the answer holds under the independent check.

Ranges are those of the comments: wide enough for a price list or a coefficient to move, narrow enough to notice another answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from manifests import exported

from planner.catalog.problem import LoadedProblem, load_problem
from planner.domain.plan import Plan
from planner.export.kinds import KINDS
from planner.pipeline import plan_problem
from planner.plan.verify import verify
from planner.report.jsonout import dumps, loads

PROBLEMS = Path(__file__).parents[2] / "problems"


@dataclass(frozen=True)
class Expected:
    """What a problem file's opening comment promises."""

    models: tuple[str, ...]
    """Beginnings of model names, one of which every pool runs."""
    accelerators: tuple[str, ...]
    """Accelerators that are held, no others."""
    cost: tuple[float, float]
    """Range [$/h]."""
    pools: tuple[int, int]
    """Range."""
    apis: tuple[str, ...] = ()
    """APIs used."""


EXPECTED = {
    "quickstart": Expected(("mistralai/Mistral-Small", "google/gemma-3-27b"), ("gh200-96", "h100-sxm"), (4, 7), (1, 1)),
    "chat-code-batch": Expected(("Qwen/", "google/", "microsoft/", "mistralai/"), ("gh200-96",), (6, 9.5), (2, 3)),
    "long-documents": Expected(("meta-llama/Llama-3.1-70B",), ("b200-sxm",), (20, 35), (1, 1)),
    "private-data": Expected(("Qwen/", "mistralai/Mistral-Small"), ("b200-sxm",), (18, 28), (1, 2)),
    "api-or-own": Expected((), (), (1.0, 1.2), (0, 0), ("groq/llama-3.3-70b",)),
    "buy-or-build": Expected(
        ("microsoft/", "meta-llama/", "Qwen/", "google/"),
        ("l4", "l40s"),
        (53, 59),
        (1, 2),
        ("openai/gpt-4.1", "openai/gpt-4.1-mini"),
    ),
    "voice-assistant": Expected(("meta-llama/Llama-3.3-70B", "meta-llama/Llama-3.1-70B"), ("b200-sxm",), (35, 60), (1, 2)),
    "code-completion": Expected(("openai/gpt-oss-20b",), ("gh200-96",), (8, 12), (1, 1)),
    "large-moe": Expected(("Qwen/Qwen3-235B", "deepseek-ai/", "zai-org/", "moonshotai/"), ("h200-sxm",), (35, 50), (1, 1)),
    "assistant": Expected(("Qwen/Qwen3-Next-80B", "meta-llama/Llama-3.1-8B"), ("mi300x",), (12, 20), (2, 2)),
    "retrieval": Expected(("Qwen/Qwen3-Next-80B", "BAAI/bge-m3"), ("gh200-96", "l4"), (13, 17), (3, 3)),
    "procurement": Expected(("microsoft/phi-4",), ("l40s",), (15, 20), (1, 3)),
    "own-site": Expected(("microsoft/phi-4",), ("l40s", "h100-sxm"), (9, 11), (2, 4)),
    "growth": Expected(("google/gemma-3-12b",), ("l40s",), (7, 9.2), (1, 2)),
    "rag-support": Expected(("google/gemma-3-12b", "microsoft/phi-4"), ("l40s", "l4"), (12, 18), (1, 5)),
}

INFEASIBLE = "infeasible"

LARGEST = "mix-benchmark"
"""Ten workloads over all catalogs: solved here to a loose gap only; its speed is measured in benchmarks/."""


@cache
def loaded(name: str) -> LoadedProblem:
    """A problem file, read once."""
    return load_problem(PROBLEMS / f"{name}.yaml")


@cache
def solved(name: str) -> Plan:
    """The plan of a problem file, made once."""
    return plan_problem(loaded(name), progress=lambda _: None)


def changed(name: str, *swaps: tuple[str, str], folder: Path) -> Plan:
    """The plan of a problem file after changes to its text."""
    text = (PROBLEMS / f"{name}.yaml").read_text(encoding="utf-8")
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    path = folder / "changed.yaml"
    path.write_text(text, encoding="utf-8")
    return plan_problem(load_problem(path), progress=lambda _: None)


def test_every_file_is_expected() -> None:
    assert {path.stem for path in PROBLEMS.glob("*.yaml")} == {*EXPECTED, INFEASIBLE, LARGEST}


@pytest.mark.parametrize("name", [*EXPECTED, INFEASIBLE, LARGEST])
def test_opens_with_the_answer(name: str) -> None:
    text = (PROBLEMS / f"{name}.yaml").read_text(encoding="utf-8")
    opening = text.split("\napiVersion:", maxsplit=1)[0]
    assert opening.startswith("# Expect: ")
    assert "\n# Why: " in opening
    assert "\n# The story: " in opening


@pytest.mark.parametrize("name", EXPECTED)
def test_answer_is_the_expected_one(name: str) -> None:
    plan, expected = solved(name), EXPECTED[name]
    low, high = expected.cost
    assert low <= plan.cost.total <= high
    assert expected.pools[0] <= len(plan.pools) <= expected.pools[1]
    assert [pool.deployment.model for pool in plan.pools if not pool.deployment.model.startswith(expected.models)] == []
    assert set(plan.accelerators) <= set(expected.accelerators)
    assert {route.api for route in plan.apis} == set(expected.apis)


def test_units_carry_what_the_limit_leaves_and_batches_what_may_wait() -> None:
    """(4 − 200k/60/1,800)·2,700·60/3,000 = 116 units, 120 in blocks of five."""
    plan = solved("buy-or-build")
    assert {route.api: set(route.units.values()) for route in plan.provisioned} == {"openai/gpt-4.1": {120}}
    assert [route.api for route in plan.apis if route.batch] == ["openai/gpt-4.1-mini"]


@pytest.mark.parametrize(("old", "new", "units"), [("200k tok/min", "2M tok/min", {80}), ("yearly", "monthly", {120})])
def test_without_the_limit_units_are_those_that_the_night_uses(tmp_path: Path, old: str, new: str, units: set[int]) -> None:
    (route,) = changed("buy-or-build", (old, new), folder=tmp_path).provisioned
    assert set(route.units.values()) == units


@pytest.mark.parametrize("name", EXPECTED)
def test_answer_is_proven_and_holds(name: str) -> None:
    plan = solved(name)
    assert plan.proof.gap <= loaded(name).problem.solver.gap
    assert verify(plan, loaded(name)) == []
    assert all(promise.holds for promise in plan.promises if not promise.soft)


@pytest.mark.parametrize("name", EXPECTED)
def test_no_pool_is_used_beyond_its_limits_in_any_period(name: str) -> None:
    """`check --min-headroom` reads these shares: what a call takes is that of the replica count of its own period."""
    assert max((max(load.utilization.values()) for pool in solved(name).pools for load in pool.loads), default=0) <= 1 + 1e-6


@pytest.mark.parametrize("name", ["quickstart", "api-or-own", "long-documents"])
def test_same_file_same_plan(name: str) -> None:
    assert dumps(plan_problem(loaded(name), progress=lambda _: None)) == dumps(solved(name))


def test_the_base_of_a_growing_year_is_reserved_and_its_peaks_are_rented() -> None:
    """Reserved pays from 1.17/1.861 = 63 % of the hours on: what is needed in fewer of them is rented, in more reserved."""
    plan = solved("growth")
    held = {kind: [0] * len(plan.periods) for kind in ("reserved_1y", "on_demand")}
    for buy in plan.purchases:
        held[buy.kind] = [sum(both) for both in zip(held[buy.kind], buy.machines.values(), strict=True)]
    needed = [load.replicas for load in plan.pools[0].loads]
    hours = list(plan.periods.values())

    def share(machines: int) -> float:
        return sum(length for length, need in zip(hours, needed, strict=True) if need >= machines) / sum(hours)

    assert sum(hours) == 365 * 24
    assert share(min(held["reserved_1y"])) > 1.17 / 1.861 > share(max(held["reserved_1y"]) + 1)
    fair = list(plan.periods).index("2027Q3 h2")
    assert hours[fair] == 50  # five days of ten office hours
    assert max(held["on_demand"]) == held["on_demand"][fair]


@cache
def largest() -> Plan:
    """A plan of the largest problem file, made once to a loose gap."""
    problem = loaded(LARGEST)
    quick = problem.problem.model_copy(
        update={"solver": problem.problem.solver.model_copy(update={"gap": 0.3, "time_limit": 6.0})}
    )
    return plan_problem(replace(problem, problem=quick), progress=lambda _: None)


def test_largest_solves() -> None:
    names = {workload.name for workload in loaded(LARGEST).problem.workloads}
    assert {share.stream for pool in largest().pools for share in pool.shares} == names


@pytest.mark.parametrize("name", [*EXPECTED, LARGEST])
def test_every_export_is_valid(name: str) -> None:
    """Held against Kubernetes' schemas, those of custom resources, and documented flags; the plan as it is read back."""
    plan = loads(dumps(largest() if name == LARGEST else solved(name)))
    for kind in KINDS:
        exported(plan, kind)
    exported(plan, "kubernetes", autoscaler="keda")
    exported(plan, "kubernetes", period=next(reversed(plan.periods)))


# Shapes of plans that the comments explain.


def test_long_documents_keep_a_whole_prompt_in_memory() -> None:
    # 64,000 tokens · 80 layers · 2 · 8 heads · 128 · 2 bytes = 21.0 GB for one prompt of the longest kind.
    pool = solved("long-documents").pools[0]
    assert pool.kv_capacity_tokens > 64_000


def test_code_runs_apart_and_documents_share_with_chat() -> None:
    users = [{share.stream for share in pool.shares if share.rate > 0} for pool in solved("chat-code-batch").pools]
    assert {"code"} in users
    assert {"chat", "documents"} in users


def test_private_data_stays_on_own_machines_under_open_licences() -> None:
    plan = solved("private-data")
    assert "owned" in {buy.kind for buy in plan.purchases}
    assert {buy.region for buy in plan.purchases if buy.kind == "owned"} == {"eu"}
    models = loaded("private-data").catalog.models
    assert {models[pool.deployment.model].licence for pool in plan.pools} <= {"apache-2.0", "mit"}


def test_experts_are_spread() -> None:
    assert solved("large-moe").pools[0].deployment.layout.ep == 8


def test_reserved_on_demand_and_spot_each_have_their_place() -> None:
    plan = solved("rag-support")

    def held(kind: str, period: str) -> int:
        return sum(buy.machines[period] for buy in plan.purchases if buy.kind == kind)

    assert held("reserved_1y", "night") == held("reserved_1y", "office") > 0
    assert held("on_demand", "office") > held("on_demand", "night")
    assert held("spot", "night") > held("spot", "office") == 0
    assert plan.accelerators["l40s"] <= 10


# Changing a number changes the plan the way the comment says.


@pytest.mark.parametrize(
    ("old", "new"),
    [("rate: 7.94 req/s", "rate: 15.88 req/s"), ("target: 60ms", "target: 30ms"), ("lambda, ", "")],
    ids=["twice the demand", "half the time per token", "without the cheapest seller"],
)
def test_more_asked_or_less_to_be_had_costs_more(old: str, new: str, tmp_path: Path) -> None:
    plan = changed("quickstart", (old, new), folder=tmp_path)
    assert solved("quickstart").cost.total < plan.cost.total <= 2 * solved("quickstart").cost.total + 1e-9


def test_break_even_of_api_and_own_machines(tmp_path: Path) -> None:
    # 2 cards · $1.55/h over (2500 · $0.59 + 350 · $0.79)/10⁶ a call = 1,770 calls an hour = 42,500 a day.
    below = changed("api-or-own", ("rate: 15k/day\n", "rate: 42k/day\n"), folder=tmp_path)
    above = changed("api-or-own", ("rate: 15k/day\n", "rate: 43k/day\n"), folder=tmp_path)
    assert below.pools == ()
    assert above.apis == ()
    assert above.cost.total == pytest.approx(3.1)


def test_drafts_halve_the_cards_of_tight_token_times_and_no_others(tmp_path: Path) -> None:
    offered = '  speculators: {allow: ["*/gpt-oss-20b"]}'
    plan = solved("code-completion")
    assert [how.speculator for pool in plan.pools if (how := pool.deployment.speculation)] == ["p-eagle/gpt-oss-20b"]
    assert changed("code-completion", (offered, ""), folder=tmp_path).cost.total > 2 * plan.cost.total
    loose = ("target: 5ms", "target: 30ms")
    plain = changed("code-completion", loose, (offered, ""), folder=tmp_path)
    assert changed("code-completion", loose, folder=tmp_path).cost.total == pytest.approx(plain.cost.total)


def test_a_looser_token_time_is_never_dearer(tmp_path: Path) -> None:
    plan = changed("voice-assistant", ("target: 25ms", "target: 50ms"), folder=tmp_path)
    assert plan.cost.total <= solved("voice-assistant").cost.total + 1e-9
