"""`planner diff`: from one cost to another, in steps that add up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli import json_output, sweeping

if TYPE_CHECKING:
    from planner.study.bridge import Bridge, Step

VERSION = "diff/v1"
_PLAN = ".json"

_EPILOG = """\b
Examples:
  planner diff before/plan.json after/plan.json
  planner diff problem.yaml problem-next-year.yaml --gap 0.1% --json
"""


@click.command(epilog=_EPILOG)
@click.argument("before", type=click.Path(path_type=Path), metavar="A")
@click.argument("after", type=click.Path(path_type=Path), metavar="B")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write steps here as CSV.")
@sweeping.options
def diff(before: Path, after: Path, output: Path | None, **given: Any) -> None:
    """Explain why B costs more or less than A: two plans (.json), or two problems (.yaml).

    Two plans: what is paid for, part by part. Two problems: A is changed into B one group of values after the other, always in
    the same order, and solved after each; what a step adds depends on those before it. Steps add up to the difference exactly.
    """
    course = sweeping.course(given, output)
    found = _of_plans(before, after) if _are_plans(before, after) else _of_problems(before, after, given, course)
    if output is not None:
        rows = [(step.name, f"{step.hourly:.6f}", step.note) for step in found.steps]
        ends = [("A", f"{found.before / 1e6:.6f}", str(before))], [("B", f"{found.after / 1e6:.6f}", str(after))]
        sweeping.write(output, sweeping.csv_text(["step", "cost_per_hour", "note"], [*ends[0], *rows, *ends[1]]))
    if given["as_json"]:
        json_output.echo(_plain(before, after, found))
    else:
        _print(before, after, found)


def _are_plans(before: Path, after: Path) -> bool:
    """Whether both are plans rather than problems."""
    kinds = {path.suffix.lower() == _PLAN for path in (before, after)}
    if len(kinds) > 1:
        raise click.UsageError("compare two plans (plan.json) or two problems (YAML), not one with the other")
    return kinds == {True}


def _of_plans(before: Path, after: Path) -> Bridge:
    from planner.cli.simulate import read_plan
    from planner.study.bridge import of_plans

    return of_plans(read_plan(before), read_plan(after))


def _of_problems(before: Path, after: Path, given: dict[str, Any], course: Any) -> Bridge:
    from planner.study.bridge import of_problems

    one, other = (sweeping.read(path, given["gap"], given["time_limit"]) for path in (before, after))
    return of_problems(one, other, course)


def _plain(before: Path, after: Path, found: Bridge) -> dict[str, Any]:
    """Return a bridge as plain data; costs in millionths of a dollar an hour add up exactly."""
    return {
        "version": VERSION,
        "before": {"file": str(before), "micros_per_hour": found.before},
        "after": {"file": str(after), "micros_per_hour": found.after},
        "steps": [_step(step) for step in found.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    known = step.difference
    ends = None if known is None else {"low": known.low, "high": known.high, "sure": known.sure or known.none}
    return {"step": step.name, "micros_per_hour": step.micros, "between_best_plans": ends, "note": step.note}


def _print(before: Path, after: Path, found: Bridge) -> None:
    """Print where it starts, each step, and where it ends; costs to the digit, so that a reader can add them up."""
    body = [(str(before), _money(found.before), ""), *(_row(step) for step in found.steps), (str(after), _money(found.after), "")]
    sweeping.print_table(("Step", ">Cost [$/h]", ""), body)
    change = found.after - found.before
    share = f" ({change / found.before:+.1%})" if found.before else ""
    sweeping.print_lines(f"B costs {_money(change, signed=True)} $/h{share}; the steps add up exactly")
    if any("within" in note for _, _, note in body):
        sweeping.print_lines("within the gap: less than the proofs of both plans can tell apart; --gap 0% tells more")


def _row(step: Step) -> tuple[str, str, str]:
    doubt = "" if step.difference is None or step.difference.sure or step.difference.none else "within the gap"
    return step.name, _money(step.micros, signed=True), step.note or doubt


def _money(micros: int, *, signed: bool = False) -> str:
    """Write a cost in full, without rounding."""
    return f"{micros / 1e6:+,.6f}" if signed else f"{micros / 1e6:,.6f}"
