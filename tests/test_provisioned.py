"""Throughput bought in units: whole blocks from a minimum on, paid whether used or not, with what is over paid per token.

Two requests a second of 800 prompt and 200 output tokens, $0.24 each per thousand at the API's price per token: $3.456 an hour.
An output token counts for four: 1,600 weighted tokens a call, 3,200 a second.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_as_stated
from planner.plan.verify import verify

CALL, WEIGHT = 800 * 0.3e-6 + 200 * 1.2e-6, 800 + 4 * 200
HOURLY = 3600 * CALL
"""Price per token of 1 call/s for an hour."""
UNITS = {"unit_price": "$0.5/h", "input_tokens": "320 tok/s", "output_weight": 4, **tiny.READ}
"""A unit takes a fifth of a call per second."""


def loaded(folder: Path, units: dict[str, Any], rate: Any = "2 req/s", more: Any = None, **fields: Any) -> LoadedProblem:
    facts = tiny.catalog()
    facts["apis"]["cloud/small"] |= {"provisioned": {**UNITS, **units}, **(more or {})}
    problem = {name: fields.pop(name) for name in ("periods", "operations", "limits") if name in fields}
    base = {
        "objectives": [],
        "data": {"external_api": True},
        "choose": {"instances": {"forbid": ["*"]}},
        "demand": {"rate": rate},
    }
    return tiny.load(folder, tiny.problem(tiny.workload(**{**base, **fields}), **problem), facts)


def solved(folder: Path, units: dict[str, Any], rate: Any = "2 req/s", more: Any = None, **fields: Any) -> Plan:
    return plan_as_stated(loaded(folder, units, rate, more, **fields), lambda _: None)


# Ten units carry both calls a second; $3.456 is what they cost per token.
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_units_are_bought_where_they_cost_less_than_tokens(tmp_path: Path, share: float) -> None:
    plan = solved(tmp_path, {"unit_price": f"${share * 2 * HOURLY / 10:.9f}/h"})
    assert plan.cost.total == pytest.approx(2 * HOURLY * min(share, 1))
    if share > 1:
        assert (plan.provisioned, [route.api for route in plan.apis]) == ((), ["cloud/small"])
        return
    (route,) = plan.provisioned
    assert (route.units, route.used) == ({"always": 10}, {"always": pytest.approx(1.0)})
    assert plan.cost.provisioned == pytest.approx(plan.cost.total)
    assert plan.apis == ()
    assert any("10 units of cloud/small" in reason for reason in plan.reasons)


@pytest.mark.parametrize(("overflow", "tokens"), [(True, 0.1), (False, None)])
def test_what_is_over_is_paid_per_token_if_it_may(tmp_path: Path, overflow: bool, tokens: float | None) -> None:
    """2.1 calls/s: ten units and a tenth of a call per token, or an eleventh unit where there is no other way.

    At $0.30 a unit the tenth costs $0.17 per token, less than a unit.
    """
    plan = solved(tmp_path, {"unit_price": "$0.3/h", "overflow": overflow}, "2.1 req/s")
    (route,) = plan.provisioned
    assert route.units["always"] == (10 if overflow else 11)
    assert plan.cost.total == pytest.approx(10 * 0.3 + 0.1 * HOURLY if overflow else 11 * 0.3)
    assert sum(share.rate for api in plan.apis for share in api.shares) == pytest.approx(tokens or 0.0)


@pytest.mark.parametrize(("minimum", "increment", "units"), [(1, 1, 10), (4, 4, 12), (15, 5, 15), (15, 15, 15), (9, 3, 12)])
def test_whole_blocks_from_the_minimum_on(tmp_path: Path, minimum: int, increment: int, units: int) -> None:
    plan = solved(tmp_path, {"minimum": minimum, "increment": increment, "overflow": False})
    assert plan.provisioned[0].units == {"always": units}
    assert plan.cost.total == pytest.approx(0.5 * units)
    assert plan.provisioned[0].used["always"] == pytest.approx(10 / units)


# Fifteen units at least: $7.50 an hour is what 4.34 calls a second cost per token, of which fifteen units carry only three.
@pytest.mark.parametrize("share", [0.99, 1.01])
def test_the_minimum_must_be_worth_it(tmp_path: Path, share: float) -> None:
    price = share * 2 * HOURLY / 15
    plan = solved(tmp_path, {"minimum": 15, "increment": 5, "unit_price": f"${price:.9f}/h"})
    assert bool(plan.provisioned) == (share < 1)
    assert plan.cost.total == pytest.approx(2 * HOURLY * min(share, 1))


PERIODS = [{"name": "day", "hours": 10}, {"name": "night", "hours": 10}]
RATES = {"day": "2 req/s", "night": "1 req/s"}


@pytest.mark.parametrize(("term", "units"), [("hourly", (10, 5)), ("monthly", (10, 10)), ("yearly", (10, 10))])
def test_terms(tmp_path: Path, term: str, units: tuple[int, int]) -> None:
    """By the hour there are as many as a period needs; a commitment is sized for the busiest and paid at night too."""
    plan = solved(tmp_path, {"term": term, "overflow": False}, RATES, periods=PERIODS)
    assert tuple(plan.provisioned[0].units.values()) == units
    assert plan.cost.total == pytest.approx(0.5 * sum(units) / 2)


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_a_commitment_covers_the_base_and_tokens_the_peak(tmp_path: Path, share: float) -> None:
    """What five units more would carry by day alone, half of the hours, is worth half of its price per token."""
    price = share * 0.2 * HOURLY / 2
    plan = solved(tmp_path, {"term": "monthly", "unit_price": f"${price:.9f}/h"}, RATES, periods=PERIODS)
    assert set(plan.provisioned[0].units.values()) == {10 if share < 1 else 5}


def test_spares_minimum_and_pool_cost_are_not_asked_of_units(tmp_path: Path) -> None:
    operations = {"spare_replicas": 2, "min_replicas": 3, "pool_cost": "$5/h", "max_pools": 1}
    plan = solved(tmp_path, {"overflow": False}, "0.1 req/s", operations=operations)
    assert (plan.provisioned[0].units, plan.cost.total) == ({"always": 1}, pytest.approx(0.5))


def test_gpu_quotas_do_not_count_units_and_budgets_do(tmp_path: Path) -> None:
    assert solved(tmp_path, {"overflow": False}, limits={"max_gpus": 0}).cost.total == pytest.approx(5.0)
    with pytest.raises(Infeasible):
        solved(tmp_path, {"overflow": False}, limits={"budget": "$4.9/h"})


@pytest.mark.parametrize(("available", "per_token"), [(10, 0.0), (4, 1.2)])
def test_no_more_units_than_there_are(tmp_path: Path, available: int, per_token: float) -> None:
    plan = solved(tmp_path, {"unit_price": "$0.1/h", "available": available})
    assert plan.cost.total == pytest.approx(0.1 * available + per_token * HOURLY)


@pytest.mark.parametrize(("weight", "units"), [(1.0, 10), (0.0, 8)])
def test_cached_tokens_weigh_less_where_they_do(tmp_path: Path, weight: float, units: int) -> None:
    """400 prefix tokens that nine calls in ten find: 1,240 weighted tokens instead of 1,600, 7.75 units."""
    prefix = {"tokens": 400, "hit_rate": 0.9}
    plan = solved(tmp_path, {"cached_weight": weight, "overflow": False}, shared_prefix=prefix)
    assert plan.provisioned[0].units == {"always": units}


def test_units_have_a_latency_of_their_own(tmp_path: Path) -> None:
    """The offer is too slow per token; its units are fast enough, and the plan promises their figure."""
    asked = [{"metric": "ttft", "percentile": 95, "target": "500ms"}]
    fast = {"ttft_mean": "100ms", "ttft_p95": "300ms", "tpot_mean": "10ms", "tpot_p95": "25ms", **tiny.READ}
    with pytest.raises(Infeasible):
        solved(tmp_path, {}, objectives=asked)
    plan = solved(tmp_path, {"latency": fast, "unit_price": "$9/h"}, objectives=asked)
    (promise,) = plan.promises
    assert (promise.route, promise.predicted, promise.holds) == ("cloud/small units", 0.3, True)


def test_units_need_no_price_per_token(tmp_path: Path) -> None:
    plan = solved(tmp_path, {}, more={"input_price": None, "output_price": None, "provider": "nobody"})
    assert plan.cost.total == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"units": {"always": 9}}, "weighted tokens/s"),
        ({"units": {"always": 11}}, "cost.provisioned"),
        ({"unit_price": 0.4}, "a price of 0.4 stated"),
        ({"tokens_per_second": 400.0}, "a throughput of 400 stated"),
        ({"term": "monthly"}, "sold hourly"),
    ],
)
def test_check(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    problem = loaded(tmp_path, {"overflow": False})
    plan = plan_as_stated(problem, lambda _: None)
    wrong = plan.model_copy(update={"provisioned": (plan.provisioned[0].model_copy(update=change),)})
    assert any(says in failure for failure in verify(wrong, problem)), verify(wrong, problem)


def test_check_of_blocks(tmp_path: Path) -> None:
    problem = loaded(tmp_path, {"overflow": False, "minimum": 15, "increment": 5, "available": 20})
    plan = plan_as_stated(problem, lambda _: None)
    for count, says in ((10, "from 15 on"), (17, "multiples of 5"), (25, "20 to be had")):
        wrong = plan.model_copy(update={"provisioned": (plan.provisioned[0].model_copy(update={"units": {"always": count}}),)})
        assert any(says in failure for failure in verify(wrong, problem))


@pytest.mark.parametrize(
    ("fields", "path", "says"),
    [
        ({"input_tokens": None}, "input_tokens", "token rate"),
        ({"input_tokens": "0 tok/s"}, "input_tokens", "above 0"),
        ({"unit_price": "$0/h"}, "unit_price", "above 0"),
        ({"unit_price": "$-1/h"}, "unit_price", "0"),
        ({"minimum": 7, "increment": 5}, "", "give 10"),
        ({"minimum": 15, "increment": 5, "available": 10}, "", "raise available"),
        ({"minimum": 0}, "minimum", "1"),
        ({"term": "weekly"}, "term", "monthly"),
        ({"output_weight": -1}, "output_weight", "0"),
    ],
)
def test_bad_input_is_one_clear_message(tmp_path: Path, fields: dict[str, Any], path: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, fields)
    (issue,) = caught.value.issues
    assert issue.path == f'apis["cloud/small"].provisioned{"." + path if path else ""}'
    assert says in f"{issue.message} {issue.remedy}"
    assert issue.remedy


def test_throughput_must_be_said(tmp_path: Path) -> None:
    facts = tiny.catalog()
    facts["apis"]["cloud/small"]["provisioned"] = {"unit_price": "$1/h", **tiny.READ}
    with pytest.raises(InvalidInput, match="input_tokens"):
        tiny.load(tmp_path, tiny.problem(tiny.workload(data={"external_api": True})), facts)


def least(units: dict[str, Any], rates: list[float]) -> float:
    """Return the least cost by trying every number of units, with machines left out [$/h]."""
    price, step, first = float(units["unit_price"][1:-2]), units["increment"], units["minimum"]
    most = math.ceil(max(rates) * WEIGHT / 320 / step) * step + first
    counts = [0, *range(first, most + 1, step)]
    together = [(n,) * len(rates) for n in counts] if units["term"] != "hourly" else itertools.product(counts, repeat=len(rates))
    found = math.inf
    for held in together:
        over = [max(rate - n * 320 / WEIGHT, 0.0) for n, rate in zip(held, rates, strict=True)]
        if units["overflow"] or not any(extra > 1e-9 for extra in over):
            found = min(found, price * float(np.mean(held)) + HOURLY * float(np.mean(over)))
    return found


def test_a_month_of_half_a_cent_adds_up(tmp_path: Path) -> None:
    """15 units at $0.3333 are $4.9995 an hour, $3,649.635 a month: every sum of it falls to the same side."""
    plan = solved(tmp_path, {"unit_price": "$0.3333/h", "overflow": False}, "3 req/s")
    assert plan.cost.total == pytest.approx(4.9995)


@settings(max_examples=12, deadline=None)
@given(
    price=st.floats(0.05, 0.6),
    blocks=st.sampled_from([(1, 1), (3, 3), (6, 2), (10, 5), (5, 1)]),
    term=st.sampled_from(["hourly", "monthly"]),
    overflow=st.booleans(),
    rates=st.tuples(st.floats(0.05, 3.0), st.floats(0.05, 3.0)),
)
def test_against_every_number_of_units(
    tmp_path_factory: pytest.TempPathFactory, price: float, blocks: tuple[int, int], term: str, overflow: bool, rates: Any
) -> None:
    """The plan's cost is the least of all, and its bound is not above it."""
    asked = [round(rate, 3) for rate in rates]
    units = {"unit_price": f"${price:.4f}/h", "minimum": blocks[0], "increment": blocks[1], "term": term, "overflow": overflow}
    rate = {period["name"]: f"{each} req/s" for period, each in zip(PERIODS, asked, strict=True)}
    plan = solved(tmp_path_factory.mktemp("units"), units, rate, periods=PERIODS)
    best = least(units, asked)
    assert plan.cost.total == pytest.approx(best, rel=1e-5)
    assert plan.proof.bound <= best * (1 + 1e-6)


