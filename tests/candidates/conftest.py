"""The tiny catalog searched whole, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from planner.candidates.build import Search, prepare
from planner.catalog.problem import LoadedProblem
from planner.demand.streams import build_flows
from planner.supply.build import build_supply

Begin = Callable[..., Search]


def begin_search(loaded: LoadedProblem) -> Search:
    problem, catalog = loaded.problem, loaded.catalog
    flows = build_flows(problem, loaded.base)
    return prepare(catalog, problem, flows, build_supply(problem, catalog, flows.streams))


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Start the search of a problem made of these workloads and fields, nothing enumerated yet."""

    def make(*workloads: dict[str, Any], facts: dict[str, Any] | None = None, **fields: Any) -> Search:
        return begin_search(tiny.load(tmp_path, tiny.problem(*workloads, **fields), facts))

    return make


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Search:
    """Chat, and code that asks for a better model, with everything enumerated."""
    code = tiny.workload("code", "1 req/s", quality=[{"benchmark": "exam", "at_least": 60}])
    search = begin_search(tiny.load(tmp_path_factory.mktemp("whole"), tiny.problem(tiny.workload(), code)))
    search.extend(np.inf)
    return search
