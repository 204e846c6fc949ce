"""`planner explain`: what binds a plan, what promises are worth, and why something is not in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli import json_output, sweeping

if TYPE_CHECKING:
    from planner.catalog.problem import LoadedProblem
    from planner.domain.plan import Plan
    from planner.study.binding import Binding
    from planner.study.difference import Difference
    from planner.study.marginal import Price
    from planner.study.result import Result

VERSION = "explain/v1"
MOST_REASONS = 40
_PLAN = ".json"

_EPILOG = """\b
Examples:
  planner explain plan/plan.json problem.yaml
  planner explain problem.yaml --why-not "h200 fp8"
  planner explain plan/plan.json --step 10 --gap 0.1% --json
"""


@click.command(epilog=_EPILOG)
@click.argument("file", type=click.Path(path_type=Path), metavar="PLAN.json|PROBLEM.yaml")
@click.argument("problem", type=click.Path(path_type=Path), metavar="[PROBLEM.yaml]", required=False)
@click.option("--why-not", metavar="TEXT", help='What to explain, such as "qwen3-32b fp8 tp2".')
@click.option(
    "--step", "times", type=click.FloatRange(min=0, min_open=True), default=1.0, metavar="N", help="Steps N times as large."
)
@sweeping.options
def explain(file: Path, problem: Path | None, why_not: str | None, times: float, **given: Any) -> None:
    """Say what binds a plan and what a little more or less of each promise is worth; or why something is not in it.

    Each promise, quality floor, demand and limit is moved a step both ways (10 ms of TTFT, 1 ms of TPOT, one request a second,
    one point, one GPU), and the problem solved again. Beside it stands what one more costs over many machines. With --why-not:
    the rule that something breaks, or what it would cost at best, and the cost of the plan had it been forced, with what that
    plan is.
    """
    plan, loaded = _read(file, problem, given)
    if why_not is not None:
        _absence(loaded, why_not, given)
        return
    course = sweeping.course(given)
    from planner.pipeline import priced as solve
    from planner.study.binding import binding
    from planner.study.marginal import prices

    course = replace(course, solve=solve)
    plan = plan or course.solve(loaded)
    bound, priced = list(binding(plan, loaded.problem)), prices(loaded, course, times)
    if given["as_json"]:
        json_output.echo(_plain(plan, bound, priced))
    else:
        _print(plan, bound, priced)


def _read(file: Path, problem: Path | None, given: dict[str, Any]) -> tuple[Plan | None, LoadedProblem]:
    """Return the plan, if one is named, and its problem."""
    if file.suffix.lower() != _PLAN:
        if problem is not None:
            raise click.UsageError("name a plan (.json) first, then its problem; or a problem alone")
        return None, sweeping.read(file, given["gap"], given["time_limit"])
    return sweeping.read_both(file, problem, given["gap"], given["time_limit"])


# Why not


def _absence(loaded: LoadedProblem, text: str, given: dict[str, Any]) -> None:
    """Print why something is not in the plan, then what it would cost had it been forced."""
    from planner.errors import InvalidInput
    from planner.pipeline import explain_absence
    from planner.study.forced import costs, forced

    words = text.split()
    if not words:
        raise InvalidInput.at("command line", "no words are given", 'name something, such as "h200 fp8"', path="--why-not")
    found = explain_absence(loaded, words, sweeping.progress(forced=given["progress"]))
    narrowed = forced(loaded, words)
    paid = list(costs(loaded, words, narrowed, sweeping.course(given))) if narrowed else []
    if given["as_json"]:
        json_output.echo({"version": VERSION, "why_not": words, "reasons": found, "forced": paid})
        return
    for line in found[:MOST_REASONS]:
        click.echo(line)
    if len(found) > MOST_REASONS:
        click.echo(f"… and {len(found) - MOST_REASONS} more; add words to narrow the search")
    if not found:
        click.echo(f"nothing in the catalogs that this problem may use is named {text!r}")
    sweeping.print_lines(*paid)


# What binds, and what it is worth


def _print(plan: Plan, bound: list[Binding], priced: list[Price]) -> None:
    """Print what binds, then a sentence a price."""
    from planner.report import format as fmt
    from planner.study.marginal import sentences

    gap = plan.proof.gap
    sweeping.print_lines(f"{plan.problem}: {fmt.hourly(plan.cost.total)}, proven within {fmt.percent(gap)}", "", "What binds")
    rows = [(one.subject, one.what, f"{one.used:.1%}", one.said) for one in bound]
    sweeping.print_table(("!Where", "!What", ">Used", "Figures"), rows)
    sweeping.print_lines("", "What a step is worth, each with a plan of its own", *(f"  {text}" for text in sentences(priced)))
    if any(one is not None and not (one.sure or one.none) for price in priced for one in price.differences):
        sweeping.print_lines("", "--gap 0% tells smaller differences apart, --step 10 takes larger steps")


def _plain(plan: Plan, bound: list[Binding], priced: list[Price]) -> dict[str, Any]:
    """Return all of it as plain data."""
    from planner.study.marginal import sentences

    return {
        "version": VERSION,
        "problem": plan.problem,
        "cost": plan.cost.total,
        "gap": plan.proof.gap,
        "binding": [{"where": one.subject, "what": one.what, "used": one.used, "said": one.said} for one in bound],
        "prices": [_price(price, said) for price, said in zip(priced, sentences(priced), strict=True)],
    }


def _price(price: Price, said: str) -> dict[str, Any]:
    less, more = price.differences
    ends = {"less": _end(price.less, less), "more": _end(price.more, more)}
    found = price.slope
    slope = {"slope": found and found.value, "slope_per": found and found.place.unit, "slope_from": found and found.source}
    return {"of": price.move.name, "step": price.move.step, **ends, **slope, "said": said}


def _end(result: Result | None, known: Difference | None) -> dict[str, Any] | None:
    """Return what a step one way does; nothing where there is no such step."""
    if result is None:
        return None
    if known is None:
        return {"status": result.status, "change": None, "low": None, "high": None}
    return {"status": result.status, "change": known.value, "low": known.low, "high": known.high}
