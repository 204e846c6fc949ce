"""Cross-checks of following demand: how often periods follow each other must be known where replicas are to follow them."""

from __future__ import annotations

from collections.abc import Sequence

from planner.catalog.findings import Findings, Parts
from planner.catalog.yamlfile import KeyPath
from planner.domain.problem import Period
from planner.domain.scaling import Autoscaling
from planner.horizon.following import stretches

CYCLE: KeyPath = ("operations", "autoscaling", "cycle")


def check_scaling(parts: Parts, findings: Findings) -> None:
    """Check periods and `operations.autoscaling` against each other."""
    periods = parts.periods or ()
    _names(periods, findings)
    settings = parts.operations.autoscaling if parts.operations is not None else None
    if parts.operations is not None and settings is None:
        _unused(periods, findings)
    if settings is not None and parts.horizon is not None:
        _dated(settings, findings)
    elif settings is not None and parts.periods is not None:
        _cycle(settings, periods, findings)


def _names(periods: Sequence[Period], findings: Findings) -> None:
    """A period follows other periods of the problem."""
    known = [period.name for period in periods]
    for index, period in enumerate(periods):
        for before in period.follows:
            if before not in known or before == period.name:
                what = "follows itself" if before == period.name else f"follows {before}, which is no period"
                findings.error(("periods", index, "follows", before), f"{period.name} {what}", "name another of the periods")


def _unused(periods: Sequence[Period], findings: Findings) -> None:
    for index, period in enumerate(periods):
        if period.follows:
            remedy = "add `operations: {autoscaling: {}}` to charge what following demand costs, or remove it"
            findings.warn(("periods", index, "follows"), "it has no effect without autoscaling", remedy)


def _dated(settings: Autoscaling, findings: Findings) -> None:
    if settings.cycle is not None:
        findings.error(CYCLE, "the calendar of the horizon says how often periods follow each other", "remove cycle")


def _cycle(settings: Autoscaling, periods: Sequence[Period], findings: Findings) -> None:
    """How often periods follow each other is said once, and can be."""
    stated = any(period.follows for period in periods)
    longest = min((sum(one.hours for one in stretch) for stretch in stretches(periods) if len(stretch) > 1), default=None)
    if stated and settings.cycle is not None:
        findings.error(CYCLE, "cycle and `follows` at periods both say how often they follow each other", "give one of them")
    elif stated:
        _balance(periods, findings)
    elif settings.cycle is None and longest is not None:
        remedy = "add the time after which they come around again, such as `cycle: 24h`, or `follows: {night: 30}` at each period"
        findings.error(("operations", "autoscaling"), "it is not said how often the periods follow each other", remedy)
    elif settings.cycle is not None and longest is not None and settings.cycle / 3600.0 > longest * (1 + 1e-9):
        message = f"periods are to come around after {settings.cycle / 3600.0:g} h, and are {longest:g} h long together"
        findings.error(CYCLE, message, "give the time from the beginning of the first period to its next beginning")
    elif len(periods) == 1:
        findings.warn(("operations", "autoscaling"), "it has no effect: there is one period", "give several, or a horizon")


def _balance(periods: Sequence[Period], findings: Findings) -> None:
    """A period ends as often as it begins, the first and the last beginning or end aside."""
    for index, period in enumerate(periods):
        begins, ends = sum(period.follows.values()), sum(other.follows.get(period.name, 0.0) for other in periods)
        if abs(begins - ends) > 1 + 1e-6:
            message = f"{period.name} begins {begins:g} times and ends {ends:g} times"
            findings.error(("periods", index, "follows"), message, "state for every period how often it follows which others")
