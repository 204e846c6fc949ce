"""What a plan takes grids to emit, with the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from planner.candidates.build import Search
from planner.catalog.grids import grid_of
from planner.domain.plan import Fact, Purchase


def grid_facts(search: Search, purchases: Sequence[Purchase]) -> Iterator[Fact]:
    """Yield what the grids of machines held are taken to emit, where the plan tells it, and the PUE."""
    if not search.problem.tells_energy:
        return
    for name in dict.fromkeys(grid_of(search.catalog, buy.seller, buy.region) for buy in purchases):
        grid = search.catalog.grids[name] if name is not None else None
        if grid is not None and grid.carbon is not None:
            level = isinstance(grid.carbon, float)
            mean = grid.carbon if isinstance(grid.carbon, float) else fmean(grid.carbon)
            yield Fact(
                subject=f"grid {name}",
                statement=f"{mean:.4g} g CO2e/kWh{'' if level else ' on average, by the hour'}",
                standing="published",
                source=f"{grid.source} ({grid.as_of})",
            )
    yield Fact(
        subject="PUE",
        statement=f"{search.problem.pue:g} where a machine's row states none",
        standing="assumed",
        source="survey average 2024 (handbook §8), or energy.pue",
    )
