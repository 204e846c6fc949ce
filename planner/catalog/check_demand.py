"""Cross-checks of what workloads ask for: periods, token lengths, traces, latency targets."""

from __future__ import annotations

from itertools import combinations, pairwise

from planner.catalog.findings import Findings, Parts
from planner.catalog.suggest import remedy_for
from planner.catalog.tracefile import trace_issue
from planner.catalog.yamlfile import KeyPath
from planner.domain.calls import Lengths, Objective, TraceFile
from planner.domain.problem import Period
from planner.domain.workload import Demand, Workload


def check_demand(parts: Parts, findings: Findings) -> None:
    """Check every workload by itself."""
    for index, workload in parts.workloads:
        path: KeyPath = ("workloads", index)
        if parts.periods is not None:
            _periods(workload.demand, parts.periods, (*path, "demand"), findings)
        _amount(workload.demand, (*path, "demand"), findings)
        _lengths(workload, path, findings)
        _traces(workload, path, parts, findings)
        _targets(workload.objectives, (*path, "objectives"), findings)


def _periods(demand: Demand, periods: tuple[Period, ...], path: KeyPath, findings: Findings) -> None:
    """Every period named must exist, and a rate given by period must cover them all."""
    names = [period.name for period in periods]
    rates = demand.rate if isinstance(demand.rate, dict) else {}
    for field, given in (("rate", rates), ("profile", demand.profile)):
        for name in given:
            if name not in names:
                findings.error((*path, field, name), f"there is no period named {name!r}", remedy_for(name, names))
    absent = [name for name in names if name not in rates] if rates else []
    if absent:
        listed = ", ".join(absent)
        findings.error(
            (*path, "rate"), f"no rate is given for: {listed}", "give every period a rate; `0 req/s` says that none arrive"
        )


def _amount(demand: Demand, path: KeyPath, findings: Findings) -> None:
    """Warn of a workload that asks for nothing."""
    rates = list(demand.rate.values()) if isinstance(demand.rate, dict) else [demand.rate]
    users = demand.users
    nothing = demand.rate is not None and not any(rates)
    if nothing or (users is not None and users.active * users.requests_per_user == 0):
        findings.warn(path, "no request ever arrives", "remove the workload, or give it a rate")


def _lengths(workload: Workload, path: KeyPath, findings: Findings) -> None:
    for field in ("input_tokens", "output_tokens"):
        lengths: Lengths = getattr(workload, field)
        _order(lengths, (*path, field), findings)
        if lengths.mean is not None and lengths.p95 is None and lengths.scv is None:
            findings.warn((*path, field), f"every request is taken to have exactly {lengths.mean:g} tokens", "give p95 as well")
    prefix, mean = workload.shared_prefix, workload.input_tokens.mean
    if prefix is not None and mean is not None and prefix.tokens > mean:
        message = f"the shared prefix ({prefix.tokens:g} tokens) is longer than the mean prompt ({mean:g}), which contains it"
        findings.error((*path, "shared_prefix", "tokens"), message, "count the prefix within input_tokens")


def _order(lengths: Lengths, path: KeyPath, findings: Findings) -> None:
    """Percentiles and bin edges must rise, and the maximum must leave room for them."""
    points = sorted((float(name[1:]), name, tokens) for name, tokens in (lengths.percentiles or {}).items())
    for (_, low, less), (_, high, more) in pairwise(points):
        if more < less:
            findings.error((*path, "percentiles", high), f"{high} ({more:g}) is below {low} ({less:g})", "check the two figures")
    for index, ((low_edge, _), (high_edge, _)) in enumerate(pairwise(lengths.histogram or ())):
        if high_edge <= low_edge:
            findings.error(
                (*path, "histogram", index + 1), f"the edge {high_edge:g} does not rise above {low_edge:g}", "sort the bins"
            )
    if lengths.maximum is not None and lengths.mean is not None and lengths.maximum < lengths.mean:
        message = f"the maximum ({lengths.maximum:g}) is below the mean ({lengths.mean:g})"
        findings.error((*path, "maximum"), message, "check the two figures")


def _traces(workload: Workload, path: KeyPath, parts: Parts, findings: Findings) -> None:
    """Trace files must be there and hold the columns named."""
    uses: list[tuple[str, TraceFile | None, tuple[str, ...]]] = [
        ("demand", workload.demand.trace, ("time_column",)),
        ("input_tokens", workload.input_tokens.trace, ("input_column",)),
        ("output_tokens", workload.output_tokens.trace, ("output_column",)),
    ]
    for field, trace, columns in uses:
        wrong = trace_issue(trace, parts.base, columns) if trace is not None else None
        if wrong is not None:
            key, message, remedy = wrong
            findings.error((*path, field, "trace", key), message, remedy)


def _targets(objectives: tuple[Objective, ...], path: KeyPath, findings: Findings) -> None:
    """A higher percentile cannot be faster than a lower one, nor a whole request faster than its first token."""
    for (i, one), (j, other) in combinations(enumerate(objectives), 2):
        (low, at_low), (high, at_high) = sorted(((i, one), (j, other)), key=lambda pair: pair[1].percentile)
        if one.metric == other.metric and at_high.target < at_low.target:
            message = f"{_promise(at_high)} contradicts {_promise(at_low)}: a higher percentile cannot be faster"
            findings.error((*path, high, "target"), message, f"raise this target, or lower objectives[{low}].target")
    for index, whole in enumerate(objectives):
        for first in objectives:
            if whole.metric == "e2e" and first.metric == "ttft" and _impossible(whole, first):
                message = f"{_promise(whole)} contradicts {_promise(first)}: a request cannot end before its first token"
                findings.error((*path, index, "target"), message, "raise the e2e target, or lower the ttft target")


def _impossible(whole: Objective, first: Objective) -> bool:
    return whole.target < first.target and first.percentile <= whole.percentile


def _promise(objective: Objective) -> str:
    """Write an objective as `ttft p95 ≤ 0.35 s`."""
    return f"{objective.metric} p{objective.percentile:g} ≤ {objective.target:g} s"
