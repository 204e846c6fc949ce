"""Reading policies: a file, options that override it, and every mistake of both at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from planner.catalog.policy import load_policy
from planner.domain.policy import RULES, Commitment, Policy, option_of
from planner.errors import InvalidInput


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("budget: $7300/month\nmax_gap: 1%\nmax_workload_cost_per_1m: {chat: $2, tags: $1}\nsimulated: true\n")
    return path


def mistakes(path: Path | None, **given: Any) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidInput) as caught:
        load_policy(path, given)
    assert all(issue.remedy for issue in caught.value.issues)
    return [(issue.line, issue.path, issue.message) for issue in caught.value.issues]


def test_units_are_those_of_the_planner(file: Path) -> None:
    policy = load_policy(file, {})
    assert (policy.budget, policy.max_gap, policy.simulated) == (10.0, 0.01, True)
    assert policy.max_workload_cost_per_1m == {"chat": 2.0, "tags": 1.0}
    assert policy.asked == ("budget", "max_workload_cost_per_1m", "simulated", "max_gap")


def test_options_override_the_file(file: Path) -> None:
    given = {"budget": "$5/h", "max_workload_cost_per_1m": {"chat": "$3"}, "simulated": False, "max_gpus": "8"}
    policy = load_policy(file, given)
    assert (policy.budget, policy.max_gap, policy.max_gpus) == (5.0, 0.01, 8)
    assert policy.max_workload_cost_per_1m == {"chat": 3.0, "tags": 1.0}
    assert policy.asked == ("budget", "max_workload_cost_per_1m", "max_gap", "max_gpus")


@pytest.mark.parametrize(
    ("written", "limit"),
    [("30%", Commitment(share=0.3)), ("$20/h", Commitment(hourly="$20/h")), ("$7300/month", Commitment(hourly="$10/h"))],
)
def test_a_commitment_is_a_share_or_money(written: str, limit: Commitment) -> None:
    assert load_policy(None, {"max_commitment": written}).max_commitment == limit


@pytest.mark.parametrize("written", ["30", 30, 0.3, {}, {"share": "3%", "hourly": "$3/h"}, "300%", "-3%", True])
def test_any_other_commitment_is_refused(written: Any) -> None:
    ((_, path, _),) = mistakes(None, max_commitment=written)
    assert path == "--max-commitment"


def test_every_mistake_of_file_and_options_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "budgt: $4/h\nmin_headroom: 15\nmax_gap:\nallow_seller: []\nmax_workload_cost_per_1m: {chat: 5}\nmax_gpus: 1.5\n"
        "max_commitment: 30\ncatalog_digest: abc\nmax_increase: 5\n"
    )
    found = mistakes(path, max_pools="-1", max_workload_cost_per_1m={"chat": "x"})
    assert [(line, where) for line, where, _ in found] == [
        (1, "budgt"),
        (2, "min_headroom"),
        (3, "max_gap"),
        (4, "allow_seller"),
        (5, "max_workload_cost_per_1m.chat"),
        (6, "max_gpus"),
        (7, "max_commitment"),
        (8, "catalog_digest"),
        (9, "max_increase"),
        (0, "--max-cost-per-1m"),
        (0, "--max-pools"),
    ]
    assert "nothing would be checked" in found[2][2]


def test_no_rule_is_a_mistake_that_lists_them_all(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("simulated: false\n")
    for file in (None, path):
        with pytest.raises(InvalidInput) as caught:
            load_policy(file, {})
        assert all(option_of(rule) in str(caught.value) for rule in RULES)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "gone.yaml", max_pools=1)[0][2] == "no such file"
    assert "directory" in mistakes(tmp_path, max_pools=1)[0][2]
    path = tmp_path / "policy.yaml"
    path.write_text("")
    with pytest.raises(InvalidInput, match="planner schema policy"):
        load_policy(path, {"max_pools": 1})
    path.write_text("- max_pools\n")
    assert "must be a mapping" in mistakes(path)[0][2]
    path.write_text("a: &a [*a]\n")
    assert "refers to itself" in mistakes(path)[0][2]
    path.write_text(f"allow_seller: [{'x,' * 600_000}]\n")
    assert "at most 1,000,000" in mistakes(path)[0][2]


def test_a_plan_to_compare_with_is_seen_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("against: main/plan.json\nmax_increase: 5%\n")
    assert load_policy(path, {}).against == str(tmp_path / "main" / "plan.json")
    assert load_policy(path, {"against": "other.json"}).against == "other.json"


def test_comparing_with_a_plan_needs_a_limit() -> None:
    assert mistakes(None, against="other.json", max_pools=3)[0][2].startswith("there is a plan to compare with")


def test_every_rule_is_described() -> None:
    assert all(field.description for field in Policy.model_fields.values())
