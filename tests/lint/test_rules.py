"""Every rule on the smallest problem that asks for it, and on its twin that does not."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner.catalog.problem import load_problem
from planner.lint.rules import CODES, READING, RULES
from planner.lint.run import Linted, lint

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "catalog" / "tiny.yaml"
LENGTHS = {"mean": 500, "p95": 1000}
BASE: dict[str, Any] = {
    "apiVersion": "planner/v1",
    "metadata": {"name": "test"},
    "catalogs": {"builtin": False, "files": ["tiny.yaml"]},
    "workloads": [
        {
            "name": "chat",
            "demand": {"rate": "2 req/s"},
            "input_tokens": LENGTHS,
            "output_tokens": {"mean": 100, "p95": 200},
            "objectives": [
                {"metric": "ttft", "percentile": 95, "target": "1s"},
                {"metric": "tpot", "percentile": 95, "target": "50ms"},
            ],
            "quality": [{"benchmark": "exam", "at_least": 50}],
        }
    ],
    "operations": {"spare_replicas": 1},
}
BATCH = {
    "name": "nightly",
    "demand": {"rate": "1 req/s"},
    "input_tokens": LENGTHS,
    "output_tokens": {"mean": 100, "p95": 200},
    "deadline": "12h",
    "interruptible": True,
    "quality": [{"benchmark": "exam", "at_least": 50}],
}
TTFT, TPOT = BASE["workloads"][0]["objectives"]
STAGE = {"name": "answer", "input_tokens": LENGTHS, "output_tokens": {"mean": 100, "p95": 200}}
CACHE = {"name": "cache", "kind": "semantic_cache", "source": "test", "as_of": "2026-11"}
OPTION = {"name": "close", "answered": {"low": 0.1, "high": 0.2}, "wrong": {"low": 0.0, "high": 0.01}}
HORIZON = {"start": "2027-01", "months": 12, "step": "quarter"}
TRACE = {"path": "t.csv", "window": "10s"}
FEWER = {
    "name": "fewer",
    "kind": "retrieval_depth",
    "source": "test",
    "as_of": "2026-11",
    "options": [{"name": "four", "effects": [{"stage": "answer", "chunks": 4, "quality": {"low": 0.9, "high": 1}}]}],
}


def chat(**fields: Any) -> dict[str, Any]:
    """Change the workload."""
    return {"workloads": [{**deepcopy(BASE["workloads"][0]), **fields}]}


def staged(*stages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return chat(stages=list(stages), **fields)


def passages(count: int) -> dict[str, Any]:
    return {**STAGE, "chunks": {"count": count, "tokens": {"mean": 50, "p95": 80}}}


def plan_stage(**loop: Any) -> dict[str, Any]:
    return {**STAGE, "name": "plan", "loop": loop}


def both(**operations: Any) -> dict[str, Any]:
    """Chat and batch work."""
    return {"workloads": [*deepcopy(BASE["workloads"]), BATCH], "operations": {"spare_replicas": 1, **operations}}


def asked(folder: Path, changes: dict[str, Any]) -> Linted:
    """Lint the base problem with changes."""
    (folder / "tiny.yaml").write_text(TINY.read_text(encoding="utf-8"), encoding="utf-8")
    rows = "".join(f"{second},{100 + second},10\n" for second in range(60))
    (folder / "t.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + rows, encoding="utf-8")
    path = folder / "problem.yaml"
    path.write_text(yaml.safe_dump({**deepcopy(BASE), **changes}, sort_keys=False), encoding="utf-8")
    return lint(load_problem(path))


CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    # tiny.yaml rents in eu-1 and us-1: two continents, 90 ms apart; in Europe alone 28 ms.
    ("round-trip", chat(objectives=[{**TTFT, "target": "80ms"}, TPOT]), chat(objectives=[{**TTFT, "target": "91ms"}, TPOT])),
    (
        "round-trip",
        chat(objectives=[{**TTFT, "target": "27ms"}, TPOT], data={"region_groups": ["eu"]}),
        chat(objectives=[{**TTFT, "target": "29ms"}, TPOT], data={"region_groups": ["eu"]}),
    ),
    ("no-tail", chat(objectives=[{**TTFT, "percentile": 50}, TPOT]), chat(objectives=[{**TTFT, "percentile": 90}, TPOT])),
    ("half-promise", chat(objectives=[TTFT]), chat(objectives=[{**TTFT, "metric": "e2e"}])),
    ("half-promise", chat(objectives=[TPOT]), chat(objectives=[TTFT, TPOT])),
    (
        "all-soft",
        chat(objectives=[{**TTFT, "price_per_miss": "$0.01"}, {**TPOT, "price_per_miss": "$0.01"}]),
        chat(objectives=[{**TTFT, "price_per_miss": "$0.01"}, TPOT]),
    ),
    (
        "far-tail",
        chat(objectives=[{**TTFT, "percentile": 99}, TPOT]),
        chat(objectives=[{**TTFT, "percentile": 99}, TPOT], demand={"rate": "2 req/s", "burstiness": 2}),
    ),
    # 60 s / (238 words / 0.75 words a token) = 189 ms a token.
    ("slow-pace", chat(objectives=[TTFT, {**TPOT, "target": "190ms"}]), chat(objectives=[TTFT, {**TPOT, "target": "189ms"}])),
    ("no-spread", chat(output_tokens={"mean": 100}), chat(output_tokens={"mean": 100, "scv": 0.6})),
    ("no-spread", staged({**STAGE, "output_tokens": {"mean": 100, "scv": 0}}), staged(STAGE)),
    ("mean-as-tail", chat(output_tokens={"mean": 100, "p95": 104}), chat(output_tokens={"mean": 100, "p95": 105})),
    ("no-maximum", chat(input_tokens={"mean": 500, "p95": 1500}), chat(input_tokens={"mean": 500, "p95": 1500, "maximum": 6000})),
    ("mean-as-peak", chat(demand={"trace": {**TRACE, "plan_on": "mean"}}), chat(demand={"trace": TRACE})),
    (
        "flat-week",
        {"horizon": HORIZON},
        {"horizon": HORIZON, **chat(demand={"rate": "2 req/s", "shape": "always"})},
    ),
    # 1.2^12 = 8.9-fold in a year; 1.1^12 = 3.1-fold.
    (
        "steep-growth",
        {"horizon": HORIZON, **chat(demand={"rate": "2 req/s", "shape": "always", "growth": "20%/month"})},
        {"horizon": HORIZON, **chat(demand={"rate": "2 req/s", "shape": "always", "growth": "10%/month"})},
    ),
    ("top-k", staged(passages(9)), staged(passages(8))),
    ("top-k", staged(passages(9)), staged(passages(9), levers=[FEWER])),
    (
        "long-loop",
        staged(plan_stage(mean=2, at_most=11, grows_by=50), STAGE),
        staged(plan_stage(mean=2, at_most=10, grows_by=50), STAGE),
    ),
    ("light-loop", staged(plan_stage(mean=2, at_most=3), STAGE), staged(plan_stage(mean=2, at_most=3, grows_by=50), STAGE)),
    ("retries", chat(retries={"attempts": 4, "errors": 0.01}), chat(retries={"attempts": 3, "errors": 0.01})),
    (
        "retries",
        chat(retries={"attempts": 2, "timeout": "20s"}),
        chat(retries={"attempts": 2, "timeout": "20s", "backoff": "1s"}),
    ),
    (
        "shared-cache",
        chat(levers=[{**CACHE, "options": [OPTION]}], personalized=0.2),
        chat(levers=[{**CACHE, "options": [OPTION]}], personalized=0),
    ),
    (
        "shared-cache",
        chat(levers=[{**CACHE, "options": [OPTION]}]),
        chat(levers=[{**CACHE, "options": [OPTION]}], personalized=0),
    ),
    (
        "sure-hits",
        chat(shared_prefix={"tokens": 100, "hit_rate": 1}),
        chat(shared_prefix={"tokens": 100, "hit_rate": 0.95}),
    ),
    ("one-pool", both(max_pools=1), both(max_pools=2)),
    ("no-spares", {"operations": {}}, {"operations": {"availability": "99.9%"}}),
    (
        "one-region",
        {"operations": {"availability": "99.99%"}, "choose": {"regions": {"allow": ["us-1"]}}},
        {"operations": {"availability": "99.9%"}, "choose": {"regions": {"allow": ["us-1"]}}},
    ),
    (
        "batch-on-demand",
        {"workloads": [{name: value for name, value in BATCH.items() if name != "interruptible"}]},
        {"workloads": [{**BATCH, "interruptible": False}]},
    ),
    ("spot-promise", chat(interruptible=True), {**chat(interruptible=True), "choose": {"offers": {"allow": ["on_demand"]}}}),
    ("spot-for-free", both(spot_interruptions_per_hour=0), both(spot_interruptions_per_hour=0.01)),
    (
        "outlived",
        {"choose": {"offers": {"allow": ["on_demand", "reserved_3y"]}}},
        {"choose": {"offers": {"allow": ["on_demand", "reserved_1y"]}}},
    ),
    (
        "outlived",
        {
            "horizon": {**HORIZON, "months": 6},
            "choose": {"offers": {"allow": ["on_demand", "reserved_1y"]}},
        },
        {"horizon": HORIZON, "choose": {"offers": {"allow": ["on_demand", "reserved_1y"]}}},
    ),
    # The cheapest hour in tiny.yaml is $0.4, on spot.
    (
        "small-budget",
        {**chat(data={"external_api": False}), "limits": {"budget": "$0.39/h"}},
        {**chat(data={"external_api": False}), "limits": {"budget": "$0.41/h"}},
    ),
    ("too-busy", {"operations": {"spare_replicas": 1, "max_utilization": 0.9}}, {}),
    ("bare-predictions", {"solver": {"confidence": 0.5}}, {"solver": {"confidence": 0.9}}),
    (
        "hopeful-levers",
        {**staged(passages(9), levers=[FEWER]), "solver": {"effects": "optimistic"}},
        {**staged(passages(9), levers=[FEWER]), "solver": {"effects": "middle"}},
    ),
]


@pytest.mark.parametrize(("code", "wrong", "right"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_a_rule_speaks_where_it_should_and_nowhere_else(
    tmp_path: Path, code: str, wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    found = asked(tmp_path, wrong)
    mine = [one for one in found.findings if one.code == code]
    assert len(mine) == 1, found.findings
    one = mine[0]
    text = (tmp_path / "problem.yaml").read_text(encoding="utf-8").splitlines()
    assert 1 <= one.line <= len(text)
    assert all((one.path, one.message, one.remedy, one.why, one.source))
    assert code not in {row.code for row in asked(tmp_path, right).findings}


def test_models_are_asked_about_only_where_they_could_be_chosen(tmp_path: Path) -> None:
    """org/little takes 8,192 tokens; trusted with 1,000, it is asked about where 5 % of calls reach 1,000 + 200.

    Where a quality floor rules it out, it is not.
    """
    trusted = {"catalogs": {**BASE["catalogs"], "overrides": {"models": {"org/little": {"effective_context": 1000}}}}}
    found = asked(tmp_path, trusted)
    assert [row.code for row in found.findings] == ["beyond-trust"]
    assert "org/little (1,000)" in found.findings[0].message
    floored = {**trusted, **chat(quality=[{"benchmark": "exam", "at_least": 61}])}
    assert "org/little" not in "".join(row.message for row in asked(tmp_path, floored).findings)


def test_the_base_problem_raises_no_question(tmp_path: Path) -> None:
    assert asked(tmp_path, {}).findings == ()


def test_every_rule_has_a_case() -> None:
    assert set(CODES) == {code for code, _, _ in CASES} | {"beyond-trust"}
    assert len(set(CODES)) == len(CODES)
    assert READING not in CODES


def test_every_rule_is_on_the_page_with_its_source() -> None:
    page = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    for rule in RULES:
        assert f"| `{rule.code}` | {rule.what} | {rule.why} | {rule.source} |" in page, rule.code


def test_what_reading_warned_of_is_told_once(tmp_path: Path) -> None:
    """`planner validate` warns of a mean alone; so does a rule, which then speaks for both."""
    found = asked(tmp_path, chat(output_tokens={"mean": 100}, quality=[]))
    assert [(row.code, row.path) for row in found.findings] == [
        ("validate", "workloads[0]"),
        ("no-spread", "workloads[0].output_tokens"),
    ]


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("# lint: ignore top-k", []),
        ("# lint: ignore no-tail, top-k", []),
        ("# lint: ignore no-tail", ["top-k"]),
        ("# top-k", ["top-k"]),
    ],
)
def test_comments_accept_what_is_found_beside_them(tmp_path: Path, comment: str, kept: list[str]) -> None:
    asked(tmp_path, staged(passages(9)))
    path = tmp_path / "problem.yaml"
    text = path.read_text(encoding="utf-8")
    for mended in (
        text.replace("count: 9\n", f"count: 9  {comment}\n"),
        text.replace("      count: 9\n", f"      {comment}\n      count: 9\n"),
    ):
        path.write_text(mended, encoding="utf-8")
        found = lint(load_problem(path))
        assert [row.code for row in found.findings] == kept
        assert len(found.findings) + len(found.accepted) == 1


def test_shipped_problems_raise_only_questions_that_are_known() -> None:
    """Each was looked at: spares are left out of examples for brevity; the others are what these examples are about."""
    known = {
        "assistant": {"no-spares", "shared-cache"},
        "buy-or-build": {"no-spares", "half-promise"},
        "private-data": {"outlived"},
        "retrieval": {"no-spares", "top-k", "shared-cache"},
    }
    for path in sorted((ROOT / "problems").glob("*.yaml")):
        found = {row.code for row in lint(load_problem(path)).findings}
        assert found <= known.get(path.stem, {"no-spares"}), path.stem
