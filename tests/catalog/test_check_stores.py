"""Mistakes in vector stores: one message each, with its path and the remedy."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import stores
import tiny

from planner.catalog.load import load_builtin
from planner.catalog.problem import load_problem
from planner.demand.streams import build_flows
from planner.errors import InvalidInput, Issue

CATALOG = load_builtin()


def issues(folder: Path, *, search: str = "docs", **fields: Any) -> list[Issue]:
    """Return what is found in a problem of one store; fields replace its own."""
    made = stores.problem(stores.searching(where=search), stores=[stores.store(**fields)])
    try:
        loaded = tiny.load(folder, made, stores.facts())
        build_flows(loaded.problem, loaded.base)
    except InvalidInput as error:
        return list(error.issues)
    return [issue for issue in loaded.warnings if issue.path.startswith("stores")]


def segment(name: str, vectors: float, queries: float, **fields: Any) -> dict[str, Any]:
    return {"name": name, "vectors": vectors, "queries": queries, **fields}


NO_SOURCE = {key: value for key, value in stores.NODE.items() if key != "source"}
HALVES = [segment("a", 0.5, 0.5), segment("b", 0.5, 0.5)]

MISTAKES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "shares": (
        {"segments": [segment("a", 0.5, 0.5), segment("b", 0.4, 0.5)]},
        "stores[0]", "shares of vectors over segments add up to 0.9, not 1", "check the shares",
    ),
    "unknown node": (
        {"types": {"allow": ["shop/nod"]}},
        "stores[0].types.allow[0]", "'shop/nod' matches no store", "did you mean 'shop/node'?",
    ),
    "unknown cold": (
        {"tiers": [{"hot_vectors": 0.2, "hot_queries": 0.9, "cold": ["ice"]}]},
        "stores[0].tiers[0].cold[0]", "'ice' matches no store", "known: shop/fast, shop/node",
    ),
    "recall": (
        {"recall_at_least": 0.99},
        "stores[0].recall_at_least", "the best measured of what may hold it is 0.95 (shop/node)",
        "lower recall_at_least to 0.95",
    ),
    "no source": (
        {"nodes": {"own": NO_SOURCE}},
        "stores[0].nodes.own.source", "the field 'source' is missing", "add `source: …`",
    ),
    "no node": ({"precisions": ["int8"]}, "stores[0]", "no node may hold 'all'", "give `nodes` of your own"),
    "twice": (
        {"segments": [HALVES[0], {**HALVES[1], "name": "a"}]},
        "stores[0].segments[1].name", "two segments are named 'a'", "a name of its own",
    ),
    "both": ({"documents": 5}, "stores[0]", "how much it holds must be said in one way", "give"),
    "cloud": (
        {"payload": "1kB", "egress": {"cloud": "clod"}},
        "stores[0].egress.cloud", "no price of egress is known for 'clod'", "did you mean 'cloud'?",
    ),
    "egress of nothing": ({"egress": {"cloud": "cloud"}}, "stores[0]", "egress is paid for payload", "give payload"),
    "backfill": ({"backfill": {"documents": 5, "months": 1}}, "stores[0]", "backfill needs refresh", "give refresh"),
    "embedder": (
        {"refresh": {"documents": "1 req/s", "tokens": {"mean": 5}, "choose": {"models": {"allow": ["org/embd"]}}}},
        "stores[0].refresh.choose.models.allow[0]", "'org/embd' matches no model", "did you mean 'org/embed'?",
    ),
    "latency": (
        {"latency_at_most": "1ms"},
        "workloads[0].stages[0].store", "nothing holds 'docs' within 0.001 s", "raise latency_at_most",
    ),
    "searched": ({"search": "dogs"}, "workloads[0].stages[0].store", "no store is named 'dogs'", "did you mean 'docs'?"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_one_message_with_its_path_and_remedy(name: str, tmp_path: Path) -> None:
    fields, path, message, remedy = MISTAKES[name]
    found = [issue for issue in issues(tmp_path, **fields) if "no stage searches" not in issue.message]
    assert [issue.path for issue in found] == [path]
    assert message in found[0].message
    assert remedy in found[0].remedy


def test_a_store_that_nothing_searches_is_left_out_with_a_warning(tmp_path: Path) -> None:
    loaded = tiny.load(tmp_path, stores.problem(tiny.workload()), stores.facts())
    assert any(issue.path == "stores[0].name" and "no stage searches" in issue.message for issue in loaded.warnings)


@pytest.mark.parametrize("name", CATALOG.stores)
def test_rows_of_the_catalog_can_be_planned_with(name: str) -> None:
    """Every measurement has a latency and 768 dimensions; at more vectors, and at a higher recall, a node is no faster."""
    row = CATALOG.stores[name]
    assert {point.dimensions for point in row.searched} == {768}
    assert all(point.latency_p99 for point in row.searched)
    ordered = sorted(row.searched, key=lambda point: (point.vectors, point.recall))
    for one, other in pairwise(ordered):
        if one.vectors == other.vectors:
            assert one.rate >= other.rate


def test_the_example_in_the_docs_loads() -> None:
    loaded = load_problem(Path(__file__).parents[2] / "problems" / "retrieval.yaml")
    assert [workload.name for workload in loaded.problem.workloads] == ["questions", "contracts index"]
