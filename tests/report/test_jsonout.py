"""plan.json: stable, complete, read back as it was."""

from __future__ import annotations

import json

import pytest

from planner.domain.plan import Plan
from planner.errors import InvalidInput
from planner.report.jsonout import dumps, loads, plan_schema


def test_what_was_written_reads_back_and_is_written_the_same(plan: Plan) -> None:
    text = dumps(plan)
    assert dumps(loads(text)) == text
    assert text.endswith("}\n")
    assert loads(text).cost == plan.cost


def test_nothing_is_lost(plan: Plan) -> None:
    """Every row is there; only the order of those without one may differ, and purchases' long floats are rounded."""
    back = loads(dumps(plan))
    for field in ("reasons", "facts", "warnings", "periods", "proof", "problem_digest", "apis"):
        assert getattr(back, field) == getattr(plan, field)
    for field in ("promises", "latencies"):
        assert sorted(map(repr, getattr(back, field))) == sorted(map(repr, getattr(plan, field)))


def test_the_order_of_rows_without_one_does_not_matter(plan: Plan) -> None:
    turned = plan.model_copy(
        update={
            "promises": plan.promises[::-1],
            "latencies": plan.latencies[::-1],
            "proof": plan.proof.model_copy(update={"rejected": dict(reversed(plan.proof.rejected.items()))}),
        }
    )
    assert dumps(turned) == dumps(plan)


def test_periods_keep_their_order(plan: Plan) -> None:
    renamed = plan.model_copy(update={"periods": {"night": 365.0, "day": 365.0}})
    assert list(json.loads(dumps(renamed))["periods"]) == ["night", "day"]
    shares = json.loads(dumps(renamed))["pools"][0]["shares"]
    assert [(row["stream"], row["period"]) for row in shares] == [("assistant", "day"), ("chat", "night"), ("chat", "day")]


def test_the_last_bits_of_a_float_do_not_show(plan: Plan) -> None:
    """0.1 + 0.2 and 0.3 differ in the last bit only."""
    one, other = (plan.model_copy(update={"proof": plan.proof.model_copy(update={"gap": gap})}) for gap in (0.1 + 0.2, 0.3))
    assert dumps(one) == dumps(other)
    assert json.loads(dumps(plan))["purchases"][2]["hourly"] == 2.27333333333


def test_minus_zero_is_zero(plan: Plan) -> None:
    made = plan.model_copy(update={"cost": plan.cost.model_copy(update={"misses": -0.0})})
    assert '"misses": 0.0,' in dumps(made)


def test_a_number_that_is_not_finite_is_refused(plan: Plan) -> None:
    made = plan.model_copy(update={"cost": plan.cost.model_copy(update={"misses": float("inf")})})
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps(made)


def test_every_mistake_in_a_plan_is_named(plan: Plan) -> None:
    body = json.loads(dumps(plan))
    body["pools"][0].pop("instance")
    body["proof"]["gap"] = "small"
    body["colour"] = "blue"
    with pytest.raises(InvalidInput) as caught:
        loads(json.dumps(body))
    assert {issue.path for issue in caught.value.issues} == {"pools[0].instance", "proof.gap", "colour"}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", "[]"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        loads(text)


def test_the_schema_names_itself_and_describes_every_field() -> None:
    schema = plan_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["$id"]
    for name, made in [("Plan", schema), *schema["$defs"].items()]:
        assert made["description"], name
        for field, node in made["properties"].items():
            assert node.get("description"), f"{name}.{field}"
