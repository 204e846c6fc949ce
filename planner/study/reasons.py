"""What rules out the workloads of a problem without a plan, from what the candidates were found to lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.candidates.api_costs import LIMITS, limit_shares
from planner.candidates.apis import Apis, servable, usable_price
from planner.candidates.build import Search
from planner.candidates.evaluate import chunks
from planner.candidates.pools import Pools
from planner.candidates.rejection import CODES, Ledger, Rejection
from planner.demand.ways import Way
from planner.optimize.choices import able
from planner.perf import limits
from planner.perf.steady import steady_state
from planner.study.words import gpus, listed, seconds
from planner.supply.limits import gpu_limits

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

SHOWN = 4
"""Kinds of reasons given for a workload at most."""

OF_MODELS = ("choice", "licence", "context", "quality")
"""Codes that rule out models in themselves."""

OF_PLACES = ("rules",)
"""Codes that rule out machines in themselves."""

OF_PAIRS = ("checkpoint", "format", "engine", "layout", "memory")
"""Codes that rule out a model on a machine."""


def unserved(search: Search, pools: Pools, apis: Apis) -> list[int]:
    """Return the streams that no pool and no API may serve, whatever the limits, of workloads that are lost with them.

    A workload is lost if each of its ways needs such a stream; those of its first, simplest way are told.
    """
    served = servable(pools, apis)
    names = {stream.name: r for r, stream in enumerate(search.streams)}
    by_workload: dict[str, list[Way]] = {}
    for way in search.ways:
        by_workload.setdefault(way.workload, []).append(way)
    lost = [ways[0] for ways in by_workload.values() if not any(able(way, served, names) for way in ways)]
    return [names[name] for way in lost for name, rate in way.rates.items() if max(rate) > 0 and not served[names[name]]]


def reasons(search: Search, pools: Pools, streams: Sequence[int]) -> tuple[str, ...]:
    """Return why a problem has no plan, in sentences with numbers.

    Parameters
    ----------
    search : complete, so that what it lacks does not exist
    pools : all that can serve something
    streams : those that nothing may serve; empty if limits alone stand in the way

    Returns
    -------
    Sentences
    """
    if streams:
        return tuple(sentence for r in streams for sentence in _about(search, r))
    every = range(len(search.streams))
    return tuple(sentence for r in every for sentence in (*_too_large(search, pools, r), *_too_little(search, r)))


def _about(search: Search, r: int) -> Iterator[str]:
    stream = search.streams[r]
    rows = np.flatnonzero(search.eligible[r])
    yield _too_slow(search, r, rows) if len(rows) else _nothing_left(search, r)
    if stream.workload.data.external_api:
        yield from _by_api(search, stream.name)
    else:
        yield f"{stream.name}: its data may not go to an external API"


def _too_slow(search: Search, r: int, rows: Index) -> str:
    """Say how near the nearest deployment comes to the promises when it has next to nothing to do."""
    missed, what = nearest_miss(search, r, rows)
    return f"{search.streams[r].name}: even almost idle, the nearest of {len(rows):,} deployments, {what}, misses: {missed}"


def _too_large(search: Search, pools: Pools, r: int) -> Iterator[str]:
    """Say whether quotas leave no machines for even one replica that keeps the promises."""
    name, quota = search.streams[r].name, _most_gpus(search)
    bought = _gpus_bought(search, r)
    within = np.asarray((np.isfinite(bought) & (bought <= quota)).any(axis=1), dtype=bool)
    serving = pools.row[np.isfinite(pools.demand[:, r]).all(axis=0)]
    if not len(serving) or within[serving].any():
        return
    least = gpus(float(bought[serving].min()))
    yield f"{name}: the machines of one replica that keeps its promises have at least {least}, more than the quotas leave"
    if within.any():
        missed, what = nearest_miss(search, r, np.flatnonzero(within))
        yield f"{name}: even almost idle, the nearest within the quotas, {what}, misses: {missed}"


def _too_little(search: Search, r: int) -> Iterator[str]:
    """Say which limit of an API's account lets fewer of a stream's calls through than there are."""
    stream = search.streams[r]
    for name, offer in search.catalog.apis.items():
        paid = usable_price(name, offer, stream, search.catalog, search.problem, Ledger())
        shares = limit_shares(offer, stream)
        if paid is None or paid.batch or shares.max() * stream.peak_rate <= 1.0:
            continue
        what = LIMITS[int(shares.argmax())]
        yield (
            f"{stream.name}: the limit of {what} of {name} lets {1.0 / shares.max():.4g} of its {stream.peak_rate:.4g} calls/s "
            "through; ask for a higher one, or allow more machines or APIs"
        )


def _gpus_bought(search: Search, r: int) -> Floats:
    """Return [row, cell] the accelerators of whole machines that one replica takes; inf where a stream may not run it."""
    sizes, boards = (np.array([getattr(cell, what) for cell in search.supply.cells], dtype=float) for what in ("gpus", "boards"))
    open_to = np.array([cell.streams[r] for cell in search.supply.cells], dtype=bool)
    machines = np.ceil(search.space.gpus()[:, None] / sizes)
    may = search.sites.hosts[search.space.machine] & open_to & search.eligible[r][:, None]
    return np.where(may, machines * boards, np.inf)


def _most_gpus(search: Search) -> Floats:
    """Return [cell] the most accelerators that quotas leave of any one way to pay there; -inf if there is none."""
    limits = gpu_limits(search.problem, search.supply, search.catalog)
    most = np.full(len(search.supply.cells), -np.inf)
    for index, bought in enumerate(search.supply.purchases):
        quota = min((limit.gpus for limit in limits if limit.purchases[index]), default=np.inf)
        most[bought.cell] = max(most[bought.cell], quota)
    return most


def nearest_miss(search: Search, r: int, rows: Index) -> tuple[str, str]:
    """Return what the deployment that comes nearest to a stream's promises misses when almost idle, and its name."""
    names, strain = idle(search, rows, r)
    nearest = int(strain.max(axis=0).argmin())
    missed = [_missed(search, r, name, float(value)) for name, value in zip(names, strain[:, nearest], strict=True) if value > 1]
    return listed(missed) or "no load is small enough", search.space.describe(int(rows[nearest]))


