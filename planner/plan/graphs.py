"""The plan seen as systems rather than calls: which way each workload takes, what its stages, paths, tiers and tags cost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from planner.candidates.build import Search
from planner.demand.ways import Step, Way
from planner.domain.plan import LabelCost, PathCost, StageCost, TakenWay, WorkloadCost
from planner.domain.problem import Problem

MOST_BRANCHES = 6
"""Stages not always reached whose combinations are listed as paths; with more there are too many to read."""

RARE = 1e-3
"""Share of requests below which a path is left out."""


def taken_ways(search: Search, taken: Sequence[Way]) -> Iterator[TakenWay]:
    """Yield how workloads with stages or levers are served."""
    counts = {way.workload: sum(other.workload == way.workload for other in search.ways) for way in taken}
    involved = {workload.name for workload in search.problem.workloads if workload.stages or workload.levers}
    for way in taken:
        if way.workload in involved:
            yield TakenWay(
                workload=way.workload,
                settings=dict(way.settings),
                budgets=dict(way.budgets),
                model_calls=way.model_calls,
                considered=counts[way.workload],
            )


def by_stage(way: Way, spent: Mapping[str, float], requests: float) -> Iterator[StageCost]:
    """Yield what each stage of a workload costs; levers that change the whole request are listed by their names.

    Parameters
    ----------
    way : taken
    spent : stream → cost of its calls [$/h]
    requests : of the workload [1/h]
    """
    own = {item.what: item.hourly for item in way.items if item.category == "component"}
    for step in way.steps:
        hourly = sum(spent[name] for name in step.streams) + own.get(step.stage, 0.0)
        yield _stage(way.workload, step, hourly, requests)
    for item in way.items:
        if item.category == "lever":
            yield _stage(way.workload, Step(item.what, 0.0, 0.0, 1.0, ()), item.hourly, requests)


def _stage(workload: str, step: Step, hourly: float, requests: float) -> StageCost:
    return StageCost(
        workload=workload,
        stage=step.stage,
        reached=step.reached,
        calls=step.calls,
        retried=step.retried,
        streams=step.streams,
        hourly=hourly,
        per_thousand_requests=hourly / requests * 1e3 if requests else 0.0,
    )


def paths(way: Way, stages: Sequence[StageCost]) -> Iterator[PathCost]:
    """Yield the ways through a call graph that branches, the most frequent first.

    A stage reached by a share p of requests costs c/p on the paths it is on; paths are combinations of the stages that are not
    always reached, as if reached independently of each other.
    """
    mine = [stage for stage in stages if stage.workload == way.workload]
    always = [stage for stage in mine if stage.reached >= 1.0]
    branches = [stage for stage in mine if 0.0 < stage.reached < 1.0]
    if not 0 < len(branches) <= MOST_BRANCHES:
        return
    found = []
    for there in itertools.product((False, True), repeat=len(branches)):
        share = 1.0
        for stage, on in zip(branches, there, strict=True):
            share *= stage.reached if on else 1.0 - stage.reached
        on_it = [*always, *(stage for stage, on in zip(branches, there, strict=True) if on)]
        names = tuple(stage.stage for stage in mine if stage in on_it)
        cost = sum(stage.per_thousand_requests / stage.reached for stage in on_it)
        calls = sum(stage.calls / stage.reached for stage in on_it if stage.streams)
        found.append(PathCost(workload=way.workload, stages=names, share=share, model_calls=calls, per_thousand_requests=cost))
    yield from sorted((path for path in found if path.share >= RARE), key=lambda path: -path.share)


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
