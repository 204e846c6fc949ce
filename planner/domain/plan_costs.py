"""Costs of a plan, split over workloads, stages, paths, labels, pools and lines of a statement; and APIs against own machines."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Strict


class WorkloadCost(Strict):
    """What a workload costs."""

    workload: str
    """Workload."""
    hourly: float
    """Average cost: its share of machines by binding load, plus APIs, misses and overheads [$/h]."""
    share: float
    """Of the whole plan."""
    per_million_input: float | None
    """Per million input tokens, the input's share by work [$]; None if it has none."""
    per_million_output: float | None
    """Per million output tokens, the output's share by work [$]; None if it has none."""
    per_thousand_calls: float
    """Per thousand calls [$]."""
    tokens_per_hour: float | None = None
    """Tokens of all its calls of models, prompts and answers, on average [token/h]; absent in plans of before it was written."""


class StageCost(Strict):
    """A stage of a workload: how often it is called, and what that costs."""

    workload: str
    """Workload."""
    stage: str
    """Stage; the workload's name where a request is one call."""
    reached: float
    """Share of requests that reach it."""
    calls: float
    """Calls per request, rounds and tries included."""
    retried: float
    """Share of those calls that are tries after a failed one."""
    streams: tuple[str, ...]
    """Streams that carry its calls; none for a component."""
    hourly: float
    """Average cost [$/h]."""
    per_thousand_requests: float
    """Per thousand requests of the workload [$]."""
    share: float = 0.0
    """Of the whole plan."""


class PathCost(Strict):
    """One way through a workload's call graph."""

    workload: str
    """Workload."""
    stages: tuple[str, ...]
    """Stages on it."""
    share: float
    """Share of requests that take it, if stages are reached independently of each other."""
    model_calls: float
    """Calls of models per request on it."""
    per_thousand_requests: float
    """Per thousand requests that take it [$]."""


class LabelCost(Strict):
    """What belongs to a tier of tenants, or to a feature."""

    kind: Literal["tier", "tag"]
    """Tier, or tag."""
    label: str
    """Which."""
    hourly: float
    """Average cost of all its workloads; a workload of several tags counts for each [$/h]."""
    share: float
    """Of the whole plan."""


class StatementLine(Strict):
    """A line of the statement of costs."""

    item: str
    """What is paid for."""
    hourly: float
    """Average cost [$/h]."""
    cents_per_month: int
    """Over 730 hours, in whole cents; all lines add up to the total's."""


class Statement(Strict):
    """The cost as tokens on machines kept perfectly busy, and what is paid on top and why (docs/ways.md)."""

    lines: tuple[StatementLine, ...]
    """Input and output tokens, fan-out, batching efficiency, SLO headroom, fixed infrastructure, degradation, energy."""
    efficiency: float
    """E: what pools would need if nothing were promised, over what the promises need [1]."""
    spares: float | None = None
    """Part of degradation: replicas kept for failures [$/h]; written only where an availability is asked for."""
    lost_work: float | None = None
    """Part of degradation: work that failures throw away [$/h]; written only where an availability is asked for."""


class PoolCost(Strict):
    """What a pool costs."""

    pool: str
    """Pool."""
    hourly: float
    """Average cost of the machines it occupies, unused share of them included [$/h]."""
    share: float
    """Of the whole plan."""


class Cost(Strict):
    """Average cost over the cycle, split several ways, each of which adds up to the total [$/h]."""

    total: float
    """Everything."""
    machines: float
    """Machines."""
    apis: float
    """API tokens."""
    provisioned: float = 0.0
    """Throughput bought in units at APIs."""
    misses: float
    """Expected price of missed soft targets."""
    operations: float
    """Cost of operating pools."""
    levers: float = 0.0
    """Levers: look-ups, upkeep, introduction spread over its time."""
    components: float = 0.0
    """Components of call graphs that are no models, vector stores among them."""
    per_month: float
    """Total over 730 hours [$]."""
    by_pool: tuple[PoolCost, ...]
    """Machines and operations by pool."""
    by_workload: tuple[WorkloadCost, ...]
    """Everything by workload."""
    by_stage: tuple[StageCost, ...] = ()
    """Everything by stage of the workloads' call graphs."""
    by_path: tuple[PathCost, ...] = ()
    """Ways through the call graphs whose stages are not always reached."""
    by_label: tuple[LabelCost, ...] = ()
    """By tier of tenants and by tag, where workloads have any."""
    statement: Statement | None = None
    """Why it costs that: tokens, fan-out, headroom, batching, fixed costs, degradation, energy."""
    carbon: float = 0.0
    """What the carbon of machines is taken to cost; written only where it has a price."""
    committed: float | None = None
    """Of machines, what is paid whether used or not for what was committed to before: the same in every plan; absent = none."""
    ramps: float | None = None
    """Replicas started ahead of need and kept beyond it; written only where `operations.autoscaling` is asked for."""


class Crossing(Strict):
    """Where a deployment of one's own comes to cost no more than an API."""

    deployment: str
    """What is deployed, and where."""
    offer: str
    """Machine and way to pay for it."""
    machine_hourly: float
    """Price of one machine [$/h]."""
    requests_per_month: float
    """Least requests of the workload in 730 hours from which on it costs no more."""
    hourly: float
    """What both cost there [$/h]."""
    replica_load: float
    """Replicas' worth of the demand as planned, in the busiest period [1]."""
    per_million_full: float
    """Cost of its replicas per million tokens if they were used to their limits [$]."""


class BuyOrBuild(Strict):
    """A workload's calls of models at APIs and on machines of one's own (docs/buy-or-build.md)."""

    workload: str
    """Workload."""
    requests_per_month: float
    """Requests in 730 hours, as planned."""
    apis: tuple[str, ...]
    """The cheapest API for each kind of call."""
    api_hourly: float
    """What all calls would cost there [$/h]."""
    api_per_million: float
    """The same per million tokens, in and out [$]."""
    own_hourly: float | None
    """Its share of the plan's pools [$/h]; absent if it uses none."""
    own_calls: float
    """Share of its calls that go to the plan's pools."""
    own_per_million: float | None
    """Cost of own capacity per million tokens served there, as busy as planned [$]."""
    own_per_million_full: float | None
    """The same if replicas were used to their limits [$]."""
    utilization: float | None
    """Share of the binding resource in use of all replicas held, spares included."""
    breakeven_utilization: float | None
    """Utilization at which own capacity costs as much per token as the API, above 1 never: of the plan's pools, or of the
    deployment at the break-even if the workload uses none."""
    breakeven: Crossing | None
    """From which volume on a deployment of its own costs no more; absent if none ever does."""
