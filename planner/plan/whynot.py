"""Why something is not in the plan: the rule it breaks, or what it would cost at best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.candidates.build import Search
from planner.candidates.rejection import Rejection
from planner.catalog.meaning import Meaning, meant
from planner.plan.build import Solved
from planner.plan.whynot_rules import PLACES, chosen_away, paid, spoken_of, standing, unplaced

Index = NDArray[np.intp]


def why_not(solved: Solved, words: Sequence[str]) -> Iterator[str]:
    """Yield why combinations that words name are not used, the nearest to being used first.

    Parameters
    ----------
    solved : a solved problem
    words : what they mean is for `planner.catalog.meaning` to say; those that name nothing are looked for in the names of
        deployments and in what rejections speak of

    Returns
    -------
    Sentences: the plan's use of it, what it costs beside what the plan pays, then rules broken, each with its code.
    """
    search = solved.search
    meaning = meant(search.catalog, words)
    nothing = [kind for kind, names in meaning.names.items() if not names]
    if nothing:
        yield from (f"no one of the {kind.replace('_', ' ')} is named {' '.join(meaning.said[kind])}" for kind in nothing)
        return
    rows = _matching(search, meaning)
    yield from _used(solved, rows)
    yield from _priced(solved, rows)
    yield from dict.fromkeys(_told(entry) for entry in _rules(search, meaning, rows))
    yield from _not_offered(solved, words)


def _rules(search: Search, meaning: Meaning, rows: Index) -> Iterator[Rejection]:
    yield from chosen_away(search, meaning)
    yield from unplaced(search, meaning)
    stands = any(standing(cell, meaning) for cell in search.supply.cells)
    yield from spoken_of(search, meaning, found=bool(len(rows)), stands=stands)


def _told(entry: Rejection) -> str:
    return f"{entry} [{entry.code}]"


def _not_offered(solved: Solved, words: Sequence[str]) -> Iterator[str]:
    """Yield the speculators named that no stream was offered: nothing of them was ever tried."""
    catalog, offered = solved.search.catalog, {way.speculator for way in solved.search.space.drafts if way is not None}
    for name, row in catalog.speculators.items():
        if name not in offered and all(word.lower() in f"{name} {row.target}".lower() for word in words):
            what = f"{name} for {row.target}"
            if catalog.resolve_model(row.target) is None:
                yield f"{what}: the catalog has no model of that name; add it to a catalog file"
            else:
                yield f"{what}: not offered, or its target may not be used; see choose.speculators.allow and choose.models"


def _matching(search: Search, meaning: Meaning) -> Index:
    """Return the deployments that words name."""
    space, names = search.space, meaning.names
    columns = {
        "models": (space.models, space.model),
        "precisions": (space.precisions, space.precision),
        "kv_precisions": (space.kv_precisions, space.kv),
        "engines": (space.engines, space.engine),
        "layouts": ([str(shape) for shape in space.shapes], space.shape),
        "accelerators": ([machine.accelerator for machine in space.hardware], space.machine),
    }
    kept = np.full(len(space), "apis" not in names)
    for kind, (known, column) in columns.items():
        if kind in names:
            kept &= np.isin(column, [index for index, name in enumerate(known) if name in names[kind]])
    if any(kind in names for kind in PLACES):
        ways = paid(search, meaning)
        there = [i for i, cell in enumerate(search.supply.cells) if i in ways and standing(cell, meaning)]
        kept &= np.isin(space.machine, np.flatnonzero(search.sites.hosts[:, there].any(axis=1)))
    rows = np.flatnonzero(kept)
    said = [word.lower() for word in meaning.unknown]
    return rows if not said else np.array([r for r in rows.tolist() if _says(search, r, said)], dtype=np.intp)


def _says(search: Search, row: int, words: Sequence[str]) -> bool:
    name = search.space.describe(row).lower()
    return all(word in name for word in words)


def _used(solved: Solved, matching: Index) -> Iterator[str]:
    rows = set(matching.tolist())
    for column in np.flatnonzero(solved.outcome.replicas[: len(solved.assembled.pool)].sum(axis=1) > 0).tolist():
        row = int(solved.pools.row[solved.assembled.pool[column]])
        if row in rows:
            yield f"{solved.search.space.describe(row)} is in the plan"


def _priced(solved: Solved, rows: Index) -> Iterator[str]:
    """Yield, per stream, the best that the matching deployments could do against the cheapest of all."""
    search = solved.search
    if not len(rows):
        return
    gpus = search.space.gpus()
    for r, stream in enumerate(search.streams):
        price = search.gpu_price[r, search.space.machine] * gpus / 3.6
        best = _exact(solved, r, price, np.arange(len(search.space)))
        mine = rows[np.isfinite(search.least[0, r, rows])]
        if not len(mine) or best is None:
            continue
        exact = _exact(solved, r, price, mine)
        if exact is not None:
            yield (
                f"{search.space.describe(exact[1])} for {stream.name}: ${exact[0]:.4f} per thousand calls at full use, "
                f"the cheapest deployment ${best[0]:.4f} ({search.space.describe(best[1])})"
            )
            continue
        cost = price[mine] * search.least[:, r, mine].max(axis=0)
        nearest = int(cost.argmin())
        yield (
            f"{search.space.describe(int(mine[nearest]))} for {stream.name}: at the very best ${cost[nearest]:.4f} "
            f"per thousand calls, the cheapest deployment ${best[0]:.4f} ({search.space.describe(best[1])})"
        )


def _exact(solved: Solved, stream: int, price: np.ndarray, rows: np.ndarray) -> tuple[float, int] | None:
    """Return the lowest cost per thousand calls among evaluated pools of these rows, and the row; None if there is none."""
    pools = solved.pools
    need = pools.demand[:, stream].max(axis=0)
    good = np.flatnonzero(np.isfinite(need) & np.isin(pools.row, rows))
    if not len(good):
        return None
    cost = need[good] * price[pools.row[good]]
    best = int(cost.argmin())
    return float(cost[best]), int(pools.row[good[best]])
