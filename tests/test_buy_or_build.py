"""What APIs sell beside tokens at once: batches, limits of accounts, caches of their own; each with its twin that does not.

Calls go to one API, so that cost is arithmetic: 2 requests/s, 800 prompt and 200 output tokens at $0.30 and $1.20 a million, that
is $0.24 and $0.24 per thousand requests, $3.456 an hour in all.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput
from planner.pipeline import plan_as_stated, plan_problem
from planner.plan.verify import verify

RATE = 2.0
INPUT, OUTPUT = 800 * 0.3e-6, 200 * 1.2e-6
PLAIN = RATE * 3600 * (INPUT + OUTPUT)
HALF = {"turnaround": "24h", "discount": 0.5, **tiny.READ}
NO_MACHINES = {"instances": {"forbid": ["*"]}}


def facts(**more: Any) -> dict[str, Any]:
    """The tiny catalog, with more said of its API."""
    made = tiny.catalog()
    made["apis"]["cloud/small"] |= more
    return made


def calls(**fields: Any) -> dict[str, Any]:
    base = {"objectives": [], "data": {"external_api": True}, "choose": NO_MACHINES}
    return tiny.workload(rate=f"{RATE} req/s", **{**base, **fields})


def loaded(folder: Path, catalog: dict[str, Any], *workloads: dict[str, Any], **fields: Any) -> LoadedProblem:
    return tiny.load(folder, tiny.problem(*workloads, **fields), catalog)


def solved(folder: Path, catalog: dict[str, Any], *workloads: dict[str, Any], **fields: Any) -> Plan:
    return plan_as_stated(loaded(folder, catalog, *workloads, **fields), lambda _: None)


class TestBatches:
    @pytest.mark.parametrize(("deadline", "factor"), [("24h", 0.5), ("48h", 0.5), ("1439min", 1.0)])
    def test_a_deadline_as_long_as_the_turnaround_halves_the_price(self, tmp_path: Path, deadline: str, factor: float) -> None:
        plan = solved(tmp_path, facts(batch=HALF), calls(deadline=deadline))
        (route,) = plan.apis
        assert plan.cost.total == pytest.approx(factor * PLAIN)
        assert (route.batch, route.turnaround) == ((True, 86400.0) if factor < 1 else (False, None))
        assert any("in batches answered within 24 h" in reason for reason in plan.reasons) == route.batch

    def test_the_plan_promises_the_turnaround(self, tmp_path: Path) -> None:
        (promise,) = solved(tmp_path, facts(batch=HALF), calls(deadline="30h")).promises
        assert (promise.metric, promise.predicted, promise.target, promise.holds) == ("e2e", 86400.0, 108000.0, True)

    def test_calls_that_may_not_wait_pay_the_standard_price(self, tmp_path: Path) -> None:
        now, later = calls(name="now"), calls(name="later", deadline="24h")
        plan = solved(tmp_path, facts(batch=HALF), {**now, "name": "now"}, {**later, "name": "later"})
        assert plan.cost.total == pytest.approx(1.5 * PLAIN)
        assert {(share.stream, route.batch) for route in plan.apis for share in route.shares} == {("now", False), ("later", True)}

    def test_a_lane_goes_in_batches(self, tmp_path: Path) -> None:
        """Four calls in ten may wait: a fifth of the cost is spared, which a fee of less is worth."""
        option = {"name": "on", "effects": [{"lane": {"share": 0.4, "deadline": "24h"}}], "hourly": f"${0.198 * PLAIN:.9f}/h"}
        lever = {"name": "wait", "kind": "lane", "options": [option], **tiny.READ}
        promised = [{"metric": "ttft", "percentile": 95, "target": "1500ms"}]
        plan = solved(tmp_path, facts(batch=HALF), calls(levers=[lever], objectives=promised))
        assert plan.ways[0].settings == {"wait": "on"}
        assert plan.cost.total == pytest.approx(PLAIN * (1 - 0.002))

    @pytest.mark.parametrize("share", [0.99, 1.01])
    def test_the_cheaper_price_is_taken(self, tmp_path: Path, share: float) -> None:
        """A batch price for output alone dearer than the standard one: what input spares decides."""
        prices = {"input_price": "$0.15/Mtok", "output_price": f"${1.2 + share * 0.6:.6f}/Mtok"}
        batch = {"turnaround": "24h", **prices, **tiny.READ}
        plan = solved(tmp_path, facts(batch=batch), calls(deadline="24h"))
        assert plan.apis[0].batch == (share < 1)
        assert plan.cost.total == pytest.approx(PLAIN * (1 - max(1 - share, 0) / 4))

    def test_limits_of_the_account_do_not_count_batches(self, tmp_path: Path) -> None:
        plan = solved(tmp_path, facts(batch=HALF, rate_limit="1 req/s"), calls(deadline="24h"))
        assert plan.cost.total == pytest.approx(0.5 * PLAIN)

    def test_check(self, tmp_path: Path) -> None:
        """A plan that sends what may not wait in batches, or pays another price, is refused."""
        problem = loaded(tmp_path, facts(batch=HALF), calls(deadline="23h"))
        plan = plan_as_stated(problem, lambda _: None)
        (route,) = plan.apis
        wrong = plan.model_copy(update={"apis": (route.model_copy(update={"batch": True}),)})
        assert any("deadline is shorter than a batch may take" in failure for failure in verify(wrong, problem))
        assert any("cost.apis" in failure for failure in verify(wrong, problem))


# Limits of an account, with what two calls a second take of each: the API serves all of them 1 % above that, and not 1 % below.
LIMITS = {
    "rate_limit": (2.0, "req/s"),
    "input_token_limit": (2 * 800.0, "tok/s"),
    "output_token_limit": (2 * 200.0, "tok/s"),
    "token_limit": (2 * 1000.0, "tok/s"),
}


class TestLimits:
    @pytest.mark.parametrize("limit", LIMITS)
    @pytest.mark.parametrize("share", [0.99, 1.01])
    def test_a_limit_binds(self, tmp_path: Path, limit: str, share: float) -> None:
        most, unit = LIMITS[limit]
        problem = loaded(tmp_path, facts(**{limit: f"{share * most:.6f} {unit}"}), calls())
        if share > 1:
            assert plan_as_stated(problem, lambda _: None).cost.total == pytest.approx(PLAIN)
            return
        with pytest.raises(Infeasible):
            plan_as_stated(problem, lambda _: None)

    def test_without_a_plan_the_limit_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Infeasible) as stuck:
            plan_problem(loaded(tmp_path, facts(token_limit="1000 tok/s"), calls()), progress=lambda _: None)  # noqa: S106
        assert any(
            "limit of tokens of cloud/small lets 1 of its 2 calls/s through" in str(reason) for reason in stuck.value.reasons
        )

    @pytest.mark.parametrize("limit", LIMITS)
    def test_what_is_over_goes_to_the_next_best(self, tmp_path: Path, limit: str) -> None:
        """Half of the calls fit; the rest goes to an offer at twice the price."""
        most, unit = LIMITS[limit]
        catalog = facts(**{limit: f"{most / 2} {unit}"})
        dear = {"input_price": "$0.60/Mtok", "output_price": "$2.40/Mtok", limit: None}
        catalog["apis"]["cloud/dear"] = {**catalog["apis"]["cloud/small"], **dear}
        assert solved(tmp_path, catalog, calls()).cost.total == pytest.approx(1.5 * PLAIN, rel=1e-6)

    def test_each_period_by_itself(self, tmp_path: Path) -> None:
        """A minute's limit is no average over the day: the busy period is over it, the quiet one is not."""
        periods = [{"name": "busy", "hours": 10}, {"name": "quiet", "hours": 10}]
        limit = {"input_token_limit": "160k tok/min"}
        catalog = facts(**limit)
        catalog["apis"]["cloud/dear"] = {
            **tiny.catalog()["apis"]["cloud/small"], "input_price": "$0.60/Mtok", "output_price": "$2.40/Mtok",
        }  # fmt: skip
        asked = calls(demand={"rate": {"busy": "4 req/s", "quiet": "2 req/s"}})
        # 160k/min are 3⅓ calls/s: of six in both periods together two thirds of one are over.
        assert solved(tmp_path, catalog, asked, periods=periods).cost.total == pytest.approx(PLAIN / 4 * (6 + 2 / 3))

    @pytest.mark.parametrize("limit", LIMITS)
    def test_check(self, tmp_path: Path, limit: str) -> None:
        most, unit = LIMITS[limit]
        problem = loaded(tmp_path, facts(**{limit: f"{1.01 * most} {unit}"}), calls())
        plan = plan_as_stated(problem, lambda _: None)
        less = loaded(tmp_path, facts(**{limit: f"{0.99 * most} {unit}"}), calls())
        assert any("allowed" in failure for failure in verify(plan.model_copy(update=_digests(less)), less))


