"""`planner check`: a gate for pipelines, which lets a plan pass if it keeps a policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from planner.cli import json_output

if TYPE_CHECKING:
    from planner.domain.policy import Policy
    from planner.errors import Issue
    from planner.gate.finding import Evidence
    from planner.gate.judge import Judgement

_F = TypeVar("_F", bound=Callable[..., Any])

_EPILOG = """\b
Examples:
  planner check plan/plan.json --budget '$40k/month' --max-gap 1% --require-complete
  planner check plan/plan.json --policy policy.yaml --against main/plan.json --max-increase 5%
  planner check plan/plan.json --max-cost-per-1m 'chat=$2.5' --json | jq '.rules[] | select(.holds | not)'
"""

PER_1M = "max_cost_per_1m"
SHARES = ("max_increase", "min_headroom", "min_margin", "max_gap")
"""Options that also take a bare number, as files do: 0.05 for 5%."""

_OPTIONS: tuple[tuple[str, str, str, bool], ...] = (
    ("--budget", "PRICE", "Most it may cost on average, such as $40k/month or $55/h.", False),
    ("--max-cost-per-1m", "[WORKLOAD=]PRICE", "Most a million tokens may cost; of one workload, chat=$2.5. Repeatable.", True),
    ("--max-increase", "SHARE", "Most it may cost above the plan of --against, such as 5%.", False),
    ("--max-commitment", "SHARE|PRICE", "Most that is committed beyond the hour: a share of the cost, or $20/h.", False),
    ("--min-headroom", "SHARE", "Least capacity every pool keeps unused when it is busiest, such as 15%.", False),
    ("--min-margin", "SHARE", "Least distance of every hard latency promise to its target, such as 10%.", False),
    ("--max-gap", "SHARE", "Most it may cost above the proven least, such as 1%.", False),
    ("--catalog-digest", "SHA256", "The catalogs it must have been made with, as in plan.json.", False),
    ("--max-age", "TIME", "Most days since its oldest price, such as '90 days'.", False),
    ("--max-gpus", "N", "Most accelerators held at once.", False),
    ("--max-pools", "N", "Most pools.", False),
    ("--allow-seller", "PATTERN", "A seller that may be paid, such as aws or 'own*'; others may not. Repeatable.", True),
    ("--allow-region", "PATTERN", "A region where machines may stand, such as 'eu-*'; others may not. Repeatable.", True),
)
"""Options that take a value, in the order of their help: name, what it takes, help, repeatable."""


def _rules(command: _F) -> _F:
    """Give a command one option a rule; values are read by the policy, as in a file."""
    for name, takes, meaning, several in reversed(_OPTIONS):
        command = click.option(name, metavar=takes, help=meaning, multiple=several)(command)
    return command


@click.command(epilog=_EPILOG)
@click.argument("plan", type=click.Path(path_type=Path), metavar="PLAN.json")
@click.option("--policy", type=click.Path(path_type=Path), metavar="POLICY.yaml", help="Rules in a file; options override it.")
@_rules
@click.option("--against", type=click.Path(), metavar="OTHER.json", help="The plan that --max-increase compares with.")
@click.option("--simulated/--no-simulated", default=None, help="A simulation must have kept every hard promise.")
@click.option("--require-complete/--no-require-complete", default=None, help="The proof must speak of everything.")
@json_output.option()
def check(plan: Path, policy: Path | None, as_json: bool, **given: Any) -> None:
    """Hold a plan against a policy: a gate for pipelines.

    Says of every rule whether it is kept, with its figure and limit, and where the figure is from or what would have to change.

    Exit codes: 0 every rule is kept, 1 one is broken, 2 invalid input, no rule, or a rule whose figure the plan does not hold.
    """
    from planner.catalog.policy import load_policy
    from planner.cli import check_output
    from planner.errors import InvalidInput
    from planner.gate.judge import judge

    rules = load_policy(policy, _given(given))
    evidence = _evidence(plan, rules)
    found = judge(evidence, rules)
    if as_json:
        check_output.as_json(evidence, found)
    else:
        check_output.render(found)
    if found.unknown:
        raise InvalidInput(_issues(plan, found))
    click.get_current_context().exit(0 if found.holds else 1)


def _evidence(path: Path, policy: Policy) -> Evidence:
    """Read the plan, and the one to compare with."""
    from datetime import UTC, datetime

    from planner.cli.simulate import read_plan
    from planner.gate.finding import Evidence

    baseline = None if policy.against is None else read_plan(Path(policy.against))
    return Evidence(read_plan(path), datetime.now(UTC).date(), baseline)


def _issues(path: Path, found: Judgement) -> list[Issue]:
    """Say which rules could not be checked."""
    from planner.errors import Issue

    return [Issue(str(path), 0, one.rule, one.message, one.remedy) for one in found.unknown]


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that options say, as a file would; those left out are absent."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    for name in SHARES:
        if name in given:
            given[name] = _number(given[name])
    return given | _per_1m(given.pop(PER_1M, ()))


def _number(text: str) -> float | str:
    """Return a bare number as such, anything else as it is written."""
    try:
        return float(text)
    except ValueError:
        return text


def _per_1m(texts: Sequence[str]) -> dict[str, Any]:
    """Tell the limit of the whole plan from those of workloads, each given once."""
    from planner.errors import InvalidInput

    made: dict[str, str] = {}
    for text in texts:
        name, _, price = text.rpartition("=")
        if name in made:
            what = f"{name or 'the whole plan'} is given twice"
            raise InvalidInput.at("command line", what, "keep one of the two", path="--max-cost-per-1m")
        made[name] = price
    whole = {PER_1M: made.pop("")} if "" in made else {}
    return {**whole, **({"max_workload_cost_per_1m": made} if made else {})}
