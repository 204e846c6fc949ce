"""Licence, context, region and choices decide who may use what; nothing leaks from one stream to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tiny

from planner.candidates.build import Search

Begin = Callable[..., Search]


def usable(search: Search, stream: int) -> set[str]:
    search.extend(np.inf)
    return {search.space.describe(int(row)) for row in np.flatnonzero(search.eligible[stream])}


@pytest.mark.parametrize(
    ("fields", "refused", "code", "sentence"),
    [
        ({"data": {"licences": ["mit"]}}, "org/large", "licence", "licence custom is not among mit"),
        ({"choose": {"models": {"forbid": ["org/l*"]}}}, "org/large", "choice", "is not among the allowed models"),
        ({"quality": [{"benchmark": "exam", "at_least": 60}]}, "org/small", "quality", "exam: 50 against "),
        ({"choose": {"precisions": {"allow": ["fp8"]}}}, "org/small bf16", "", ""),
        ({"choose": {"accelerators": {"forbid": ["mid"]}}}, "×mid", "", ""),
        ({"data": {"region_groups": ["eu"]}}, "×max", "", ""),
    ],
)
def test_a_rule_binds_its_own_workload_only(begin: Begin, fields: dict[str, Any], refused: str, code: str, sentence: str) -> None:
    search = begin(tiny.workload(), tiny.workload("ruled", **fields))
    assert any(refused in name for name in usable(search, 0))
    assert usable(search, 1)
    assert not any(refused in name for name in usable(search, 1))
    if code:
        entries = [entry for entry in search.ledger.about(refused) if entry.code == code]
        assert entries
        assert all(entry.stream == "ruled" and sentence in entry.sentence for entry in entries)


def test_an_unknown_licence_is_not_an_acceptable_one(begin: Begin) -> None:
    facts = tiny.catalog()
    facts["models"]["org/small"]["licence"] = None
    search = begin(tiny.workload(data={"licences": ["custom"]}), facts=facts)
    assert not any("org/small" in name for name in usable(search, 0))
    assert any("licence not known" in entry.sentence for entry in search.ledger.about("org/small"))


def test_models_with_too_short_a_context_are_refused(begin: Begin) -> None:
    facts = tiny.catalog()
    facts["models"]["org/small"]["max_context"] = 2048
    search = begin(tiny.workload(), facts=facts)
    assert not any("org/small" in name for name in usable(search, 0))
    (entry,) = [entry for entry in search.ledger.about("org/small") if entry.code == "context"]
    assert "it takes 2,048" in entry.sentence


def test_models_that_do_not_generate_are_passed_over(begin: Begin) -> None:
    facts = tiny.catalog()
    facts["models"]["org/small"]["role"] = "embed"
    assert not any("org/small" in name for name in usable(begin(tiny.workload(), facts=facts), 0))