def _digests(problem: LoadedProblem) -> dict[str, str]:
    return {"problem_digest": problem.digest, "catalog_digest": problem.catalog.digest}


class TestCaches:
    """400 of the 800 prompt tokens are a prefix that nine calls in ten find on machines of one's own, at a tenth of the price."""

    @pytest.mark.parametrize(
        ("cache", "hit", "written"),
        [
            (None, 0.9, 0.0),
            ({}, 0.9, 0.0),
            ({"hit_rate": 0.5}, 0.5, 0.0),
            ({"hit_rate": 0.95}, 0.95, 0.0),
            ({"minimum_tokens": 400}, 0.9, 0.0),
            ({"minimum_tokens": 401}, 0.0, 0.0),
            ({"hit_rate": 0.5, "write_factor": 1.25}, 0.5, 0.25),
            ({"hit_rate": 0.2, "write_factor": 2}, 0.0, 0.0),  # 0.8 of a token dearer, 0.18 cheaper: not worth it
        ],
    )
    def test_a_call_by_hand(self, tmp_path: Path, cache: dict[str, Any] | None, hit: float, written: float) -> None:
        rules = {} if cache is None else {"cache": {**cache, **tiny.READ}}
        plan = solved(
            tmp_path, facts(cached_input_price="$0.03/Mtok", **rules), calls(shared_prefix={"tokens": 400, "hit_rate": 0.9})
        )
        spared = 400 * (hit * 0.27e-6 - written * (1 - hit) * 0.3e-6)
        assert plan.cost.total == pytest.approx(PLAIN - RATE * 3600 * spared)


