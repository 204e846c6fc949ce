"""The plan seen as systems rather than calls: which way each workload takes, what its stages, paths, tiers and tags cost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from planner.candidates.build import Search
from planner.demand.ways import Step, Way
from planner.domain.plan import TakenWay
from planner.domain.plan_costs import LabelCost, PathCost, StageCost, WorkloadCost
from planner.domain.problem import Problem

MOST_BRANCHES = 6
"""Stages not always reached whose combinations are listed as paths; with more there are too many to read."""

RARE = 1e-3
"""Share of requests below which a path is left out."""


def taken_ways(search: Search, taken: Sequence[Way], stages: Sequence[StageCost]) -> Iterator[TakenWay]:
    """Yield how workloads with stages or levers are served; `stages` are what all stages cost."""
    names = {stream.name: stream.short for stream in search.streams}
    counts = {way.workload: sum(other.workload == way.workload for other in search.ways) for way in taken}
    searched = {w.name: {s.name: s.store for s in w.stages if s.store is not None} for w in search.problem.workloads}
    involved = {workload.name for workload in search.problem.workloads if workload.stages or workload.levers}
    for way in taken:
        if way.workload in involved:
            yield TakenWay(
                workload=way.workload,
                settings=dict(way.settings),
                budgets=dict(way.budgets),
                streams={name: names[name] for step in way.steps for name in step.streams},
                model_calls=way.model_calls,
                per_thousand_requests=sum(row.per_thousand_requests for row in stages if row.workload == way.workload),
                considered=counts[way.workload],
                stores={holding.store: holding.name for holding in way.stores},
                searches=searched[way.workload],
            )


def by_stage(way: Way, spent: Mapping[str, float], requests: float, everything: float) -> Iterator[StageCost]:
    """Yield what each stage of a workload costs; levers that change the whole request are listed by their names.

    Parameters
    ----------
    way : taken
    spent : stream → cost of its calls [$/h]
    requests : of the workload [1/h]
    everything : the plan's cost [$/h]
    """
    stages = {step.stage for step in way.steps}
    for step in way.steps:
        own = sum(item.hourly for item in way.items if item.category != "lever" and item.what == step.stage)
        hourly = sum(spent[name] for name in step.streams) + own
        yield _stage(way.workload, step, hourly, requests, everything)
    for item in way.items:
        if item.category == "lever" or item.what not in stages:
            yield _stage(way.workload, Step(item.what, 0.0, 0.0, 1.0, ()), item.hourly, requests, everything)


def _stage(workload: str, step: Step, hourly: float, requests: float, everything: float) -> StageCost:
    return StageCost(
        workload=workload,
        stage=step.stage,
        reached=step.reached,
        calls=step.calls,
        retried=step.retried,
        streams=step.streams,
        hourly=hourly,
        per_thousand_requests=hourly / requests * 1e3 if requests else 0.0,
        share=hourly / everything if everything else 0.0,
    )


def paths(way: Way, stages: Sequence[StageCost]) -> Iterator[PathCost]:
    """Yield the ways through a call graph that branches, the most frequent first.

    A stage reached by a share r of requests costs c/r on the paths it is on. Requests part into those that caches answer,
    a share a, and the others; a stage that caches spare a share s of its requests is reached with probability

        p = r/(1 − s) by the others,   p·(a − s)/a by those answered,

    which is p again for stages that are called in any case (s = 0) and nothing for the rest (s = a). Within each part stages
    are taken as reached independently of each other.

    Parameters
    ----------
    way : taken
    stages : what the stages of all workloads cost

    Returns
    -------
    Paths that at least a share of `RARE` takes; none where all requests take the same, or where there are too many to read
    """
    mine = [row for row in stages if row.workload == way.workload]
    called = {row.stage: row for row in mine if row.calls > 0}
    steps = [step for step in way.steps if step.stage in called]
    each = {step.stage: called[step.stage].per_thousand_requests / min(step.reached, 1.0) for step in steps}
    calls = {step.stage: step.calls / min(step.reached, 1.0) if step.streams else 0.0 for step in steps}
    whole = sum(row.per_thousand_requests for row in mine if row.calls <= 0)
    shares: dict[tuple[str, ...], float] = {}
    for part, chances in _parts(steps):
        if sum(0.0 < chance < 1.0 for chance in chances.values()) > MOST_BRANCHES:
            return
        for names, share in _combinations(chances):
            shares[names] = shares.get(names, 0.0) + part * share
    if len(shares) < 2:
        return
    for names, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        if share >= RARE:
            yield PathCost(
                workload=way.workload,
                stages=names,
                share=share,
                model_calls=sum(calls[name] for name in names),
                per_thousand_requests=whole + sum(each[name] for name in names),
            )


def _parts(steps: Sequence[Step]) -> Iterator[tuple[float, dict[str, float]]]:
    """Yield requests that caches do not answer, and those they do: their share, and how likely each stage is called."""
    answered = max((step.answered for step in steps), default=0.0)
    others = {step.stage: min(step.reached / (1.0 - step.answered), 1.0) for step in steps if step.answered < 1.0}
    if answered < 1.0:
        yield 1.0 - answered, others
    if answered > 0.0:
        yield answered, {s.stage: others[s.stage] * (1.0 - s.answered / answered) for s in steps if s.stage in others}


def _combinations(chances: Mapping[str, float]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the sets of stages that may be called, with their probability."""
    for there in itertools.product(*([on for on in (True, False) if chance != float(not on)] for chance in chances.values())):
        share = 1.0
        for on, chance in zip(there, chances.values(), strict=True):
            share *= chance if on else 1.0 - chance
        yield tuple(name for name, on in zip(chances, there, strict=True) if on), share


def by_label(problem: Problem, costs: Sequence[WorkloadCost]) -> Iterator[LabelCost]:
    """Yield what tiers and tags cost, the dearest first."""
    labels: dict[tuple[str, str], float] = {}
    everything = sum(row.hourly for row in costs)
    by_name = {row.workload: row.hourly for row in costs}
    for workload in problem.workloads:
        own = [*([("tier", workload.tier)] if workload.tier else []), *(("tag", tag) for tag in workload.tags)]
        for key in own:
            labels[key] = labels.get(key, 0.0) + by_name[workload.name]
    for (kind, label), hourly in sorted(labels.items(), key=lambda pair: (pair[0][0], -pair[1])):
        share = hourly / everything if everything else 0.0
        yield LabelCost(kind="tier" if kind == "tier" else "tag", label=label, hourly=hourly, share=share)
