"""Which ways are left to choose from: none that another beats at every price, and of equals the simplest."""

from __future__ import annotations

from typing import Any

import numpy as np
from flows import effect, flows, lever, span
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.demand.ways import Item, Way, lean


def names(*levers: dict[str, Any], **fields: Any) -> list[dict[str, str]]:
    return [dict(way.settings) for way in flows(levers=levers, **fields).ways]


def test_the_same_effect_offered_twice_is_one_way() -> None:
    assert names(effect("one", input_tokens=span(0.5)), effect("two", input_tokens=span(0.5))) == [
        {},
        {"one": "on"},
        {"one": "on", "two": "on"},  # both together halve twice
    ]
    assert names(effect("one", output_at_most=30), effect("two", output_at_most=30)) == [{}, {"one": "on"}]


def routed(name: str, **fields: Any) -> dict[str, Any]:
    point = {"escalated": 0.3, "quality": span(0.95)}
    return lever(name, "cascade", cascade={"small": ["org/small"], "points": [point], "ask_first": False, **fields})


def test_of_a_rule_and_a_model_that_judges_the_rule_is_preferred() -> None:
    rule, judge = routed("rule", deterministic=True), routed("judge")
    assert names(rule, judge) == names(judge, rule) == [{}, {"rule": "on 0.3 sent on"}]


def test_a_judge_that_is_cheaper_than_the_rule_stays() -> None:
    rule = routed("rule", deterministic=True)
    rule["options"][0]["hourly"] = "$1/h"
    assert names(rule, routed("judge")) == [{}, {"judge": "on 0.3 sent on"}]


def test_fewer_calls_of_the_same_kind_at_no_cost_leave_nothing_else() -> None:
    assert names(effect("half", calls=span(0.5)), effect("third", calls=span(0.3))) == [{"half": "on", "third": "on"}]


def test_fewer_calls_at_a_cost_are_a_choice() -> None:
    paid = lever("paid", effects=[{"calls": span(0.5)}], hourly="$1/h")
    assert names(paid) == [{}, {"paid": "on"}]


def test_what_gains_nothing_or_makes_more_calls_is_not_offered() -> None:
    assert names(lever("vain", hourly="$1/h"), effect("more", calls=span(1.0, 1.2)), effect("worse", quality=span(0.9))) == [{}]


def test_the_worst_end_decides_what_is_beaten_and_the_view_which_end_that_is() -> None:
    wide = effect("wide", calls=span(0.5, 1.5))
    assert names(wide) == [{}]
    assert names(wide, problem={"solver": {"effects": "optimistic"}}) == [{"wide": "on"}]


def made(rates: dict[str, float], cost: float) -> Way:
    return Way("desk", (), (), (), {name: (rate,) for name, rate in rates.items()}, (Item("lever", "it", cost),), (1.0,))


COUNTS = st.dictionaries(st.sampled_from("ab"), st.sampled_from([1.0, 2.0, 3.0]), min_size=1)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(COUNTS, st.sampled_from([0.0, 1.0, 2.0])), min_size=1, max_size=8),
    st.tuples(st.floats(0, 9), st.floats(0, 9)),
)
def test_the_cheapest_way_is_kept_whatever_calls_cost(
    offered: list[tuple[dict[str, float], float]], price: tuple[float, float]
) -> None:
    ways = [made(rates, cost) for rates, cost in offered]
    each = dict(zip("ab", price, strict=True))

    def cost(way: Way) -> float:
        return way.cost + sum(each[name] * rate for name, (rate,) in way.rates.items())

    kept = list(lean(ways))
    assert set(map(id, kept)) <= set(map(id, ways))
    assert np.isclose(min(map(cost, kept)), min(map(cost, ways)))
    for one in kept:
        assert not any(
            other is not one and other.rates.keys() == one.rates.keys() and other.cost <= one.cost
            and all(other.rates[name] <= one.rates[name] for name in one.rates)
            for other in kept
        )  # fmt: skip
