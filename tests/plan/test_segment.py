"""Sharing a pool or not: counts against a plain scan, and what the sentences say of workloads made to share or to part."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.domain.plan import Plan
from planner.pipeline import checked, solve_as_stated
from planner.plan.pool import replicas_of
from planner.plan.segment import MOST_PAIRS, Host, Pair, Size, pairs_of, segment_reasons, sentence
from planner.plan.solved import Solved, open_pools
from planner.plan.spares import spares_of
from planner.plan.strain import holds

Made = tuple[Solved, Plan]

ONE_KIND = {
    "instances": {"allow": ["mart/max-1"]},
    "offers": {"allow": ["on_demand"]},
    "precisions": {"allow": ["bf16"]},
    "models": {"allow": ["org/small"]},
}
"""One deployment at $3/h a replica, so that only sharing is decided."""


def made(folder: Path, *workloads: dict[str, Any], **fields: Any) -> Made:
    loaded = tiny.load(folder, tiny.problem(*workloads, **{"choose": ONE_KIND, **fields}))
    solved = solve_as_stated(loaded, lambda _: None)
    return solved, checked(loaded, solved)


def brief(rate: str, ttft: str = "150ms", tpot: str = "20ms") -> dict[str, Any]:
    """A chat of 200-token prompts that wants to be answered at once."""
    objectives = [
        {"metric": "ttft", "percentile": 95, "target": ttft},
        {"metric": "tpot", "percentile": 95, "target": tpot},
    ]
    return tiny.workload("chat", rate, input_tokens={"mean": 200, "p95": 500, "maximum": 2000}, objectives=objectives)


def documents(rate: str) -> dict[str, Any]:
    """Prompts of up to 30,000 tokens that may wait half a minute."""
    return tiny.workload(
        "documents",
        rate,
        input_tokens={"mean": 25000, "p95": 29000, "maximum": 30000},
        objectives=[{"metric": "ttft", "percentile": 95, "target": "30s"}],
    )


def pairs(case: Made) -> list[Pair]:
    solved, plan = case
    return pairs_of(solved, plan.pools, plan.purchases, plan.cost)[0]


def scan(case: Made, pool: str, *streams: str) -> int:
    """Count replicas one by one until all streams, whole, hold together on a pool's deployment."""
    solved, plan = case
    columns = open_pools(solved)[[made.name for made in plan.pools].index(pool)]
    replicas = replicas_of(solved, columns, solved.search.problem.solver.confidence)
    rates = {name: sum(s.rate for p in plan.pools for s in p.shares if s.stream == name) for name in streams}
    count = 1
    while not holds(replicas.operate({k: v / count for k, v in rates.items()}, count), replicas):
        count += 1
    return count


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("alike"), tiny.workload(rate="10 req/s"), tiny.workload("talk", "10 req/s"))


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("unlike"), brief("60 req/s"), documents("2.5 req/s"))


def test_two_alike_chats_share_a_pool(alike: Made) -> None:
    """Twice 10 calls/s fit on one replica of $3/h; apart each would have one that is half empty."""
    (pair,) = pairs(alike)
    assert pair.shared
    assert (pair.together.replicas, [size.replicas for size in pair.apart]) == (1, [1, 1])
    assert (pair.together.hourly, sum(size.hourly for size in pair.apart)) == (3.0, 6.0)
    assert pair.together.binding == ""
    apart = "apart on its deployment the two alone would take 1 + 1 replicas, $6.00/h"
    assert f"chat and talk share P1: {apart}; in one pool 1, $3.00/h." in alike[1].reasons


def test_brief_chats_and_long_documents_have_a_pool_each(unlike: Made) -> None:
    (pair,) = pairs(unlike)
    assert not pair.shared
    assert not pair.common
    assert pair.together.hourly > sum(size.hourly for size in pair.apart)
    assert "of chat reaches" in pair.together.binding
    chat = next(size for size, name in zip(pair.apart, pair.streams, strict=True) if name == "chat")
    assert chat.replicas < pair.together.replicas


def test_counts_are_those_of_a_plain_scan(unlike: Made) -> None:
    (pair,) = pairs(unlike)
    assert pair.together.replicas == scan(unlike, pair.together.host, *pair.streams)
    for size, name in zip(pair.apart, pair.streams, strict=True):
        assert size.replicas == scan(unlike, size.host, name)
        assert size.hourly == pytest.approx(3.0 * size.replicas)


def test_the_sentence_bears_the_counts(unlike: Made) -> None:
    (pair,) = pairs(unlike)
    (said,) = [reason for reason in unlike[1].reasons if "pools of their own" in reason]
    apart, single = " + ".join(str(size.replicas) for size in pair.apart), pair.together.replicas
    assert f"take {apart} replicas" in said
    assert (
        f"deployment {single}, ${pair.together.hourly:,.2f}/h, since with {pair.together.fewer} {pair.together.binding}" in said
    )


