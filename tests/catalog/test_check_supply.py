"""Quotas below the fleet, and machines that come after the horizon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.errors import InvalidInput

FLEET = {"old": {"instance": "shop/mid-2", "region": "eu-1", "region_group": "eu", "count": 3, **tiny.READ}}
RACK = {
    "instance": "shop/mini-1", "region": "eu-1", "region_group": "eu", "capex": "$5000", "power": "600W",
    "energy_price": "$0.10/kWh", **tiny.READ,
}  # fmt: skip


def issues(folder: Path, catalog: dict[str, Any], **fields: Any) -> list[tuple[str, str]]:
    try:
        tiny.load(folder, tiny.problem(**fields), tiny.catalog() | catalog)
    except InvalidInput as error:
        return [(issue.path, issue.message) for issue in error.issues]
    return []


@pytest.mark.parametrize(
    ("quota", "told"),
    [
        ({"accelerator": "mid", "gpus": 5}, True),
        ({"accelerator": "mid", "gpus": 6}, False),
        ({"accelerator": "m*", "region": "eu-*", "gpus": 5}, True),
        ({"accelerator": "mid", "region": "us-1", "gpus": 0}, False),
        ({"accelerator": "mid", "offer": "on_demand", "gpus": 0}, False),
        ({"accelerator": "mini", "gpus": 0}, False),
    ],
)
def test_a_quota_below_the_fleet_it_counts_is_told(tmp_path: Path, quota: dict[str, Any], *, told: bool) -> None:
    """Three machines of two accelerators are there."""
    found = issues(tmp_path, {"fleet": FLEET}, limits={"quotas": [quota]})
    said = "5 accelerators allowed, 6 of the fleet are there already"
    assert found == ([("limits.quotas[0].gpus", said)] if told else [])


@pytest.mark.parametrize(("lead", "told"), [(11, False), (12, True)])
def test_machines_that_come_after_the_horizon_are_told(tmp_path: Path, lead: int, *, told: bool) -> None:
    rack = {"rack": {**RACK, "lead_months": lead}}
    found = issues(tmp_path, {"owned": rack}, horizon={"start": "2027-01", "months": 12})
    said = "rack comes 12 months after its order, the horizon ends after 12"
    assert found == ([("catalogs.overrides.owned.rack.lead_months", said)] if told else [])


def test_without_a_horizon_lead_times_do_not_matter(tmp_path: Path) -> None:
    assert issues(tmp_path, {"owned": {"rack": {**RACK, "lead_months": 99}}}) == []
