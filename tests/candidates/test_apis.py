"""Which streams may use an API, and what a call costs there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tiny

from planner.candidates import api_costs
from planner.candidates.api_costs import call_cost, stream_price
from planner.candidates.apis import Apis, usable_apis
from planner.candidates.build import Search
from planner.catalog.api_prices import ApiPrice
from planner.domain.offers import ApiOffer

Begin = Callable[..., Search]
OPEN = {"data": {"external_api": True}}


def usable(search: Search) -> Apis:
    return usable_apis(search.catalog, search.problem, search.streams, search.ledger)


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        ({}, "rules", "may not go to an external API"),
        ({**OPEN, "choose": {"apis": {"forbid": ["cloud/*"]}}}, "choice", "not among the allowed APIs"),
        ({"data": {"region_groups": ["eu"]}}, "rules", "processed in global, outside the workload's regions"),
        ({"data": {"regions": ["eu-1"]}}, "rules", "outside the workload's regions"),
        ({**OPEN, "quality": [{"benchmark": "exam", "at_least": 60}]}, "quality", "exam 50 < 60"),
        (
            {**OPEN, "objectives": [{"metric": "ttft", "percentile": 95, "target": "500ms"}]},
            "latency",
            "ttft p95 800 ms > 500 ms",
        ),
        ({**OPEN, "objectives": [{"metric": "ttft", "percentile": 99, "target": "5s"}]}, "latency", "no figure above the 95th"),
        ({**OPEN, "objectives": [], "deadline": "5s"}, "latency", "e2e p95"),
        ({**OPEN, "input_tokens": {"mean": 30000, "p95": 32000, "maximum": 40000}}, "context", "it takes 32,768"),
    ],
)
def test_who_may_not(begin: Begin, fields: dict[str, Any], code: str, sentence: str) -> None:
    facts = tiny.catalog()
    facts["models"]["org/small"]["max_context"] = facts["models"]["org/large"]["max_context"] = 65536
    search = begin(tiny.workload("free", **OPEN), tiny.workload("bound", **fields), facts=facts)
    found = usable(search)
    assert np.isfinite(found.call_cost[0, 0])
    assert np.isinf(found.call_cost[1, 0])
    assert found.prices[0][1] is None
    (entry,) = [entry for entry in search.ledger.about("cloud/small") if entry.stream == "bound"]
    assert (entry.code, sentence in entry.sentence) == (code, True), entry


def test_without_a_latency_figure_only_batch_work_goes(begin: Begin) -> None:
    facts = tiny.catalog()
    del facts["apis"]["cloud/small"]["latency"]
    search = begin(tiny.workload(**OPEN), tiny.workload("batch", objectives=[], deadline="2h", **OPEN), facts=facts)
    assert np.isfinite(usable(search).call_cost[:, 0]).tolist() == [False, True]
    assert any("overrides.apis.cloud/small.latency" in entry.sentence for entry in search.ledger.about("cloud/small"))


def test_a_call_by_hand(begin: Begin) -> None:
    """800 prompt tokens at $0.30 and 200 answered at $1.20 per million, at the means of the cut distributions."""
    search = begin(tiny.workload(**OPEN))
    stream, found = search.streams[0], usable(search)
    expected = stream.prompt.mean * 0.3e-6 + stream.output.mean * 1.2e-6
    assert found.call_cost[0, 0] == pytest.approx(expected)
    cached = ApiPrice(1e-6, 0.1e-6, 2e-6, None, "", "")
    prefix = begin(tiny.workload(shared_prefix={"tokens": 400, "hit_rate": 0.5}, **OPEN)).streams[0]
    by_hand = (prefix.prompt.mean - 200) * 1e-6 + 200 * 0.1e-6 + prefix.output.mean * 2e-6
    assert call_cost(prefix, cached) == pytest.approx(by_hand)


def test_tiers_are_charged_by_each_prompt(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts over 1,000 tokens cost twice as much a token; the mean prompt of 800 would hide them all."""

    def tiered(offer: ApiOffer, name: str, *, context_tokens: float) -> ApiPrice:
        times = 2.0 if context_tokens > 1000 else 1.0
        return ApiPrice(1e-6 * times, 1e-7 * times, 3e-6 * times, None, "", "")

    monkeypatch.setattr(api_costs, "price", tiered)
    search = begin(tiny.workload(**OPEN))
    stream = search.streams[0]
    paid = stream_price("cloud/small", search.catalog.apis["cloud/small"], stream)
    tokens = stream.prompt.values
    direct = (
        np.mean(tokens * np.where(tokens > 1000, 2e-6, 1e-6)) + np.mean(np.where(tokens > 1000, 6e-6, 3e-6)) * stream.output.mean
    )
    assert call_cost(stream, paid) == pytest.approx(float(direct))


@pytest.mark.parametrize(("target", "share"), [("900ms", 0.05), ("700ms", 1.0)])  # the p95 is 800 ms
def test_soft_targets_cost_by_their_misses(begin: Begin, target: str, share: float) -> None:
    soft = [{"metric": "ttft", "percentile": 95, "target": target, "price_per_miss": "$0.01"}]
    search = begin(tiny.workload(**OPEN), tiny.workload("soft", objectives=soft, **OPEN))
    found = usable(search)
    assert found.call_cost[1, 0] - found.call_cost[0, 0] == pytest.approx(0.01 * share)


def test_rate_limits_and_missing_prices(begin: Begin) -> None:
    facts = tiny.catalog()
    facts["apis"]["cloud/small"]["rate_limit"] = "3 req/s"
    facts["apis"]["cloud/other"] = {**facts["apis"]["cloud/small"], "input_price": None}
    search = begin(tiny.workload(**OPEN), facts=facts)
    found = usable(search)
    assert (found.names, found.limits[:, 0, 0].tolist()) == (("cloud/small",), [1 / 3, 0, 0, 0])
    assert any("input_price" in entry.sentence for entry in search.ledger.about("cloud/other"))


def test_no_apis_at_all(begin: Begin) -> None:
    found = usable(begin(tiny.workload()))
    assert (found.names, found.call_cost.shape, found.limits.shape) == ((), (1, 0), (4, 1, 0))
