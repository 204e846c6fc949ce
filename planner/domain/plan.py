"""The answer: what to run, where, for whom, at what cost, how fast, and how sure we are.

A plan is complete in itself: a reader needs nothing else to understand it, and the check needs only the plan, the
problem and the catalogs.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.domain.base import Strict
from planner.domain.hardware import SPOT, OfferKind
from planner.domain.layout import Shape
from planner.domain.plan_changes import Changes
from planner.domain.plan_choices import Alternative, Explored, Frontier, Sensitivity
from planner.domain.plan_doubt import Doubt
from planner.domain.plan_energy import EnergyPart
from planner.domain.plan_failover import FailoverPart
from planner.domain.plan_procurement import Cash, CommittedSpend, Futures, Sizing
from planner.domain.plan_scaling import Scaling
from planner.domain.plan_serving import Serving
from planner.domain.plan_stores import StorePart
from planner.domain.plan_worth import Worth

PLAN_VERSION = "plan/v1"


class Proof(Strict):
    """How close to optimal the plan is."""

    termination: Literal["optimal", "feasible"]
    """optimal: the asked gap was reached; feasible: a limit came first."""
    objective: float
    """Average cost of the plan, or what is `minimized` of it [$/h]."""
    bound: float
    """No plan within this model costs less, by what is `minimized` [$/h]."""
    gap: float
    """(objective − bound)/objective."""
    solver: str
    """Solver and version."""
    candidates: int
    """Deployments considered."""
    rejected: dict[str, int]
    """Deployments rejected, per reason code."""
    columns: int
    """Pool columns after rejection."""
    kept: int
    """Pool columns left after those that provably cannot be part of a better plan were removed."""
    complete: bool = True
    """Whether the bound covers every deployment enumerated; otherwise those screened out by an optimistic estimate of their
    cost per call, too many to evaluate, are outside it."""
    rounds: int = 1
    """Solves of the whole program until a plan kept every promise with its streams mixed; the bound is the first one's."""
    ways: int = 0
    """Ways to serve workloads that were compared, levers and splits of latencies together."""
    ways_priced: int = 0
    """Further ways, put aside by an estimate of what their calls cost alone, of which the bound speaks too: on the same pools."""
    ways_left_out: int = 0
    """Ways of which the bound does not speak: nothing that was tried serves them, or `ways_loss` says what they are worth."""
    ways_loss: float | None = None
    """What the best of those was estimated to cost above the best way of its workload [$/h]; absent = none can be served."""
    repairs: int = 0
    """Small solves around a plan whose pools missed a promise: its own pools and the nearest others, with the demand on those
    that missed raised."""
    minimized: Literal["expected", "worst"] = "expected"
    """expected: the average cost. worst: 99.9 % of the cost of the dearest scenario and 0.1 % of the average cost, to break ties;
    never above the former, so no plan's dearest scenario costs less than the bound either."""
    worst: float | None = None
    """Cost of the dearest scenario, averaged over its hours, where that was minimized [$/h]."""

    @property
    def whole(self) -> bool:
        """Whether no plan at all costs less on average than the bound: it leaves out no deployment and no way to serve."""
        return self.complete and self.ways_loss is None and self.minimized == "expected"


class Layout(Strict):
    """How a replica is spread over devices."""

    tp: int
    """Tensor-parallel degree."""
    pp: int
    """Pipeline stages."""
    dp: int = 1
    """Attention data-parallel ranks within the replica."""
    ep: int = 1
    """Expert-parallel degree."""

    @property
    def gpus(self) -> int:
        """Devices of a replica."""
        return self.tp * self.pp * self.dp

    @property
    def name(self) -> str:
        """As choices name it: `tp4 pp2`."""
        return str(Shape(self.tp, self.pp, self.dp))


class Speculation(Strict):
    """Speculative decoding of a deployment, to be set in the engine."""

    speculator: str
    """Catalog name."""
    draft_tokens: int
    """Tokens drafted for each sequence and iteration."""
    emitted: float
    """Tokens an iteration emits on average that the plan rests on, its own included."""
    emitted_low: float
    """The same on the traffic where it was least."""
    emitted_high: float
    """Where it was most."""
    source: str
    """Where those were read."""


class Deployment(Strict):
    """What one replica is."""

    model: str
    """Catalog name."""
    precision: str
    """Weight precision."""
    kv_precision: str
    """KV cache precision."""
    engine: str
    """Serving engine."""
    engine_version: str
    """Version the settings were read from."""
    accelerator: str
    """Catalog name."""
    layout: Layout
    """Parallel layout."""
    max_sequences: int
    """Limit of sequences decoding at once, to be set in the engine."""
    chunk_tokens: int
    """Token limit of an iteration, to be set in the engine."""
    max_context: int
    """Longest context to be allowed, to be set in the engine [token]."""
    memory_fraction: float
    """Share of device memory given to the engine."""
    speculation: Speculation | None = None
    """How it drafts; absent = it does not."""


