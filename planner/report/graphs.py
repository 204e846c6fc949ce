"""Call graphs and levers as reports show them: short names of streams, what serves a stage; no figure is made."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.plan import Plan, TakenWay
from planner.domain.plan_costs import PathCost, StageCost
from planner.report import format as fmt
from planner.report import gather


@dataclass(frozen=True)
class StageRow:
    """A stage, component or lever as a table shows it."""

    cost: StageCost
    """As stored."""
    served: tuple[str, ...]
    """What serves it: pools and APIs, each with the part of the calls it takes; or that it is a component, a store or a lever."""
    calls: bool
    """Whether it is called; a lever that changes the whole request is not."""


def short_names(plan: Plan) -> dict[str, str]:
    """Return what reports call streams: those of workloads with stages or levers without settings, which stand beside the way.

    `assistant/answer~0.9+4 passages small (8)` reads `assistant/answer small`.
    """
    return {name: short for way in plan.ways for name, short in way.streams.items()}


def rows_of(plan: Plan, way: TakenWay) -> list[StageRow]:
    """Return a workload's stages and levers, in the order of its file, each with what serves it."""
    routes: dict[str, list[str]] = {}
    for flow in gather.flows(plan):
        routes.setdefault(flow.stream, []).append(flow.route)
    return [_row(stage, way, routes) for stage in plan.cost.by_stage if stage.workload == way.workload]


def _row(stage: StageCost, way: TakenWay, routes: dict[str, list[str]]) -> StageRow:
    if not stage.streams:
        lever = not stage.calls and stage.stage in way.settings
        store = f"store {way.searches[stage.stage]}" if stage.stage in way.searches else "component"
        return StageRow(stage, ("lever" if lever else store,), not lever)
    place = stage.workload if stage.stage == stage.workload else f"{stage.workload}/{stage.stage}"
    served = []
    for name in stage.streams:
        part = way.streams.get(name, name).removeprefix(place).strip() if len(stage.streams) > 1 else ""
        served += [f"{part}: {route}" if part else route for route in routes.get(name, [])]
    return StageRow(stage, tuple(served) or ("–",), True)


def pulled(way: TakenWay) -> list[str]:
    """Name the levers pulled, with their settings."""
    return [f"{lever}: {setting}" for lever, setting in way.settings.items()] or ["none"]


def given(way: TakenWay) -> list[str]:
    """Say which stages were given how much of the latency target."""
    return [f"{stage} {fmt.duration(seconds)}" for stage, seconds in way.budgets.items()] or ["–"]


def paths_of(plan: Plan, workload: str) -> list[PathCost]:
    """Return the paths of a workload, the most frequent first."""
    return [path for path in plan.cost.by_path if path.workload == workload]


def path_name(path: PathCost) -> str:
    """Name a path by its stages."""
    return ", ".join(path.stages) or "no stage"
