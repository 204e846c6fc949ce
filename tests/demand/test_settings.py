"""Settings of levers by hand: which there are, which end of a range counts, what comes together at a stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from flows import effect, lever, span

from planner.demand.settings import Changed, Settings, View, answered_share, called, changed, combinations, delay_of, end
from planner.demand.settings import settings_of as ways_of
from planner.domain.levers import Lever, Range
from planner.domain.stages import Stage

STAGES = [Stage(name="plan"), Stage(name="polish", optional=True), Stage(name="answer")]


def made(*levers: dict[str, Any]) -> list[Lever]:
    return [Lever.model_validate(each) for each in levers]


def all_of(*levers: dict[str, Any]) -> Settings:
    return tuple(ways_of(each, hurried=False)[0] for each in made(*levers))


def after(*levers: dict[str, Any], view: View = "pessimistic", stages: Sequence[Stage] = STAGES) -> dict[str, Changed]:
    return changed(stages, all_of(*levers), "answer", view)


@pytest.mark.parametrize(("view", "low", "high"), [("pessimistic", 0.2, 0.6), ("middle", 0.4, 0.4), ("optimistic", 0.6, 0.2)])
def test_the_view_picks_the_end(view: View, low: float, high: float) -> None:
    known = Range.model_validate(span(0.2, 0.6))
    assert (end(known, "low", view), end(known, "high", view)) == (pytest.approx(low), pytest.approx(high))


def test_the_worse_end_is_more_calls_longer_and_less_good() -> None:
    spans = {"calls": span(0.5, 0.7), "input_tokens": span(0.6, 0.8), "output_tokens": span(0.8, 0.9), "quality": span(0.9, 1)}
    worse, better = (after(effect("it", stage="answer", **spans), view=view)["answer"] for view in ("pessimistic", "optimistic"))
    assert (worse.calls, worse.inputs, worse.outputs, worse.keeps) == (0.7, 0.8, 0.9, 0.9)
    assert (better.calls, better.inputs, better.outputs, better.keeps) == (0.5, 0.6, 0.8, 1.0)


def test_factors_multiply_and_limits_take_the_tighter() -> None:
    one = effect("one", stage="answer", input_tokens=span(0.5), quality=span(0.9), output_at_most=300, rounds_at_most=2)
    two = effect("two", stage="answer", input_tokens=span(0.8), quality=span(0.9), output_at_most=200, rounds_at_most=3)
    for levers in ((one, two), (two, one)):
        here = after(*levers)["answer"]
        assert (here.inputs, here.keeps) == (pytest.approx(0.4), pytest.approx(0.81))
        assert (here.output_most, here.rounds) == (200, 2)


def test_an_effect_without_a_stage_is_on_all_and_with_one_on_that() -> None:
    everywhere, there = after(effect("it", calls=span(0.5))), after(effect("it", stage="plan", calls=span(0.5)))
    assert {name: here.calls for name, here in everywhere.items()} == {"plan": 0.5, "polish": 0.5, "answer": 0.5}
    assert {name: here.calls for name, here in there.items()} == {"plan": 0.5, "polish": 1.0, "answer": 1.0}


def test_stages_are_turned_on_and_left_out() -> None:
    on, off = effect("on", stage="polish", on=True), effect("off", stage="plan", off=True)
    assert [stage.name for stage in called(STAGES, ())] == ["plan", "answer"]
    assert [stage.name for stage in called(STAGES, all_of(on, off))] == ["polish", "answer"]
    assert [name for name, here in after(on, off).items() if here.there] == ["polish", "answer"]


@pytest.mark.parametrize(("view", "share"), [("pessimistic", 0.2 * 0.5), ("middle", 0.3 * 0.7), ("optimistic", 0.4 * 0.9)])
def test_a_cache_answers_less_what_is_stale_or_personal(view: View, share: float) -> None:
    (setting,) = all_of(lever("it", "semantic_cache", answered=span(0.2, 0.4), wrong=span(0), stale=span(0.1, 0.5)))
    assert answered_share(setting, view) == pytest.approx(share)
    assert answered_share(setting, view, personalized=0.25) == pytest.approx(0.75 * share)
    assert answered_share(setting, view, personalized=1.0) == 0.0


def test_two_caches_answer_what_the_other_leaves() -> None:
    caches = [lever(name, "semantic_cache", answered=span(0.5), wrong=span(0.1)) for name in ("one", "two")]
    here = after(*caches)["answer"]
    assert here.calls == pytest.approx(0.25)
    assert here.keeps == pytest.approx(0.81)


def test_delays_add_up() -> None:
    assert delay_of(all_of(lever("a", delay={"p95": "30ms"}), lever("b"), lever("c", delay={"p95": "20ms"}))) == pytest.approx(
        0.05
    )


POINTS = [{"escalated": share, "quality": span(0.9)} for share in (0.2, 0.5)]


@pytest.mark.parametrize(("ask_first", "hurried", "count"), [(True, True, 6), (True, False, 2), (False, True, 2)])
def test_a_cascade_is_pulled_at_every_point_and_lead(ask_first: bool, hurried: bool, count: int) -> None:
    """Where small models answer first and latency is promised, their part of it is chosen too: a tenth, a quarter, half."""
    (router,) = made(lever("it", "cascade", cascade={"small": ["s"], "points": POINTS, "ask_first": ask_first}))
    found = ways_of(router, hurried=hurried)
    assert len({setting.label for setting in found}) == len(found) == count


def test_every_set_of_settings_comes_once_the_simpler_first() -> None:
    options = [{"name": name, "effects": [{"calls": span(0.5)}]} for name in ("a", "b")]
    router = lever("router", "cascade", cascade={"small": ["s"], "points": POINTS})
    rule = lever("rule", "cascade", cascade={"small": ["s"], "points": POINTS[:1], "deterministic": True})
    found = list(combinations(made({**lever("two"), "options": options}, router, rule), hurried=False))
    names = [tuple((setting.lever.name, setting.label) for setting in each) for each in found]
    assert len(set(names)) == len(names) == 3 * 3 * 2
    assert names[0] == ()
    assert [len(each) for each in found] == sorted(len(each) for each in found)
    alone = [setting.judged for each in found if len(each) == 1 for setting in each]
    assert alone == sorted(alone)  # what a rule decides before what a model judges