class MemoryPerGpu(Strict):
    """Where the memory of one device goes [B]."""

    total: float
    """Usable memory."""
    weights: float
    """Weights."""
    activations: float
    """Activations and communication buffers."""
    runtime: float
    """CUDA context, graphs, libraries, and the share the engine leaves alone."""
    kv: float
    """KV cache blocks."""


class ServiceLevel(Strict):
    """What a pool guarantees to every stream it serves; corner of its additive resources."""

    iteration: float
    """Mean iteration time a replica is kept under [s]."""
    sequences: float
    """Mean number of decoding sequences a replica is kept under."""
    prompt_wait: float | None
    """Mean wait of a prompt a replica is kept under [s]."""
    jitter: float | None
    """Variance rate of iteration time by prompts that a replica is kept under [s]."""


class Share(Strict):
    """A stream's flow into a pool or API in one period."""

    stream: str
    """Stream."""
    period: str
    """Period."""
    rate: float
    """Calls per second."""
    share: float
    """Of the stream's calls in that period; of all in the cycle where they may be moved between periods."""


class PoolLoad(Strict):
    """A pool in one period."""

    period: str
    """Period."""
    replicas: int
    """Replicas, spares included."""
    spares: int | None = None
    """Of them, beyond those that carry load; written only where there are any or an availability is asked for."""
    availability: float | None = None
    """Probability at any time that no more replicas are down than there are spares; written only where one is asked for."""
    utilization: dict[str, float]
    """Share of each additive resource in use, on the replicas that carry load."""
    binding: str
    """The resource nearest its limit."""
    iteration: float
    """Predicted mean iteration time = mean TPOT [s]."""
    sequences: float
    """Predicted mean decoding sequences per replica."""
    output_tokens_per_second: float
    """Of the whole pool."""


class Pool(Strict):
    """A number of replicas of one deployment, run for one service level."""

    name: str
    """Name in this plan: P1, P2 …"""
    deployment: Deployment
    """What a replica is."""
    instance: str
    """Machine shape, catalog name."""
    seller: str
    """Seller."""
    region: str
    """Region."""
    region_group: str
    """Continent."""
    interruptible: bool
    """Whether it runs on spot machines."""
    level: ServiceLevel
    """What it guarantees."""
    memory: MemoryPerGpu
    """Memory of one device."""
    kv_capacity_tokens: float
    """Tokens of average context whose KV cache one replica holds."""
    loads: tuple[PoolLoad, ...]
    """One a period."""
    shares: tuple[Share, ...]
    """Who uses it."""
    fallback: bool | None = None
    """Whether on-demand machines take over from spot machines that are reclaimed; written only where they do."""

    @property
    def standing(self) -> str:
        """What tells its machines from others of the same kind and place: `spot`, `spot with fallback`, or nothing."""
        return ("spot with fallback" if self.fallback else "spot") if self.interruptible else ""


class ApiRoute(Strict):
    """Calls sent to someone else's API."""

    api: str
    """Catalog name."""
    input_price: float
    """Per uncached input token [$]."""
    cached_input_price: float
    """Per cached input token [$]."""
    output_price: float
    """Per output token [$]."""
    cost: float
    """Average cost [$/h]."""
    price_source: str
    """Where the prices come from."""
    batch: bool = False
    """Whether they are the prices of batches: calls are handed over together and answered within the turnaround."""
    turnaround: float | None = None
    """Time within which batches are answered [s]; absent for calls answered at once."""
    shares: tuple[Share, ...]
    """Who uses it."""


class ProvisionedRoute(Strict):
    """Throughput bought in units at an API, paid whether used or not, and the calls that it takes."""

    api: str
    """Catalog name."""
    units: dict[str, int]
    """Units held in each period."""
    unit_price: float
    """Price of one unit [$/h]."""
    term: str
    """hourly, monthly or yearly."""
    tokens_per_second: float
    """Weighted tokens that one unit takes [token/s]."""
    cost: float
    """Average cost [$/h]."""
    used: dict[str, float]
    """Share of the units held that is in use, in each period."""
    price_source: str
    """Where price and throughput come from."""
    shares: tuple[Share, ...]
    """Who uses it."""

    @property
    def name(self) -> str:
        """Name it apart from the same API at its price per token."""
        return f"{self.api} units"


