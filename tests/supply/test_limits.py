from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from planner.domain.catalog import Catalog
from planner.errors import InvalidInput
from planner.supply.build import build_supply
from planner.supply.limits import GpuLimitSpec, gpu_limits


@pytest.fixture
def catalog(tiny: SimpleNamespace) -> Catalog:
    both = [
        tiny.price("us-east-1", "us", on_demand="$30/h", reserved_1y="$20/h"),
        tiny.price("eu-west-1", "eu", on_demand="$33/h"),
    ]
    made: Catalog = tiny.catalog(
        instances={
            "aws/p5": tiny.instance("aws/p5", both),
            "gcp/a2": tiny.instance("gcp/a2", [tiny.price("us-central1", "us", on_demand="$15/h")], accelerator="a100"),
            "dgx/h100": tiny.instance("dgx/h100"),
        },
        fleet={"old": tiny.fleet("dgx/h100")},
    )
    return made


def limits(tiny: SimpleNamespace, catalog: Catalog, **given: Any) -> tuple[GpuLimitSpec, ...]:
    problem = tiny.problem(limits=given)
    return gpu_limits(problem, build_supply(problem, catalog, tiny.streams(problem)), catalog)


# Purchases in order: aws us on demand, aws us reserved, aws eu on demand, gcp a100, fleet h100.
@pytest.mark.parametrize(
    ("quota", "mask"),
    [
        ({"accelerator": "h100"}, (1, 1, 1, 0, 1)),
        ({"accelerator": "H*"}, (1, 1, 1, 0, 1)),
        ({"accelerator": "*"}, (1, 1, 1, 1, 1)),
        ({"accelerator": "*", "region": "us-*"}, (1, 1, 0, 1, 0)),
        ({"accelerator": "*", "seller": "aws"}, (1, 1, 1, 0, 0)),
        ({"accelerator": "*", "offer": "on_demand"}, (1, 0, 1, 1, 0)),
        ({"accelerator": "*", "offer": "fleet"}, (0, 0, 0, 0, 1)),
        ({"accelerator": "h100", "region": "us-east-1", "seller": "aws", "offer": "reserved_1y"}, (0, 1, 0, 0, 0)),
        ({"accelerator": "h100", "offer": "spot"}, (0, 0, 0, 0, 0)),
    ],
)
def test_patterns_decide_what_counts(
    tiny: SimpleNamespace, catalog: Catalog, quota: dict[str, str], mask: tuple[int, ...]
) -> None:
    [limit] = limits(tiny, catalog, quotas=[{**quota, "gpus": 16}])
    assert limit == GpuLimitSpec("limits.quotas[0]", tuple(map(bool, mask)), 16.0)


def test_each_limit_bears_its_path(tiny: SimpleNamespace, catalog: Catalog) -> None:
    quotas = [{"accelerator": "h100", "gpus": 16}, {"accelerator": "a100", "gpus": 0}]
    found = limits(tiny, catalog, quotas=quotas, max_gpus=24)
    assert [(limit.name, limit.gpus) for limit in found] == [
        ("limits.quotas[0]", 16.0),
        ("limits.quotas[1]", 0.0),
        ("limits.max_gpus", 24.0),
    ]
    assert all(found[2].purchases)
    assert limits(tiny, catalog) == ()


def test_a_quota_on_nothing_is_a_mistake(tiny: SimpleNamespace, catalog: Catalog) -> None:
    quotas = [
        {"accelerator": "h10O", "gpus": 16},
        {"accelerator": "h100", "region": "us-eest-1", "gpus": 16},
        {"accelerator": "h100", "seller": "asw", "gpus": 16},
    ]
    with pytest.raises(InvalidInput) as caught:
        limits(tiny, catalog, quotas=quotas)
    paths = [issue.path for issue in caught.value.issues]
    assert paths == ["limits.quotas[0].accelerator", "limits.quotas[1].region", "limits.quotas[2].seller"]
    assert caught.value.issues[0].remedy == "did you mean 'h100'?"
