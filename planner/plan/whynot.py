"""Why something is not in the plan: the rule it breaks, or what it would cost at best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from planner.plan.build import Solved


def why_not(solved: Solved, words: Sequence[str]) -> Iterator[str]:
    """Yield why combinations that name all words are not used, the nearest to being used first.

    Parameters
    ----------
    solved : a solved problem
    words : to be found in models, precisions, engines, accelerators and layouts, letter case aside

    Returns
    -------
    Sentences: the plan's use of it, what it costs beside what the plan pays, then rules broken.
    """
    yield from _used(solved, words)
    yield from _priced(solved, words)
    yield from dict.fromkeys(str(entry) for entry in solved.search.ledger.about(*words))
    yield from _not_offered(solved, words)


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


def _matching(solved: Solved, words: Sequence[str]) -> list[int]:
    space = solved.search.space
    wanted = [word.lower() for word in words]
    return [row for row in range(len(space)) if all(word in space.describe(row).lower() for word in wanted)]


def _used(solved: Solved, words: Sequence[str]) -> Iterator[str]:
    rows = set(_matching(solved, words))
    for column in np.flatnonzero(solved.outcome.replicas[: len(solved.assembled.pool)].sum(axis=1) > 0).tolist():
        row = int(solved.pools.row[solved.assembled.pool[column]])
        if row in rows:
            yield f"{solved.search.space.describe(row)} is in the plan"


def _priced(solved: Solved, words: Sequence[str]) -> Iterator[str]:
    """Yield, per stream, the best that the matching deployments could do against the cheapest of all."""
    search = solved.search
    rows = np.array(_matching(solved, words), dtype=np.intp)
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