class Purchase(Strict):
    """Machines to hold."""

    kind: OfferKind
    """Way to pay."""
    instance: str
    """Machine shape."""
    seller: str
    """Seller."""
    region: str
    """Region."""
    accelerator: str
    """Accelerator."""
    gpus_per_machine: int
    """Accelerators of one machine."""
    machines: dict[str, int]
    """Machines held in each period."""
    hourly: float
    """Price of one machine, as planned with [$/h]."""
    price_source: str
    """Where the price comes from, with its date."""
    cost: float
    """Average cost [$/h]."""
    ordered: int | None = None
    """Month of the horizon at whose start they are ordered, counted from 0; absent without a horizon or a commitment."""
    live: tuple[int, int] | None = None
    """Months in which they are there: from the start of the first to the end of the last; absent = all."""
    scenario: str | None = None
    """The scenario for which they are ordered, once it has come; absent = for all, not knowing which comes."""
    boards_per_machine: int | None = None
    """Boards of one machine, which quotas count; written only where they are cut into parts."""
    carbon_cost: float = 0.0
    """What their carbon is taken to cost, on average, not in `cost` [$/h]; written only where carbon has a price."""
    already: bool = False
    """Whether they were committed to before: paid in every plan, whether used or not; written only where true."""
    upfront: float | None = None
    """Share of the term's price that is paid when it begins; absent = none."""
    capital: float | None = None
    """Part of `hourly` that is cost of capital, for what is paid early [$/h]; absent = none."""
    spend: str | None = None
    """The commitment to spend that they draw on, for all of which `hourly` pays; absent = none."""

    @property
    def standing(self) -> str:
        """What tells them from others of the same kind and place: `spot`, `spot with fallback`, or nothing."""
        return self.kind.replace("_", " ") if self.kind in SPOT else ""


class Promised(Strict):
    """One latency promise on a route in one period, and what is predicted."""

    stream: str
    """Stream."""
    period: str
    """Period."""
    route: str
    """Pool or API."""
    metric: Literal["ttft", "tpot", "e2e"]
    """What is promised."""
    percentile: float
    """At which percentile."""
    target: float
    """Limit [s]."""
    predicted: float
    """Prediction at that percentile [s]."""


class Promise(Promised):
    """One latency promise and what is predicted."""

    miss_share: float
    """Predicted share of calls slower than the target."""
    soft: bool
    """Whether a miss costs money rather than being forbidden."""
    holds: bool
    """Whether the prediction keeps the target."""

    @property
    def margin(self) -> float:
        """(target − predicted)/target; negative where the target is missed."""
        return (self.target - self.predicted) / self.target


class Latency(Strict):
    """Predicted latencies of a stream on a pool in one period [s]."""

    stream: str
    """Stream."""
    period: str
    """Period."""
    route: str
    """Pool."""
    metric: Literal["ttft", "tpot", "e2e"]
    """Metric."""
    mean: float
    """Mean."""
    p50: float
    """Median."""
    p95: float
    """95th percentile."""
    p99: float
    """99th percentile."""


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


class TakenWay(Strict):
    """How a workload is served: the levers pulled, and how its latency promise is split."""

    workload: str
    """Workload."""
    settings: dict[str, str]
    """Lever → setting, of those that are pulled."""
    budgets: dict[str, float]
    """Stage beside the answering one → time it may take of the request's target [s]."""
    streams: dict[str, str] = Field(default_factory=dict)
    """Stream → its name without settings, which tells it apart from all others of the plan."""
    model_calls: float
    """Calls of models per request."""
    per_thousand_requests: float = 0.0
    """Cost of a thousand requests [$]."""
    considered: int
    """Ways that were compared."""
    stores: dict[str, str] = Field(default_factory=dict)
    """Store → what its segments stand on; written only where there is any."""
    searches: dict[str, str] = Field(default_factory=dict)
    """Stage → store that it searches; written only where there is any."""


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


class Fact(Strict):
    """A number the plan rests on, with its standing."""

    subject: str
    """What it is about."""
    statement: str
    """The assumption or fact in words."""
    standing: Literal["measured", "fitted", "assumed", "published", "stated"]
    """How it is known; `stated` = by the problem file."""
    source: str
    """Where it comes from."""


class SimulatedPromise(Promised):
    """One latency promise of a pool, predicted and seen in a simulation of single calls."""

    attained: float | None
    """What the simulation saw there [s]; absent where that many calls never ended."""
    calls: int
    """Calls of the stream that were looked at."""
    soft: bool
    """Whether a miss costs money rather than being forbidden."""
    holds: bool
    """Whether the simulation kept the target."""

    @property
    def broken(self) -> bool:
        """Whether it is a hard promise that the simulation did not keep."""
        return not (self.holds or self.soft)