@settings(max_examples=8, deadline=None)
@given(price=st.floats(0.05, 2.0), cheaper=st.floats(0.3, 1.0), limit=st.floats(0.3, 3.0), wider=st.floats(1.0, 4.0))
def test_an_offer_more_a_cheaper_price_or_a_wider_limit_never_raise_cost(
    tmp_path_factory: pytest.TempPathFactory, price: float, cheaper: float, limit: float, wider: float
) -> None:
    def cost(units: float | None, calls: float, factor: float) -> float:
        facts = tiny.catalog()
        facts["apis"]["cloud/small"]["token_limit"] = f"{calls * 1000} tok/s"
        facts["apis"]["cloud/small"]["input_price"] = f"${factor * 0.3}/Mtok"
        if units is not None:
            facts["apis"]["cloud/small"]["provisioned"] = {**UNITS, "unit_price": f"${units:.6f}/h"}
        choose = {"instances": {"allow": ["shop/mini-1"]}, "precisions": {"allow": ["bf16"]}}
        asked = tiny.workload(rate="2 req/s", data={"external_api": True}, choose=choose)
        folder = tmp_path_factory.mktemp("offers")
        return plan_as_stated(tiny.load(folder, tiny.problem(asked), facts), lambda _: None).cost.total

    plain = cost(None, limit, 1.0) * (1 + 1e-6)
    assert cost(price, limit, 1.0) <= plain
    assert cost(None, limit * wider, 1.0) <= plain
    assert cost(None, limit, cheaper) <= plain
    assert cost(price * cheaper, limit, 1.0) <= cost(price, limit, 1.0) * (1 + 1e-6)