def idle(search: Search, rows: Index, r: int) -> tuple[tuple[str, ...], Floats]:
    """Return the names of a stream's constraints and, [constraint, rows], their value over their limit on idle replicas."""
    names: tuple[str, ...] = ()
    parts = []
    for chunk in chunks(rows):
        made = search.evaluator.compile(chunk, [r])
        load = np.full(len(chunk), limits.SMALLEST_LOAD)
        state = steady_state(made.step, made.traffic[0], made.replica.chunk_tokens, load)
        ratios = limits.strains(state, made.traffic[0], made.replica, search.evaluator.targets[r])
        names = tuple(name for name, _ in ratios)
        stacked = np.stack([np.broadcast_to(ratio, len(chunk)) for _, ratio in ratios])
        parts.append(np.where(np.isnan(stacked), np.inf, stacked))
    return names, np.concatenate(parts, axis=1)


def _missed(search: Search, r: int, name: str, strain: float) -> str:
    """Write a promise missed by `strain` times its limit."""
    for target in search.evaluator.targets[r]:
        if name == f"{target.metric} p{target.percentile:g}":
            seen, promised = seconds(float(f"{strain * target.seconds:.3g}")), seconds(target.seconds)
            return f"{target.metric.upper()} p{target.percentile:g} {seen} ({promised} promised)"
    return f"{name} {strain:.2f} × its limit"


def _nothing_left(search: Search, r: int) -> str:
    """Count what was left out before any replica could be judged, with an example of each kind."""
    name = search.streams[r].name
    own = [entry for entry in _entries(search, name) if entry.subject not in search.catalog.apis]
    shapes = {str(shape) for shape in search.sites.shapes}  # layouts left out by choice rule out pairs, not models
    for what, codes, left in (
        ("model", OF_MODELS, bool(search.good[r].any())),
        ("machine", OF_PLACES, any(cell.streams[r] for cell in search.supply.cells)),
        ("model on any machine", OF_PAIRS, False),
    ):
        mine = [entry for entry in own if (codes == OF_PAIRS if entry.subject in shapes else entry.code in codes)]
        if not left and mine:
            return f"{name}: no {what} is left: {_counted(mine)}"
    return f"{name}: the catalogs hold no model on any machine that it may use"


def _entries(search: Search, name: str) -> list[Rejection]:
    return [entry for entry in search.ledger.entries if entry.stream in ("", name)]


def _counted(entries: Sequence[Rejection]) -> str:
    """Write `40 × below a quality floor …, such as X: MMLU 40 < 50; 3 × …`, most frequent first."""
    counts: Counter[str] = Counter()
    for entry in entries:
        counts[entry.code] += entry.count
    return "; ".join(_part(code, count, entries) for code, count in counts.most_common(SHOWN))


def _part(code: str, count: int, entries: Sequence[Rejection]) -> str:
    example = next(entry for entry in entries if entry.code == code)
    return f"{count:,} × {CODES[code]}, such as {example.subject}: {example.sentence}"


def _by_api(search: Search, name: str) -> Iterator[str]:
    """Say what keeps APIs from serving a stream."""
    mine = [entry for entry in _entries(search, name) if entry.subject in search.catalog.apis]
    if mine:
        yield f"{name}: no API may serve it: {_counted(mine)}"