class Simulation(Strict):
    """What replaying calls, one by one, through the pools of the plan showed."""

    rounds: int
    """Simulations of the plan's pools; each but the last was followed by tightening and solving again."""
    tightened: tuple[str, ...]
    """Pools that missed a promise in a simulation and were given more room, in words."""
    promises: tuple[SimulatedPromise, ...]
    """Every promise pools answer for, as the last one saw it."""


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


class Plan(Strict):
    """The answer to a problem."""

    version: Literal["plan/v1"] = "plan/v1"
    """Version of this format."""
    planner: str
    """Version of the planner."""
    problem: str
    """Name of the problem."""
    problem_digest: str
    """SHA-256 of the problem file."""
    catalog_digest: str
    """SHA-256 of the merged catalogs."""
    seed: int
    """Seed."""
    periods: dict[str, float]
    """Hours of each period."""
    proof: Proof
    """How close to optimal."""
    cost: Cost
    """What it costs."""
    pools: tuple[Pool, ...]
    """What to run."""
    apis: tuple[ApiRoute, ...]
    """What to send elsewhere."""
    provisioned: tuple[ProvisionedRoute, ...] = ()
    """Throughput to be bought in units at APIs."""
    purchases: tuple[Purchase, ...]
    """What to buy, rent or reserve."""
    sizing: Sizing | None = None
    """What following demand is worth; only where there are several periods."""
    futures: Futures | None = None
    """What not knowing the future costs; only where there are scenarios."""
    start: str | None = None
    """First month of the horizon, such as 2027-01; absent = no calendar is given."""
    cash: Cash | None = None
    """When money leaves, month by month; only where periods have months."""
    ways: tuple[TakenWay, ...] = ()
    """How workloads with stages or levers are served."""
    stores: tuple[StorePart, ...] = ()
    """Vector stores, segment by segment; written only where there are any."""
    buy_or_build: tuple[BuyOrBuild, ...] = ()
    """APIs against own machines, for every workload whose calls an API could take."""
    promises: tuple[Promise, ...]
    """Every promise with its prediction."""
    latencies: tuple[Latency, ...]
    """Predicted latencies beyond the promises."""
    reasons: tuple[str, ...]
    """Why this and not something else, in sentences with numbers."""
    facts: tuple[Fact, ...]
    """Assumptions and sources, the weakest first."""
    warnings: tuple[str, ...] = ()
    """What a reviewer should know."""
    simulation: Simulation | None = None
    """What a simulation of its pools showed, where one was asked for (`solve --verify`)."""
    energy: EnergyPart | None = None
    """What it draws and emits; written only where the problem asks for it."""
    changes: Changes | None = None
    """What it changes of what runs today; only where it was made from that (`solve --from`)."""
    committed_spend: tuple[CommittedSpend, ...] = ()
    """Spend committed to; written only where there is any."""
    scaling: Scaling | None = None
    """How replicas follow demand; only where `operations.autoscaling` is asked for and there are several periods."""
    serving: Serving | None = None
    """What exports need to put it to work; absent in plans of before it was written."""
    doubt: Doubt | None = None
    """How sure its latencies are; written only where promises are kept at an edge that comparable measurements set."""
    worth: Worth | None = None
    """What a little more of demand and limits is worth; absent where that is not known."""
    frontiers: tuple[Frontier, ...] = ()
    """What promises and limits cost at other levels; written only where that was asked for (`planner explore`)."""
    alternatives: tuple[Alternative, ...] = ()
    """Other plans, and what each gives up; written only where they were asked for."""
    sensitivities: tuple[Sensitivity, ...] = ()
    """What the cost hangs on, what moves it most first; written only where that was asked for."""
    explored: Explored | None = None
    """How these three were found; written only where they were asked for."""
    failover: tuple[FailoverPart, ...] = ()
    """How workloads outlive a region; written only where one asks for it. Loads, calls and latencies of their pools, everywhere
    in the plan, are those while one group of regions is down."""

    @property
    def external(self) -> tuple[ApiRoute | ProvisionedRoute, ...]:
        """Calls that go to APIs, however they are paid."""
        return (*self.apis, *self.provisioned)

    @property
    def accelerators(self) -> dict[str, int]:
        """Most accelerators held in any period, by kind."""
        most: dict[str, int] = {}
        for period in self.periods:
            held: dict[str, int] = {}
            for buy in self.purchases:
                held[buy.accelerator] = held.get(buy.accelerator, 0) + buy.machines.get(period, 0) * buy.gpus_per_machine
            most = {kind: max(most.get(kind, 0), held.get(kind, 0)) for kind in most | held}
        return most
