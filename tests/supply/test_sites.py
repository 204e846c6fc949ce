"""Power, cooling and racks of sites, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from planner.domain.catalog import Catalog
from planner.errors import InvalidInput
from planner.supply.build import build_supply
from planner.supply.sites import SiteLimit, site_limits


@pytest.fixture
def catalog(tiny: SimpleNamespace) -> Catalog:
    made: Catalog = tiny.catalog(
        accelerators={"h100": tiny.accelerator("h100"), "secret": tiny.accelerator("secret", tdp=None)},
        instances={
            "aws/p5": tiny.instance("aws/p5", [tiny.price("us-east-1", "us", on_demand="$30/h")]),
            "lab/x": tiny.instance("lab/x", [tiny.price("us-2", "us", on_demand="$9/h")], accelerator="secret"),
            "dgx/h100": tiny.instance("dgx/h100"),
        },
        owned={"new": tiny.owned("dgx/h100", power="10.2kW", pue=1.2)},
        fleet={"old": tiny.fleet("dgx/h100", power="8kW")},
    )
    return made


def limits(tiny: SimpleNamespace, catalog: Catalog, **site: Any) -> tuple[SiteLimit, ...]:
    problem = tiny.problem(limits={"sites": [{"name": "hall", **site}]})
    return site_limits(problem, build_supply(problem, catalog, tiny.streams(problem)), catalog)


# Purchases in order: p5 in us-east-1, the lab's of unknown draw, 10.2 kW bought and 8 kW there already in Berlin.
def test_feed_heat_and_racks(tiny: SimpleNamespace, catalog: Catalog) -> None:
    """10.2 kW · 1.2 = 12.24 kW of the feed, a third of a 40 kW rack; 8 kW · 1.56 = 12.48 kW, a fifth of a rack."""
    power, cooling, racks = limits(tiny, catalog, region="berlin", power="400kW", cooling="350kW", racks=10, rack_power="40kW")
    assert (power.name, power.most) == ("limits.sites[0].power", 400.0)
    assert power.each == (0, 0, pytest.approx(12.24), pytest.approx(12.48))
    assert (cooling.most, cooling.each) == (350.0, (0, 0, pytest.approx(10.2), pytest.approx(8)))
    assert (racks.name, racks.most, racks.each) == ("limits.sites[0].racks", 10.0, (0, 0, 1 / 3, 1 / 5))


def test_a_site_has_one_pue_if_it_says_so(tiny: SimpleNamespace, catalog: Catalog) -> None:
    (power,) = limits(tiny, catalog, region="berlin", power="400kW", pue=1.1)
    assert power.each[2:] == (pytest.approx(11.22), pytest.approx(8.8))


def test_four_of_a_quarter_fit(tiny: SimpleNamespace, catalog: Catalog) -> None:
    (racks,) = limits(tiny, catalog, region="berlin", racks=1, rack_power="40.8kW")
    assert racks.each[2] == pytest.approx(1 / 4)


def refused(tiny: SimpleNamespace, catalog: Catalog, **site: Any) -> list[tuple[str, str]]:
    problem = tiny.problem(limits={"sites": [{"name": "hall", **site}]})
    return [(what, code) for what, code, _ in build_supply(problem, catalog, tiny.streams(problem)).rejected]


def test_what_no_rack_feeds_is_left_out(tiny: SimpleNamespace, catalog: Catalog) -> None:
    assert refused(tiny, catalog, region="berlin", racks=1, rack_power="9kW") == [("dgx/h100@berlin/owned:new", "rack_power")]


def test_an_unknown_draw_matters_only_where_it_counts(tiny: SimpleNamespace, catalog: Catalog) -> None:
    assert refused(tiny, catalog, region="berlin", power="1MW") == []
    assert refused(tiny, catalog, region="us-*", power="1MW") == [("lab/x@us-2", "power_unknown")]


def test_a_site_without_machines_is_a_mistake(tiny: SimpleNamespace, catalog: Catalog) -> None:
    with pytest.raises(InvalidInput) as caught:
        limits(tiny, catalog, region="berlim", power="1MW")
    (issue,) = caught.value.issues
    assert (issue.path, issue.remedy) == ("limits.sites[0].region", "did you mean 'berlin'?")


@pytest.mark.parametrize(
    ("site", "said"), [({}, "a site without limits"), ({"racks": 3}, "racks and rack_power belong together")]
)
def test_half_a_site_is_refused(tiny: SimpleNamespace, site: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tiny.problem(limits={"sites": [{"name": "hall", **site}]})
