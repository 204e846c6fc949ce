"""Which grid feeds a seller's region."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.select import is_pattern, matches
from planner.domain.catalog import Catalog
from planner.errors import InvalidInput


def grid_of(catalog: Catalog, seller: str, region: str) -> str | None:
    """Return the name of the grid that feeds a seller's region, None if no row says; names win over patterns.

    Raises
    ------
    InvalidInput
        Two grids that feed it: which one counts would be a guess.
    """
    found = {rank: [name for name, fit in _fits(catalog, seller, region) if fit == rank] for rank in (0, 1)}
    best = found[0] or found[1]
    if len(best) > 1:
        message = f"{seller}/{region} is fed by {' and by '.join(best)}"
        raise InvalidInput.at("", message, "name it in one of them alone", path=f"catalogs.overrides.grids.{best[-1]}.regions")
    return best[0] if best else None


def _fits(catalog: Catalog, seller: str, region: str) -> Iterator[tuple[str, int]]:
    """Yield grids that feed a region: by name 0, by pattern 1."""
    for name, grid in catalog.grids.items():
        ranks = [int(is_pattern(one)) for one in grid.regions if feeds(one, seller, region)]
        if ranks:
            yield name, min(ranks)


def feeds(pattern: str, seller: str, region: str) -> bool:
    """Return whether a name or pattern of regions, with or without seller, stands for a seller's region."""
    return matches(f"{seller}/{region}" if "/" in pattern else region, pattern)
