"""How far a machine's own link reaches."""

from __future__ import annotations

import pytest

from planner.candidates.layouts import Hardware, link_reach
from planner.candidates.pairs import shape_fits_machine
from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog
from planner.domain.layout import Shape


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_builtin()


def test_rented_slices_of_a_board_have_no_link_to_each_other(catalog: Catalog) -> None:
    # Single H100 SXM cards come from eight-device boards, but two of them, rented one by one, meet over the network at best.
    single = Hardware("h100-sxm", 1, "none", 0.0, "ethernet")
    assert link_reach(single, catalog.accelerators["h100-sxm"]) == 1
    assert not shape_fits_machine(Shape(2, 1, 1), single, catalog.accelerators["h100-sxm"])
    half = Hardware("b200-sxm", 4, "nvlink5", 0.0, "ethernet")
    assert link_reach(half, catalog.accelerators["b200-sxm"]) == 4
    assert not shape_fits_machine(Shape(8, 1, 1), half, catalog.accelerators["b200-sxm"])


def test_a_racks_link_joins_machines(catalog: Catalog) -> None:
    # GB200 NVL72: 72 devices on one NVLink domain (NVIDIA datasheet), rented in machines of four.
    tray = Hardware("gb200", 4, "nvlink5", 0.0, "infiniband")
    assert link_reach(tray, catalog.accelerators["gb200"]) == 72
    assert shape_fits_machine(Shape(8, 1, 1), tray, catalog.accelerators["gb200"])