class TestTerms:
    @pytest.mark.parametrize(
        ("rule", "field", "good"), [("zero_retention",) * 2 + (True,), ("no_training", "trains_on_data", False)]
    )
    @pytest.mark.parametrize("said", [None, True, False])
    def test_what_is_not_said_is_no(self, tmp_path: Path, rule: str, field: str, good: bool, said: bool | None) -> None:
        problem = loaded(tmp_path, facts(**{field: said}), calls(data={"external_api": True, rule: True}), limits={"max_gpus": 0})
        if said is good:
            assert plan_as_stated(problem, lambda _: None).cost.total == pytest.approx(PLAIN)
            return
        with pytest.raises(Infeasible) as stuck:
            plan_problem(problem, progress=lambda _: None)
        assert any(f"drop chat data.{rule}" in str(found) for found in stuck.value.relaxations)


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"batch": {"discount": 0.5, **tiny.READ}}, "batch.turnaround", "turnaround"),
    ({"batch": {**HALF, "turnaround": "0h"}}, "batch.turnaround", "above 0"),
    ({"batch": {**HALF, "discount": 1.5}}, "batch.discount", "1"),
    ({"batch": {**HALF, "input_price": "$1/Mtok", "output_price": "$1/Mtok"}}, "batch", "give one of the two"),
    ({"batch": {"turnaround": "24h", "input_price": "$1/Mtok", **tiny.READ}}, "batch", "give both"),
    ({"batch": {"turnaround": "24h", "discount": 0.5, "as_of": "2026"}}, "batch.source", "source"),
    ({"input_price": "$-1/Mtok"}, "input_price", "0"),
    ({"rate_limit": "0 req/s"}, "", "rate_limit of 0"),
    ({"token_limit": "0 tok/min"}, "", "token_limit of 0"),
    ({"input_token_limit": "-5 tok/min"}, "input_token_limit", "0"),
    ({"output_token_limit": 5}, "output_token_limit", "5000 tok/s"),
    ({"cache": {"hit_rate": 1.2, **tiny.READ}}, "cache.hit_rate", "1"),
    ({"cache": {"write_factor": 0, **tiny.READ}}, "cache.write_factor", "0"),
    ({"zero_retention": "perhaps"}, "zero_retention", "true or false"),
]


@pytest.mark.parametrize(("fields", "path", "says"), BAD)
def test_bad_input_is_one_clear_message(tmp_path: Path, fields: dict[str, Any], path: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, facts(**copy.deepcopy(fields)), calls())
    (issue,) = caught.value.issues
    assert issue.path == f'apis["cloud/small"]{"." + path if path else ""}'
    assert says in f"{issue.message} {issue.remedy}", issue
    assert issue.remedy
