"""Vector stores over the tiny catalog: two kinds of nodes, a cold store, an embedding model, and workloads that search them."""

from __future__ import annotations

from typing import Any

import tiny

from planner.domain.store_facts import StoreOffer
from planner.domain.stores import Store

POINT = {"vectors": "1M", "dimensions": 100, "recall": 0.95, "rate": "100 req/s", "latency_p99": "10ms"}
NODE = {
    "index": "flat",
    "precision": "float32",
    "memory": "1GB",
    "usable_memory": 1,
    "hourly": "$1/h",
    "searched": [POINT],
    **tiny.READ,
}
FAST = {**NODE, "hourly": "$3/h", "searched": [{**POINT, "latency_p99": "1ms", "rate": "200 req/s"}]}
COLD = {
    "index": "flat", "precision": "float32", "storage_per_month": "$0.73/GB", "per_query": "$10/Mreq",
    "searched": [{**POINT, "vectors": "10M", "latency_p99": "100ms"}], **tiny.READ,
}  # fmt: skip


def store(**fields: Any) -> dict[str, Any]:
    """Return a store of a million vectors of 100 dimensions, 0.4 GB, without spares, used up to the measured rate's half."""
    base = {"name": "docs", "vectors": "1M", "dimensions": 100, "recall_at_least": 0.9, "spares": 0, "utilization": 0.5}
    return {**base, **fields}


def made(nodes: dict[str, dict[str, Any]] | None = None, **fields: Any) -> Store:
    """Return a store that holds its nodes, as it is once a problem has been loaded."""
    rows = {"shop/node": NODE} if nodes is None else nodes
    return Store.model_validate({**store(**fields), "nodes": rows})


def offer(**fields: Any) -> StoreOffer:
    """Return the plain node with changes."""
    return StoreOffer.model_validate({**NODE, **fields})


def facts(**stores: dict[str, Any]) -> dict[str, Any]:
    """Return the tiny catalog with an embedding model and vector stores."""
    found = tiny.catalog()
    found["models"]["org/embed"] = {**tiny.model(12, 1024, 16, 0.4, 50.0), "role": "embed", "scores": []}
    found["models"]["org/rerank"] = {**tiny.model(12, 1024, 16, 0.4, 50.0), "role": "rerank", "scores": []}
    found["stores"] = stores or {"shop/node": NODE, "shop/fast": FAST}
    found["egress"] = {"cloud": {"price": "$0.10/GB", **tiny.READ}}
    return found


def searching(name: str = "chat", rate: Any = "4 req/s", where: str = "docs", **fields: Any) -> dict[str, Any]:
    """Return a workload that searches a store before it answers."""
    stages = [{"name": "search", "store": where}, {"name": "answer", "input_tokens": {"mean": 100, "scv": 0.5}}]
    return tiny.workload(name, rate, **{"stages": stages, **fields})


def problem(*workloads: dict[str, Any], stores: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """Return a problem with a store."""
    return tiny.problem(*(workloads or (searching(),)), stores=stores if stores is not None else [store()], **fields)
