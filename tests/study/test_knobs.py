"""Ladders of figures, and the numbers of a problem that stand on them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.problem import LoadedProblem
from planner.study.knobs import UNLIMITED, counts, floors, knobs, ladder

Load = Callable[..., LoadedProblem]


@given(st.floats(1e-3, 1e5))
def test_figures_of_a_ladder_are_humane_and_at_most_five_percent_apart(start: float) -> None:
    figures = (start, *ladder(start, 50.0))
    assert all(a < b <= a * 1.0501 for a, b in pairwise(figures))
    assert figures[-1] >= start * 50 / 1.05
    assert all(f"{figure:.3g}" == f"{figure:.6g}" or figure >= 1000 for figure in figures[1:])


def test_a_ladder_by_hand() -> None:
    assert ladder(0.3, 1.1) == (0.31, 0.32, 0.33)
    assert ladder(0.97, 1.2) == (0.98, 1.0, 1.05, 1.1, 1.15)


def test_counts_are_whole_and_end_without_limit() -> None:
    found = counts(2)
    assert found[:3] == (3.0, 4.0, 5.0)
    assert found[-1] == UNLIMITED
    assert all(figure == int(figure) for figure in found)
    assert list(found) == sorted(set(found))


@pytest.mark.parametrize(("start", "first"), [(68.0, 67.9), (68.05, 68.0), (8.34, 8.33), (1250.0, 1249.0)])
def test_floors_go_down_in_steps_of_the_third_digit(start: float, first: float) -> None:
    found = floors(start)
    assert found[0] == pytest.approx(first)
    assert list(found) == sorted(found, reverse=True)
    assert 0 < found[-1] < 0.01


def test_every_number_of_a_problem_is_found(load: Load) -> None:
    limits = {"budget": "$5/h", "power": "1kW", "max_gpus": 4, "quotas": [{"accelerator": "fast", "region": "eu-1", "gpus": 0}]}
    batch = {"name": "batch", "objectives": [], "deadline": "1h", "quality": []}
    problem = load({}, batch, limits=limits, operations={"max_pools": 2, "spare_replicas": 1}).problem
    assert [knob.name for knob in knobs(problem)] == [
        "chat TTFT p95", "chat TPOT p95", "chat exam floor", "batch deadline",
        "the quota of fast in eu-1", "max_gpus", "the budget", "the power limit", "max_pools", "spare_replicas",
    ]  # fmt: skip


def test_limits_of_sites_are_found_and_raised(load: Load) -> None:
    site = {"name": "hall", "region": "eu-1", "power": "9kW", "cooling": "5kW", "racks": 1, "rack_power": "4kW"}
    problem = load(limits={"sites": [site]}).problem
    found = {knob.name: knob for knob in knobs(problem) if "hall" in knob.name}
    assert list(found) == ["the power at hall", "the cooling at hall", "the power of a rack at hall", "the racks at hall"]
    assert found["the racks at hall"].set(problem, 3.0).limits.sites[0].racks == 3
    assert found["the cooling at hall"].set(problem, 6e3).limits.sites[0].cooling == 6e3


def test_an_availability_goes_down_by_nines(load: Load) -> None:
    (knob,) = [one for one in knobs(load(operations={"availability": "99.9%"}).problem) if one.name == "availability"]
    assert (knob.verb, knob.rungs[:2], knob.show(knob.value)) == ("lower", (0.998, 0.995), "99.9%")


def test_a_freed_number_changes_nothing_else(load: Load) -> None:
    problem = load(limits={"max_gpus": 4}).problem
    for knob in knobs(problem):
        assert knob.set(knob.freed(problem), knob.value) == problem


def test_soft_targets_need_no_relaxing(load: Load) -> None:
    soft = [{"metric": "ttft", "percentile": 95, "target": "1s", "price_per_miss": "$0.01"}]
    assert [knob.group for knob in knobs(load({"objectives": soft}).problem)] == ["quality"]
