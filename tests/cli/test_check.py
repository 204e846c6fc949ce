"""`planner check` from the command line: one line a rule, exit codes, JSON, bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gated
import pytest
from click.testing import Result
from planned import load, tight

from planner.catalog.policy import load_policy
from planner.cli.check import check
from planner.cli.check_output import VERSION
from planner.domain.plan import Plan
from planner.domain.policy import RULES, Policy, option_of
from planner.pipeline import plan_as_stated
from planner.report import jsonout

Run = Callable[..., Result]
PAGE = Path(__file__).parents[2] / "docs" / "gates.md"


def put(path: Path, plan: Plan) -> Path:
    path.write_text(jsonout.dumps(plan), encoding="utf-8")
    return path


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return put(tmp_path / "plan.json", gated.plan())


def test_every_rule_is_a_line(run: Run, plan: Path) -> None:
    result = run("check", plan, "--budget", "$10/h", "--max-gpus", "4", "--max-cost-per-1m", "tags=$1", "--min-margin", "0.2")
    assert result.exit_code == 1
    assert result.stderr == ""
    limits = "set limits.max_gpus in the problem and solve again, or raise the limit"
    margin = "margin of TTFT p95 of chat on P1 in day, predicted 400 ms of 500 ms: 20%, at least 20%"
    tokens = "cost of a million tokens of tags: $0.50, at most $1.00"
    assert result.stdout.splitlines() == [
        "✓ kept   budget           average cost: $10.00/h ($7,300/mo), at most $10.00/h ($7,300/mo) (cost.total)",
        f"✓ kept   max-cost-per-1m  {tokens} (its $2.00/h over 4M tokens/h (cost.by_workload))",
        f"✓ kept   min-margin       {margin} (the least of 3 hard promises (promises))",
        f"✗ broken max-gpus         accelerators held at once in day: 5, at most 4 → {limits}",
        "1 of 4 rules broken",
    ]


def test_all_kept_is_exit_code_0(run: Run, plan: Path) -> None:
    result = run("check", plan, "--max-pools", "2")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "The one rule is kept")
    both = run("check", plan, "--max-pools", "2", "--require-complete")
    assert (both.exit_code, both.stdout.splitlines()[-1]) == (0, "All 2 rules are kept")


def test_a_figure_that_is_missing_is_exit_code_2_even_where_another_rule_is_broken(run: Run, tmp_path: Path) -> None:
    made = put(tmp_path / "plan.json", gated.plan(apis=[gated.api().model_dump()]))
    options = ("--allow-region", "*", "--max-pools", "1", "--max-age", "9 days")
    result = run("check", made, *options)
    assert result.exit_code == 2
    assert result.stdout.splitlines()[-1] == "1 of 1 rule broken; 2 rules cannot be checked"
    assert f"{made}: allow_region: the plan does not say in which region openai/gpt-4.1 runs" in result.stderr
    assert f"{made}: max_age: " in result.stderr
    said = json.loads(run("check", made, *options, "--json").stdout)
    assert (said["holds"], said["broken"], [row["rule"] for row in said["unknown"]]) == (False, 1, ["max_age", "allow_region"])
    alone = run("check", made, "--allow-region", "*")
    assert (alone.exit_code, alone.stdout) == (2, "1 rule cannot be checked\n")


def test_json_is_one_object(run: Run, plan: Path) -> None:
    result = run("check", plan, "--budget", "$1/h", "--allow-seller", "*", "--max-cost-per-1m", "chat=$2", "--json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert (said["version"], said["problem"], said["holds"], said["broken"], said["unknown"]) == (VERSION, "mix", False, 1, [])
    budget, chat, sellers = said["rules"]
    assert (budget["rule"], budget["holds"], budget["figure"], budget["limit"], budget["unit"]) == (
        "budget",
        False,
        10.0,
        1.0,
        "$/h",
    )
    assert "must fall by 90%" in budget["change"]
    assert (chat["subject"], chat["holds"], chat["figure"]) == ("chat", True, 2.0)
    assert (sellers["figure"], sellers["limit"]) == (["aws", "lambda"], ["*"])
    assert "source" in sellers
    kept = run("check", plan, "--max-pools", "2", "--json")
    assert (kept.exit_code, json.loads(kept.stdout)["holds"]) == (0, True)


def test_a_plan_is_compared_with_another(run: Run, plan: Path, tmp_path: Path) -> None:
    cheaper = gated.body()
    cheaper["cost"]["total"] = 8.0
    base = put(tmp_path / "main.json", Plan.model_validate(cheaper))
    assert run("check", plan, "--against", base, "--max-increase", "25%").exit_code == 0
    assert run("check", plan, "--against", base, "--max-increase", "0.2").exit_code == 1
    (tmp_path / "policy.yaml").write_text("against: main.json\nmax_increase: 25%\n")
    assert run("check", plan, "--policy", tmp_path / "policy.yaml").exit_code == 0
    gone = run("check", plan, "--against", tmp_path / "gone.json", "--max-increase", "5%")
    assert gone.exit_code == 2
    assert "gone.json" in gone.stderr
    assert "--against" in run("check", plan, "--max-increase", "5%").stderr


def test_options_override_the_file(run: Run, plan: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("max_pools: 1\nsimulated: true\n")
    assert run("check", plan, "--policy", file).exit_code == 1
    assert run("check", plan, "--policy", file, "--max-pools", "2", "--no-simulated").exit_code == 0


def test_several_mistakes_in_a_policy_are_told_at_once(run: Run, plan: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("budgt: $4/h\nmax_gap: 5\n")
    result = run("check", plan, "--policy", file, "--max-gpus", "many")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{file}:1: budgt: unknown field 'budgt'\n    → did you mean 'budget'?" in result.stderr
    assert f"{file}:2: max_gap: must be at most 1" in result.stderr
    assert "command line: --max-gpus: must be a whole number; got 'many'" in result.stderr


def test_no_rule_lists_them(run: Run, plan: Path) -> None:
    result = run("check", plan)
    assert result.exit_code == 2
    assert all(option_of(rule) in result.stderr for rule in RULES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "write the plan again"),
        ('{"problm": 1}', "problm"),
        ('{"status": "infeasible", "reasons": []}', "status"),
        ("", "not JSON"),
    ],
)
def test_what_is_no_plan_is_refused(run: Run, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    result = run("check", tmp_path / "plan.json", "--max-pools", "1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert "→" in result.stderr


def test_an_unknown_field_of_a_plan_is_refused(run: Run, plan: Path) -> None:
    told = json.loads(plan.read_text(encoding="utf-8"))
    plan.write_text(json.dumps({**told, "discount": 0.5}))
    result = run("check", plan, "--max-pools", "2")
    assert result.exit_code == 2
    assert "discount" in result.stderr


def test_paths_that_are_no_plan(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.json"):
        result = run("check", path, "--max-pools", "1")
        assert result.exit_code == 2
        assert "give the plan.json" in result.stderr


def test_a_limit_is_given_once(run: Run, plan: Path) -> None:
    twice = run("check", plan, "--max-cost-per-1m", "$3", "--max-cost-per-1m", "chat=$3", "--max-cost-per-1m", "chat=$4")
    assert twice.exit_code == 2
    assert "command line: --max-cost-per-1m: chat is given twice" in twice.stderr
    assert "the whole plan is given twice" in run("check", plan, "--max-cost-per-1m", "$3", "--max-cost-per-1m", "$3").stderr
    both = run("check", plan, "--max-cost-per-1m", "$1.25", "--max-cost-per-1m", "chat=$2")
    assert both.stdout.count("✓") == 2


def test_a_plan_cannot_write_to_the_terminal(run: Run, tmp_path: Path) -> None:
    body = gated.body()
    body["pools"][0]["seller"] = "aws\x1b[2J"
    made = put(tmp_path / "plan.json", Plan.model_validate(body))
    assert "\x1b" not in run("check", made, "--allow-seller", "gcp", color=True).stdout


def test_every_rule_has_its_option() -> None:
    given = {name for parameter in check.params for name in parameter.opts}
    assert {option_of(rule) for rule in RULES} <= given
    assert "--against" in given


def test_the_page_names_every_rule_and_its_policy_is_kept_by_a_plan(run: Run, tmp_path: Path) -> None:
    """`gated` costs $10/h, has 20% headroom and margin, a gap of 1%, and is sold by aws and lambda."""
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in Policy.model_fields if f"`{name}`" not in page] == []
    assert [rule for rule in RULES if f"`{option_of(rule)}" not in page] == []
    (text,) = re.findall(r"<!-- policy -->\n```yaml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    assert len(load_policy(file, {}).asked) == 10
    prices = [{**one, "price_source": f"list ({_today()})"} for one in gated.body()["purchases"]]
    made = put(tmp_path / "plan.json", gated.plan(purchases=prices))
    result = run("check", made, "--policy", file)
    assert (result.exit_code, result.stderr) == (0, ""), result.stdout


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()


def test_the_page_lists_every_field_of_the_json(run: Run, plan: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    said: dict[str, Any] = json.loads(run("check", plan, "--max-pools", "2", "--max-gpus", "1", "--json").stdout)
    names = {*said, *(name for row in said["rules"] for name in row), "message", "remedy"}
    assert [name for name in names if f"`{name}`" not in page] == []


def test_a_plan_just_solved_holds_every_figure(run: Run, tmp_path: Path) -> None:
    made = put(tmp_path / "plan.json", plan_as_stated(load(tmp_path, tight()), lambda _: None))
    options = {
        "--budget": "$1M/h",
        "--max-cost-per-1m": "chat=$1M",
        "--max-commitment": "100%",
        "--min-headroom": "0%",
        "--min-margin": "0%",
        "--max-gap": "100%",
        "--max-age": "100 year",
        "--max-gpus": "99",
        "--max-pools": "9",
        "--allow-seller": "*",
        "--allow-region": "*",
        "--max-increase": "0%",
        "--against": made,
    }
    result = run("check", made, "--require-complete", *(word for pair in options.items() for word in pair))
    assert (result.exit_code, result.stderr) == (0, ""), result.stdout
    assert "All 13 rules are kept" in result.stdout
