"""What is enumerated, and that everything left out is in the ledger with a code and a sentence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tiny

from planner.candidates.build import Search
from planner.candidates.layouts import machine_of
from planner.candidates.rejection import CODES

Begin = Callable[..., Search]


def rows(search: Search) -> set[str]:
    return {search.space.describe(row) for row in range(len(search.space))}


def test_every_row_is_a_possible_combination(whole: Search) -> None:
    assert "org/small bf16 kv-bf16 engine 1×mini tp1" in rows(whole)
    assert "org/large fp8 kv-bf16 engine 1×mid tp1" in rows(whole)
    assert "org/large fp8 kv-bf16 engine 4×max tp4" in rows(whole)
    assert not any("fp8" in row and "mini" in row for row in rows(whole))  # no fp8 units
    assert not any("org/large bf16" in row and "1×mini" in row for row in rows(whole))  # 48 GB on 24
    assert not any("tp16" in row for row in rows(whole))  # 40 and 16 heads, at most 4 devices a machine


def test_rows_are_distinct(whole: Search) -> None:
    assert len(rows(whole)) == len(whole.space) == len(whole.evaluated)


def test_machines_that_look_the_same_to_a_replica_are_evaluated_once(whole: Search) -> None:
    """One `max` of max-1 and one of max-4 are the same to a replica of one device, and both host it."""
    sites = whole.sites
    alone = [h for h, machine in enumerate(sites.hardware) if machine.accelerator == "max" and machine.node == 1]
    assert len(alone) == 1
    hosts = {whole.supply.cells[i].instance for i in np.flatnonzero(sites.hosts[alone[0]])}
    assert hosts == {"mart/max-1", "mart/max-4"}


def test_sites_host_what_fits(whole: Search) -> None:
    for (hardware, shape), _ in zip(whole.sites.pairs, whole.site_cost, strict=True):
        gpus = whole.sites.shapes[shape].gpus
        for index in np.flatnonzero(whole.sites.hosts[hardware]):
            assert machine_of(whole.supply.cells[index], whole.catalog).seen_by(gpus) == whole.sites.hardware[hardware]


def test_every_rejection_has_a_known_code_and_a_reason(whole: Search) -> None:
    assert whole.ledger.entries
    for entry in whole.ledger.entries:
        assert entry.code in CODES
        assert entry.subject
        assert entry.sentence
        assert entry.count >= 1
    assert list(whole.ledger.counts()) == [code for code in CODES if code in whole.ledger.counts()]


def said(search: Search, code: str, *words: str) -> list[str]:
    return [entry.sentence for entry in search.ledger.about(*words) if entry.code == code]


def test_what_the_reasons_say(whole: Search) -> None:
    assert said(whole, "format", "fp8", "mini") == ["its matrix units have no fp8"]
    (memory,) = said(whole, "memory", "org/large", "bf16", "mini")
    assert memory.startswith("weights 4")
    assert memory.endswith("at tp1")
    assert "16 heads cannot be shared by tp32" not in str(said(whole, "layout", "org/small"))
    assert "40 heads cannot be shared by tp16" in said(whole, "layout", "org/large")
    assert any("exam: 50 against" in sentence for sentence in said(whole, "quality", "org/small"))


def test_spans_and_the_whole_plan_cost(begin: Begin) -> None:
    """A site is charged by whole machines for the shortest period; the four-device machine costs $11/h."""
    search = begin(tiny.workload())
    dearest = search.sites.pairs[int(np.argmax(search.site_cost))]
    assert search.sites.hardware[dearest[0]].accelerator == "max"
    assert float(np.max(search.site_cost)) == 11.0
    search.extend(1.0)
    search.note_unreached(0.8)
    assert "machines for one replica cost $11.00/h, the whole plan $0.80/h" in [
        e.sentence for e in search.ledger.about("max", "tp4")
    ]


def test_a_call_whose_cache_does_not_fit_is_refused(begin: Begin) -> None:
    """Weights of 48 GB in bf16 leave the 48 GB card nothing; in fp8 24 GB leave some 17 GB, and 30k tokens of the large model
    (2 · 48 layers · 4 heads · 128 · 2 B = 98 kB each) take 3 GB: they fit. A cache of 1,000 times the size does not."""
    long = tiny.workload(input_tokens={"mean": 20000, "p95": 24000, "maximum": 30000}, output_tokens={"mean": 100})
    facts = tiny.catalog()
    assert _long_rows(begin(long, facts=facts))
    facts["kv_precisions"]["kv-bf16"]["bits"] = 16000
    search = begin(long, facts=facts)
    assert not _long_rows(search)
    assert any("the KV cache of one call of" in sentence for sentence in said(search, "memory", "org/large", "mid"))


def _long_rows(search: Search) -> list[str]:
    search.extend(np.inf)
    return [
        search.space.describe(int(row))
        for row in np.flatnonzero(search.eligible[0])
        if "org/large fp8" in search.space.describe(int(row))
    ]
