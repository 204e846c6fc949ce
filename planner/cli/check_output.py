"""What came of the rules of a policy, printed for people or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from planner.cli import json_output
from planner.domain.policy import option_of
from planner.report import format as fmt

if TYPE_CHECKING:
    from planner.gate.finding import Evidence, Finding
    from planner.gate.judge import Judgement

VERSION = "check/v1"
"""Version of the JSON."""


def as_json(evidence: Evidence, found: Judgement) -> None:
    """Print a verdict as JSON."""
    said = {
        "version": VERSION,
        "problem": evidence.plan.problem,
        "problem_digest": evidence.plan.problem_digest,
        "today": evidence.today.isoformat(),
        "holds": found.holds,
        "broken": len(found.broken),
        "rules": [_rule(one) for one in found.findings],
        "unknown": [asdict(one) for one in found.unknown],
    }
    json_output.echo(said)


def _rule(one: Finding) -> dict[str, Any]:
    """Return one rule; what belongs to a broken one is told apart from where a figure is from."""
    body = asdict(one)
    kept, note = body.pop("kept"), body.pop("note")
    return {"rule": body.pop("rule"), "subject": body.pop("subject"), "holds": kept, **body, "source" if kept else "change": note}


def render(found: Judgement) -> None:
    """Print one line a rule, then the verdict."""
    from planner.report.console import standard
    from planner.report.ink import Ink

    console = standard()
    ink = Ink.of(console)
    wide = max((len(_name(one)) for one in found.findings), default=0)
    for one in found.findings:
        mark = ink("✓ kept   ", "green") if one.kept else ink("✗ broken ", "red")
        then = f" ({one.note})" if one.kept else f" → {one.note}"
        console.print(mark + ink(f"{_name(one):{wide}}  {one.said}{then}"), soft_wrap=True)
    console.print(ink(_verdict(found), "bold"), soft_wrap=True)


def _name(one: Finding) -> str:
    """Name a rule as its option does, without dashes before it."""
    return option_of(one.rule).lstrip("-")


def _verdict(found: Judgement) -> str:
    """Count what is kept."""
    count, broken = len(found.findings), len(found.broken)
    unsaid = f"{fmt.plural(len(found.unknown), 'rule')} cannot be checked" if found.unknown else ""
    if broken:
        return "; ".join(filter(None, (f"{broken} of {fmt.plural(count, 'rule')} broken", unsaid)))
    if unsaid:
        return unsaid
    return f"All {count:,} rules are kept" if count > 1 else "The one rule is kept"
