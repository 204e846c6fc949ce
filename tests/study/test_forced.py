"""What forcing something costs: the narrowed problem's plan, checked against choices written into the file and by brute force."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
from brute_plan import least_cost

from planner.catalog.problem import LoadedProblem
from planner.pipeline import explain_absence, quietly
from planner.study import edit
from planner.study.forced import costs, forced
from planner.study.sweep import Course
from planner.study.variant import varied

COURSE = Course(quietly)


@pytest.fixture
def busy(tmp_path: Path) -> LoadedProblem:
    """Thirty requests a second on few of the cheapest accelerator, under a quota."""
    workload = tiny.workload(rate="30 req/s", quality=[{"benchmark": "exam", "at_least": 45}])
    return tiny.load(tmp_path, tiny.problem(workload, limits={"quotas": [{"accelerator": "mini", "gpus": 2}]}))


def said(loaded: LoadedProblem, *words: str) -> list[str]:
    """Return what forcing costs, in words."""
    return list(costs(loaded, words, forced(loaded, words), COURSE))


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (("tp2",), {"layouts": "tp2"}),
        (("tp1", "PP2"), {"layouts": "tp1 pp2"}),
        (("org/large", "fp8", "tp2"), {"models": "org/large", "precisions": "fp8", "layouts": "tp2"}),
        (("mart/max-4", "tp4"), {"instances": "mart/max-4", "layouts": "tp4"}),
        (("mid-2",), {"instances": "shop/mid-2"}),
    ],
)
def test_forcing_is_choosing(tmp_path: Path, words: tuple[str, ...], chosen: dict[str, str]) -> None:
    """The forced plan is what was named, costs what that choice costs written into the file, the least, and no less than none."""
    made = tiny.problem(tiny.workload(rate="2 req/s"))
    loaded = tiny.load(tmp_path, made)
    (narrowed,) = forced(loaded, words)
    problem = varied(loaded.document, loaded.base, narrowed.overrides)
    plan, base = quietly(problem), quietly(loaded)
    assert plan.pools
    for pool in plan.pools:
        what = pool.deployment
        found = {"layouts": what.layout.name, "models": what.model, "precisions": what.precision, "instances": pool.instance}
        assert {kind: found[kind] for kind in chosen} == chosen
    choose = {kind: {"allow": [name]} for kind, name in chosen.items()} | {"apis": {"forbid": ["*"]}}
    written = quietly(tiny.load(tmp_path / "written", {**made, "choose": choose}))
    assert plan.cost.total == pytest.approx(written.cost.total, rel=1e-9)
    assert plan.cost.total == pytest.approx(least_cost(problem, plan.cost.total), rel=1e-6)
    assert plan.cost.total >= base.proof.bound * (1 - 1e-9)


def test_a_way_to_pay_is_forced(tmp_path: Path) -> None:
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(rate="30 req/s", interruptible=True)))
    (narrowed,) = forced(loaded, ["on-demand"])
    plan = quietly(varied(loaded.document, loaded.base, narrowed.overrides))
    assert {buy.kind for buy in plan.purchases} == {"on_demand"}
    assert {buy.kind for buy in quietly(loaded).purchases} == {"spot"}


def test_a_dearer_plan_is_told_with_what_it_is_and_what_binds(tmp_path: Path) -> None:
    (text,) = said(tiny.load(tmp_path, tiny.problem()), "tp2")
    assert text.startswith("chat forced onto tp2: $2.20/h, +$1.40/h (+175.0%) against $0.8/h: 1 × org/small ")
    assert " on mid tp2; nearest its limit is chat T" in text
    assert said(tiny.load(tmp_path, tiny.problem()), "tp1") == ["chat forced onto tp1: $0.8/h, no more than the plan"]


def test_what_misses_a_floor_is_no_plan_not_a_mistake(tmp_path: Path) -> None:
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(quality=[{"benchmark": "exam", "at_least": 70}])))
    assert said(loaded, "small") == [
        "chat forced onto small: no plan (no model that may be used reaches 70 on exam; the best is org/small with 50)"
    ]


def test_models_of_other_roles_and_stages_with_their_own_choice(tmp_path: Path) -> None:
    """A stage's own list stands in place of the workload's, so it is narrowed too, where it lets the thing through."""
    stages = [
        {"name": "draft", "output_tokens": {"mean": 20}, "choose": {"layouts": {"allow": ["tp1", "tp2"]}}},
        {"name": "answer", "choose": {"layouts": {"allow": ["tp1"]}}},
    ]
    loaded = tiny.load(tmp_path, tiny.problem(tiny.workload(stages=stages)))
    (narrowed,) = forced(loaded, ["tp2"])
    assert {one.path: one.value for one in narrowed.overrides} == {
        "workloads.chat.choose.layouts.allow": ["tp2"],
        "workloads.chat.stages[0].choose.layouts.allow": ["tp2"],
        "workloads.chat.choose.apis.forbid": ["*"],
    }


def test_forcing_costs_what_the_narrowed_problem_costs(busy: LoadedProblem) -> None:
    narrowed = forced(busy, ["max", "large"])
    assert {one.path: one.value for one in narrowed[0].overrides} == {
        "workloads.chat.choose.accelerators.allow": ["max"],
        "workloads.chat.choose.models.allow": ["org/large"],
        "workloads.chat.choose.apis.forbid": ["*"],
    }
    said = next(costs(busy, ["max", "large"], narrowed, COURSE))
    workload = edit.with_choice(
        busy.problem, "chat", "models", edit.choices_of(busy.problem, "chat").models.model_copy(update={"allow": ("org/large",)})
    )
    workload = edit.with_choice(
        workload, "chat", "accelerators", workload.choose.accelerators.model_copy(update={"allow": ("max",)})
    )
    expected = quietly(replace(busy, problem=workload)).cost.total
    assert f"${expected:,.2f}/h, +" in said


@pytest.mark.parametrize("words", [["tp3"], ["nothing"], ["max", "tpu9"]])
def test_what_has_no_name_to_narrow_by(busy: LoadedProblem, words: list[str]) -> None:
    narrowed = forced(busy, words)
    assert [one.unmatched for one in narrowed] == ([("tpu9",)] if "max" in words else [])


def test_a_forbidden_thing_is_not_forced_but_explained(tmp_path: Path) -> None:
    choose: dict[str, Any] = {"accelerators": {"forbid": ["max"]}}
    loaded = tiny.load(tmp_path, tiny.problem(choose=choose))
    assert forced(loaded, ["max"]) == []
    assert isinstance(explain_absence(loaded, ["max"], lambda _: None), list)
