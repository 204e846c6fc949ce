from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from planner.domain.calls import Choices
from planner.domain.workload import Workload
from planner.supply.listings import Listing, listings
from planner.supply.rules import Rules, first_refusal


def one(tiny: SimpleNamespace, region: str = "us-east-1", group: str = "us", kind: str = "on_demand") -> Listing:
    rows = [tiny.price(region, group, **{kind: "$30/h"})]
    return next(listings(tiny.catalog(instances={"aws/p5": tiny.instance("aws/p5", rows)})))


def code(tiny: SimpleNamespace, listing: Listing, **fields: Any) -> str | None:
    found = first_refusal(listing, Choices(), Workload.model_validate(tiny.workload(**fields)))
    return None if found is None else found.code


@pytest.mark.parametrize(
    ("what", "pattern"),
    [("accelerators", "h1*"), ("instances", "aws/p5"), ("sellers", "AWS"), ("regions", "us-*"), ("offers", "on_demand")],
)
def test_each_choice_counts_on_both_levels(tiny: SimpleNamespace, what: str, pattern: str) -> None:
    listing, plain = one(tiny), Workload.model_validate(tiny.workload())
    rule = {what: {"forbid": [pattern]}}
    assert code(tiny, listing, choose={what: {"allow": [pattern]}}) is None
    assert code(tiny, listing, choose=rule) == what.removesuffix("s")
    refused = first_refusal(listing, Choices.model_validate(rule), plain)
    assert refused is not None
    assert refused.sentence.endswith(f"is forbidden by {pattern}")


@pytest.mark.parametrize(
    ("region", "group", "rule", "expected"),
    [
        ("us-east-1", "us", {}, None),
        ("us-east-1", "us", {"region_groups": ["us", "eu"]}, None),
        ("us-east-1", "us", {"region_groups": ["eu"]}, "data_region_group"),
        ("us-east-1", "us", {"regions": ["us-east-1"]}, None),
        ("us-east-1", "us", {"regions": ["us-east-2"]}, "data_region"),
        ("us-east-1", "us", {"regions": ["us-east-1"], "region_groups": ["eu"]}, "data_region_group"),
        ("us-east-1", "us", {"region_groups": []}, "data_region_group"),
        # Without a stated place: any rule must name `global`.
        ("global", "global", {}, None),
        ("global", "global", {"region_groups": ["us", "eu", "asia", "me", "other"]}, "data_region_group"),
        ("global", "global", {"region_groups": ["us", "global"]}, None),
        ("global", "global", {"regions": ["us-east-1"]}, "data_region"),
        ("global", "global", {"regions": ["global"]}, None),
        ("secure-cloud", "global", {"regions": ["secure-cloud"]}, "data_region"),
        ("secure-cloud", "global", {"regions": ["secure-cloud"], "region_groups": ["global"]}, None),
    ],
)
def test_data_rules(tiny: SimpleNamespace, region: str, group: str, rule: dict[str, Any], expected: str | None) -> None:
    assert code(tiny, one(tiny, region, group), data=rule) == expected


def test_spot_is_for_interruptible_work(tiny: SimpleNamespace) -> None:
    listing = one(tiny, kind="spot")
    assert code(tiny, listing) == "interruptible"
    assert code(tiny, listing, interruptible=True) is None
    assert code(tiny, one(tiny), interruptible=True) is None


def test_verdict_is_per_stream(tiny: SimpleNamespace) -> None:
    problem = tiny.problem(
        tiny.workload("here", data={"region_groups": ["us"]}),
        tiny.workload("there", data={"region_groups": ["eu"]}),
        tiny.workload("anywhere"),
        tiny.workload("here-too", data={"region_groups": ["us"]}),
    )
    verdict = Rules(problem.choose, tiny.streams(problem)).judge(one(tiny))
    assert verdict.streams == (True, False, True, True)
    assert verdict.refusal is None


def test_a_common_reason_is_said_once(tiny: SimpleNamespace) -> None:
    problem = tiny.problem(tiny.workload("a"), tiny.workload("b", interruptible=True), choose={"sellers": {"allow": ["gcp"]}})
    refused = Rules(problem.choose, tiny.streams(problem)).judge(one(tiny)).refusal
    assert refused is not None
    assert (refused.code, refused.sentence) == ("seller", "seller aws is not among those allowed: gcp")


def test_different_reasons_name_whom_they_concern(tiny: SimpleNamespace) -> None:
    # The rules of a1 … a4 differ (licences), their reason is the same.
    eu = [tiny.workload(f"a{i}", data={"region_groups": ["eu"], "licences": [f"l{i}"]}) for i in range(1, 5)]
    problem = tiny.problem(*eu, tiny.workload("b", choose={"accelerators": {"forbid": ["h100"]}}))
    refused = Rules(problem.choose, tiny.streams(problem)).judge(one(tiny)).refusal
    assert refused is not None
    assert refused.sentence == (
        "a1, a2, a3 and 1 more: data may be processed in eu, and us-east-1 is in us; b: accelerator h100 is forbidden by h100"
    )


def test_nothing_to_serve(tiny: SimpleNamespace) -> None:
    refused = Rules(Choices(), []).judge(one(tiny)).refusal
    assert refused is not None
    assert refused.code == "no_stream"
