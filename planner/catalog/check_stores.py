"""Cross-checks of vector stores: names exist, some node reaches the recall in every segment, who searches them is there."""

from __future__ import annotations

from planner.catalog.check_choices import check_names
from planner.catalog.check_stages import twice
from planner.catalog.findings import Findings, Parts
from planner.catalog.store_sources import common, index_name, nodes_of, rules_of, users_of
from planner.catalog.suggest import remedy_for
from planner.catalog.yamlfile import KeyPath
from planner.domain.stores import Segment, Store, named


def check_stores(parts: Parts, findings: Findings) -> None:
    """Check every store, and that stages search stores that exist."""
    known = _described(findings)
    for index, workload in parts.workloads:
        for place, stage in enumerate(workload.stages):
            if stage.store is not None and stage.store not in known:
                message = f"no store is named {stage.store!r}"
                remedy = remedy_for(stage.store, known) if known else "describe it under `stores`"
                findings.error(("workloads", index, "stages", place, "store"), message, remedy)
    for index, store in parts.stores:
        path: KeyPath = ("stores", index)
        twice(store.segments, (*path, "segments"), "segments", findings)
        _names(parts, store, path, findings)
        _use(parts, store, path, findings)
        if _patterns(parts, store, path, findings):
            _reach(parts, store, path, findings)


def _described(findings: Findings) -> list[str]:
    """Return the names of all stores in the file, those that are wrong in themselves included."""
    data = findings.document.data
    rows = data.get("stores", []) if isinstance(data, dict) else []
    return [str(row["name"]) for row in (rows if isinstance(rows, list) else []) if isinstance(row, dict) and "name" in row]


def _use(parts: Parts, store: Store, path: KeyPath, findings: Findings) -> None:
    """A store that nothing searches costs nothing and is planned for nothing; its index needs a name of its own."""
    workloads = [workload for _, workload in parts.workloads]
    if not users_of(store, workloads):
        findings.warn(
            (*path, "name"), "no stage searches this store, so it is left out", "write `store:` at a stage, or remove it"
        )
    if store.refresh is not None and index_name(store) in [workload.name for workload in workloads]:
        message = f"the calls that keep it fresh go by {index_name(store)!r}, which is also a workload"
        findings.error((*path, "name"), message, "rename one of them")


def _names(parts: Parts, store: Store, path: KeyPath, findings: Findings) -> None:
    """A cloud must be in the catalog, and models that embed must exist."""
    cloud = store.egress.cloud if store.egress is not None else None
    if cloud is not None and cloud not in parts.catalog.egress:
        remedy = remedy_for(cloud, parts.catalog.egress, "`planner catalog list egress`")
        findings.error((*path, "egress", "cloud"), f"no price of egress is known for {cloud!r}", remedy)
    if store.refresh is not None:
        check_names(parts.catalog, store.refresh.choose, (*path, "refresh", "choose"), findings)


def _patterns(parts: Parts, store: Store, path: KeyPath, findings: Findings) -> bool:
    """Every name or pattern must fit some node; return whether all do."""
    known = [*store.nodes, *parts.catalog.stores]
    groups: list[tuple[KeyPath, tuple[str, ...]]] = [
        (("types", "allow"), store.types.allow or ()),
        (("types", "forbid"), store.types.forbid),
        *((("tiers", i, "cold"), tier.cold) for i, tier in enumerate(store.tiers)),
    ]
    unknown = [(*place, i) for place, names in groups for i, name in enumerate(names) if not any(named(n, [name]) for n in known)]
    by_place = dict(groups)
    for place in unknown:
        pattern = by_place[place[:-1]][int(place[-1])]
        remedy = remedy_for(pattern, known, "`planner catalog list stores`")
        findings.error((*path, *place), f"{pattern!r} matches no store", remedy)
    return not unknown


def _reach(parts: Parts, store: Store, path: KeyPath, findings: Findings) -> None:
    """In every segment some node must be allowed and reach the recall, and so must every cold part."""
    whole = store.model_copy(update={"nodes": nodes_of(store, parts.catalog)})
    rule = rules_of(store, [workload for _, workload in parts.workloads]).region_groups
    for number, segment in enumerate(store.parts):
        held = segment.model_copy(update={"region_groups": common(segment.region_groups, rule)})
        where: KeyPath = (*path, "segments", number) if store.segments else path
        _recall(whole, held, where, None, findings)
        for i, tier in enumerate(store.tiers):
            _recall(whole, held, (*path, "tiers", i, "cold"), tier.cold, findings)


def _recall(store: Store, segment: Segment, path: KeyPath, patterns: tuple[str, ...] | None, findings: Findings) -> None:
    """Some node that is allowed must reach the recall."""
    offers = store.offers(segment, patterns)
    if not offers:
        message = f"no node may hold {segment.name!r}: none is allowed by types, precisions and region groups together"
        findings.error(path, message, "allow other `types`, `precisions` or `region_groups`, or give `nodes` of your own")
        return
    best, name = max((point.recall, name) for name, offer in offers.items() for point in offer.searched)
    if best + 1e-12 < store.recall_at_least:
        message = f"recall {store.recall_at_least:g} is asked for, the best measured of what may hold it is {best:g} ({name})"
        remedy = f"lower recall_at_least to {best:g}, or allow others, or give `nodes` with a recall that you measured"
        findings.error(path if patterns is not None else (*path[:2], "recall_at_least"), message, remedy)