def test_what_a_count_misses_is_missed(unlike: Made) -> None:
    """The percentile in words is the model's at the count that does not do, above its target by the share said."""
    (pair,) = pairs(unlike)
    found = re.fullmatch(r"(TTFT|TPOT) p95 of chat reaches ([\d,]+) ms, ([\d.]+) times its promise", pair.together.binding)
    assert found
    seen = host_of(unlike, pair.together.host).run({"chat": 60.0, "documents": 2.5}, pair.together.fewer).seen["chat"]
    value, target = float(seen.percentile(found[1].lower(), 95.0)[0]), {"TTFT": 0.15, "TPOT": 0.02}[found[1]]
    assert float(found[2].replace(",", "")) == pytest.approx(value * 1e3, abs=0.5)
    assert float(found[3]) == pytest.approx(value / target, abs=0.05)
    assert pair.together.fewer < pair.together.replicas


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("guess", [1, 5, 400])
def test_a_count_does_not_depend_on_where_it_begins(unlike: Made, scale: float, guess: int) -> None:
    """One less misses something, and neither a guess nor a bracket is trusted."""
    host = host_of(unlike, "P1")
    rates = {"chat": 60.0 * scale, "documents": 0.5 * scale}
    found = host.size(rates, guess, 4000)
    assert found.enough
    assert holds(host.run(rates, found.replicas), host.replicas)
    assert found.replicas == 1 or not holds(host.run(rates, found.replicas - 1), host.replicas)
    assert len(host.runs) < 25


def host_of(case: Made, name: str) -> Host:
    solved, plan = case
    index = [pool.name for pool in plan.pools].index(name)
    pool, columns = plan.pools[index], open_pools(solved)[index]
    confidence, operations = solved.search.problem.solver.confidence, solved.search.problem.operations
    spares = spares_of(solved, columns)
    return Host(pool, lambda: replicas_of(solved, columns, confidence), frozenset({"chat", "documents"}), 3.0, operations, spares)


def test_too_few_to_be_had_are_said_to_be_too_few(unlike: Made) -> None:
    found = host_of(unlike, "P1").size({"chat": 6000.0}, 3, 3)
    assert not found.enough
    assert (found.replicas, found.fewer) == (3, 3)
    assert found.binding


def test_each_way_has_its_words() -> None:
    late = "TTFT p95 of a reaches 9 ms, 12.5% above its promise"
    apart = Size("P1", 2, 6.0, True, 1, late), Size("P2", 1, 3.0, True, 0, "")
    pair = Pair(("a", "b"), "day", apart, Size("P2", 12, 36.0, False, 12, late), common=True, shared=False, planned=4)
    assert sentence(pair, named=True) == (
        "a and b go mostly to pools of their own: the two alone take 2 + 1 replicas in day, $9.00/h; in one pool of P2's "
        f"deployment not even 12, $36.00/h, would do: {late}; the plan holds 4, its levels and tiers being on the safe side."
    )
    enough = replace(pair, together=Size("P2", 5, 15.0, True, 3, late), common=False, planned=3)
    assert sentence(enough, named=False) == (
        "a and b have pools of their own: the two alone take 2 + 1 replicas, $9.00/h; in one pool of P2's deployment "
        f"5, $15.00/h, since with 3 {late}."
    )


def test_a_chat_and_a_batch_without_a_promise_to_it(tmp_path: Path) -> None:
    """Nothing is promised to the batch, so what binds in one pool is the chat's or a limit; alone it fits where the chat fits."""
    case = made(tmp_path, brief("60 req/s", "300ms", "12ms"), tiny.workload("batch", "30 req/s", objectives=[], deadline="24h"))
    (pair,) = pairs(case)
    assert "of batch" not in pair.together.binding
    assert pair.together.replicas == scan(case, pair.together.host, "chat", "batch")
    assert pair.together.replicas <= sum(size.replicas for size in pair.apart)


def test_spares_minima_and_the_cost_of_a_pool_count(tmp_path: Path) -> None:
    """Two pools of one replica and one spare, $3/h each and $1/h a pool: $14/h; one pool of 1 + 1 and $1/h: $7/h."""
    chats = tiny.workload(rate="10 req/s"), tiny.workload("talk", "10 req/s")
    (pair,) = pairs(made(tmp_path, *chats, operations={"spare_replicas": 1, "pool_cost": "$1/h"}))
    assert (pair.together.replicas, pair.together.hourly, sum(size.hourly for size in pair.apart)) == (2, 7.0, 14.0)
    (pair,) = pairs(made(tmp_path, *chats, operations={"min_replicas": 3}))
    assert (pair.together.replicas, [size.replicas for size in pair.apart], pair.together.binding) == (3, [3, 3], "")


def test_who_may_not_use_the_others_deployment_is_not_counted(tmp_path: Path) -> None:
    """One may use only the small model, the other only the large one."""
    small, large = ({"models": {"allow": [name]}} for name in ("org/small", "org/large"))
    case = made(tmp_path, tiny.workload(choose=small), tiny.workload("talk", choose=large), choose={})
    assert pairs(case) == []
    assert list(segment_reasons(case[0], case[1].pools, case[1].purchases, case[1].cost)) == []


def test_no_more_pairs_than_a_reader_can_bear(tmp_path: Path) -> None:
    """Four workloads make six pairs: the dearest are explained and the rest counted."""
    case = made(tmp_path, *(tiny.workload(name, f"{rate} req/s") for rate, name in enumerate("abcd", 2)))
    found = pairs(case)
    assert len(found) == MOST_PAIRS
    assert set(found[0].streams) == {"c", "d"}
    assert any(f"{6 - MOST_PAIRS} more could share one" in reason for reason in case[1].reasons)


def test_the_busiest_period_is_counted_and_named(tmp_path: Path) -> None:
    periods = [{"name": "day", "hours": 10}, {"name": "night", "hours": 14}]
    chats = (tiny.workload(name, {"day": "70 req/s", "night": "2 req/s"}) for name in ("chat", "talk"))
    case = made(tmp_path, *chats, periods=periods)
    (pair,) = pairs(case)
    assert pair.period == "day"
    assert pair.together.replicas == max(load.replicas for pool in case[1].pools for load in pool.loads)
    assert any("replicas in day" in reason for reason in case[1].reasons)
