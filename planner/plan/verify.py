"""Checks a plan against its problem with code that did not make it: cost, rules, limits and every promise, anew.

Takes only the plan, the problem and the catalogs. Nothing of the optimizer is imported; what is shared with the
plan's author are the performance model and the rules themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from planner.candidates.apis import api_percentile, api_problem, call_cost
from planner.candidates.eligible import model_problem
from planner.candidates.evaluate import hard_targets, soft_targets
from planner.candidates.quality import judge
from planner.candidates.space import Shape, checkpoint_problem, engine_problem, format_problem, machine_of, shape_fits_machine, shape_fits_model
from planner.catalog.api_prices import price
from planner.catalog.problem import LoadedProblem
from planner.demand.stream import Stream
from planner.demand.streams import build_streams
from planner.domain.plan import Plan, Pool, Promise
from planner.perf.capacity import Target
from planner.plan.predict import Operation, Replicas
from planner.supply.build import build_supply
from planner.supply.cells import Cell, Supply
from planner.supply.choice import allowed
from planner.supply.limits import gpu_limits

TOLERANCE = 1e-6
"""Relative tolerance of every comparison: rounding, no more."""


def verify(plan: Plan, loaded: LoadedProblem) -> list[str]:
    """Return every way in which a plan fails its problem; an empty list means it holds.

    Parameters
    ----------
    plan : to be checked
    loaded : problem with its catalogs

    Returns
    -------
    Sentences, each naming what fails and by how much.
    """
    check = _Check(plan, loaded)
    return [*check.identity(), *check.flows(), *check.rules(), *check.packing(), *check.limits(), *check.promises(), *check.cost()]


def above(value: float, limit: float) -> bool:
    """Whether a value exceeds a limit by more than rounding."""
    return value > limit + TOLERANCE * max(abs(limit), 1e-9)


@dataclass
class _Check:
    """The plan with what is derived anew from the problem."""

    plan: Plan
    loaded: LoadedProblem

    @cached_property
    def streams(self) -> dict[str, Stream]:
        return {stream.name: stream for stream in build_streams(self.loaded.problem, self.loaded.base)}

    @cached_property
    def supply(self) -> Supply:
        return build_supply(self.loaded.problem, self.loaded.catalog, list(self.streams.values()))

    @cached_property
    def hours(self) -> dict[str, float]:
        return {period.name: period.hours for period in self.loaded.problem.periods}

    @cached_property
    def operations(self) -> dict[tuple[str, str], Operation]:
        """(pool, period) → how one replica runs; loaded periods only."""
        spare = self.loaded.problem.operations.spare_replicas
        utilization = self.loaded.problem.operations.max_utilization
        found = {}
        for pool in self.plan.pools:
            replicas = Replicas(self.loaded.catalog, pool.deployment, pool.instance, list(self.streams.values()), utilization)
            for load in pool.loads:
                working = max(load.replicas - spare, 1)
                rates = {s.stream: s.rate / working for s in pool.shares if s.period == load.period and s.rate > 0}
                if rates:
                    found[pool.name, load.period] = replicas.operate(rates)
        return found

    def identity(self) -> Iterator[str]:
        """The plan is of this problem and these catalogs."""
        if self.plan.problem_digest != self.loaded.digest:
            yield "the plan was made from another version of the problem file; solve it again"
        if self.plan.catalog_digest != self.loaded.catalog.digest:
            yield "the plan was made with other catalogs; solve it again"
        if self.plan.periods != self.hours:
            yield "the plan's periods are not the problem's"

    def flows(self) -> Iterator[str]:
        """Every call is served: Σ routes = rate, per period, or over the cycle where work may be moved."""
        served = dict.fromkeys(((name, period) for name in self.streams for period in self.hours), 0.0)
        for route in (*self.plan.pools, *self.plan.apis):
            for share in route.shares:
                served[share.stream, share.period] += share.rate
        for name, stream in self.streams.items():
            asked = dict(zip(self.hours, stream.rate, strict=True))
            if stream.movable:
                got = sum(self.hours[period] * served[name, period] for period in self.hours)
                need = sum(self.hours[period] * asked[period] for period in self.hours)
                if above(need, got):
                    yield f"{name}: {got:.6g} call-hours/s served of {need:.6g} over the cycle"
                continue
            for period, need in asked.items():
                if above(need, served[name, period]):
                    yield f"{name} in {period}: {served[name, period]:.6g} calls/s served of {need:.6g}"

    def rules(self) -> Iterator[str]:
        """Every stream is where its rules, choices and quality floors allow, on something that can run there."""
        for pool in self.plan.pools:
            yield from self._deployment_rules(pool)
            users = sorted({share.stream for share in pool.shares})
            for name in users:
                yield from self._stream_rules(pool, self.streams[name])
        for route in self.plan.apis:
            offer = self.loaded.catalog.apis[route.api]
            for name in sorted({share.stream for share in route.shares}):
                problem = api_problem(route.api, offer, self.streams[name], self.loaded.catalog, self.loaded.problem)
                if problem:
                    yield f"{name} on {route.api}: {problem[1]}"

    def _deployment_rules(self, pool: Pool) -> Iterator[str]:
        catalog, deployment = self.loaded.catalog, pool.deployment
        model, device = catalog.models[deployment.model], catalog.accelerators[deployment.accelerator]
        engine, precision = catalog.engines[deployment.engine], catalog.precisions[deployment.precision]
        cache = catalog.kv_precisions[deployment.kv_precision]
        shape = Shape(deployment.layout.tp, deployment.layout.pp, deployment.layout.dp)
        machine = machine_of(self._cells(pool)[0], catalog)
        found = [
            checkpoint_problem(model, deployment.precision, precision),
            format_problem(device, deployment.precision, precision),
            format_problem(device, deployment.kv_precision, cache),
            engine_problem(engine, device),
            None if shape_fits_machine(shape, machine, device) else f"{shape} does not fit {machine.node}×{machine.accelerator}",
            None if shape_fits_model(shape, model, engine) else f"{deployment.model} cannot be cut as {shape}",
        ]
        if catalog.instances[pool.instance].accelerator != deployment.accelerator:
            found.append(f"{pool.instance} has no {deployment.accelerator}")
        for problem in filter(None, found):
            yield f"{pool.name}: {problem}"

    def _stream_rules(self, pool: Pool, stream: Stream) -> Iterator[str]:
        catalog, problem, deployment = self.loaded.catalog, self.loaded.problem, pool.deployment
        model = catalog.models[deployment.model]
        reason = model_problem(deployment.model, model, stream, problem)
        if reason:
            yield f"{stream.name} on {pool.name}: {deployment.model} {reason[1]}"
        for kind, name in (("precisions", deployment.precision), ("kv_precisions", deployment.kv_precision), ("engines", deployment.engine)):
            if not allowed(name, getattr(problem.choose, kind), getattr(stream.workload.choose, kind)):
                yield f"{stream.name} on {pool.name}: {name} is not allowed"
        weights, cache = catalog.precisions[deployment.precision], catalog.kv_precisions[deployment.kv_precision]
        for floor in stream.workload.quality:
            verdict = judge(floor, model, weights, deployment.precision, cache, deployment.kv_precision, stream.longest_context())
            if not verdict.holds:
                yield f"{stream.name} on {pool.name}: {verdict.reason}"
        index = list(self.streams).index(stream.name)
        if not any(cell.streams[index] for cell in self._cells(pool)):
            yield f"{stream.name} may not run on {pool.instance} in {pool.region}"

    def _cells(self, pool: Pool) -> list[Cell]:
        place = (pool.instance, pool.region, pool.interruptible)
        return [cell for cell in self.supply.cells if (cell.instance, cell.region, cell.interruptible) == place]

    def packing(self) -> Iterator[str]:
        """Replicas fit into the machines held: Σ gpus·replicas ≤ gpus·machines per place and period."""
        used: dict[tuple[str, str, bool, str], int] = {}
        for pool in self.plan.pools:
            for load in pool.loads:
                key = (pool.instance, pool.region, pool.interruptible, load.period)
                used[key] = used.get(key, 0) + load.replicas * pool.deployment.layout.gpus
        held: dict[tuple[str, str, bool, str], int] = {}
        for purchase in self.plan.purchases:
            for period, count in purchase.machines.items():
                key = (purchase.instance, purchase.region, purchase.kind == "spot", period)
                held[key] = held.get(key, 0) + count * purchase.gpus_per_machine
        for key, need in used.items():
            if need > held.get(key, 0):
                yield f"{key[0]} in {key[1]}, {key[3]}: replicas take {need} accelerators, {held.get(key, 0)} are held"

    def limits(self) -> Iterator[str]:
        """Quotas, totals, power, budget, replica minima, commitments and API rates."""
        problem = self.loaded.problem
        counts = self._counts()
        for limit in gpu_limits(problem, self.supply, self.loaded.catalog):
            for period in self.hours:
                covered = zip(self.supply.purchases, limit.purchases, strict=True)
                total = sum(self._gpus(p.cell) * counts.get((p.cell, p.kind, period), 0) for p, counted in covered if counted)
                if total > limit.gpus:
                    yield f"{limit.name}: {total} accelerators in {period}, {limit.gpus} allowed"
        if problem.limits.power is not None:
            for period in self.hours:
                drawn = sum(self.supply.cells[c].power * n for (c, _, p), n in counts.items() if p == period)
                if above(drawn, problem.limits.power):
                    yield f"limits.power: {drawn / 1e3:.1f} kW in {period}, {problem.limits.power / 1e3:.1f} kW allowed"
        if problem.limits.budget is not None and above(self.plan.cost.total, problem.limits.budget):
            yield f"limits.budget: ${self.plan.cost.total:,.2f}/h, ${problem.limits.budget:,.2f}/h allowed"
        yield from self._replica_limits()
        yield from self._api_limits()

    def _gpus(self, cell: int) -> int:
        return self.supply.cells[cell].gpus

    def _counts(self) -> dict[tuple[int, str, str], int]:
        """(cell, way to pay, period) → machines; purchases of a place are counted under its first cell that offers them."""
        counts: dict[tuple[int, str, str], int] = {}
        for purchase in self.plan.purchases:
            for offer in self.supply.purchases:
                cell = self.supply.cells[offer.cell]
                if (cell.instance, cell.region, offer.kind) == (purchase.instance, purchase.region, purchase.kind):
                    for period, count in purchase.machines.items():
                        key = (offer.cell, purchase.kind, period)
                        counts[key] = counts.get(key, 0) + count
                    break
        return counts

    def _replica_limits(self) -> Iterator[str]:
        operations = self.loaded.problem.operations
        for pool in self.plan.pools:
            for load in pool.loads:
                loaded = any(share.period == load.period and share.rate > 0 for share in pool.shares)
                least = operations.min_replicas + operations.spare_replicas if loaded else 0
                if load.replicas < max(least, operations.min_replicas if load.replicas else 0):
                    yield f"{pool.name} in {load.period}: {load.replicas} replicas, at least {least} are asked for"
        if operations.max_pools is not None and len(self.plan.pools) > operations.max_pools:
            yield f"operations.max_pools: {len(self.plan.pools)} pools, {operations.max_pools} allowed"
        for purchase in self.plan.purchases:
            if purchase.kind.startswith("reserved") and len(set(purchase.machines.values())) > 1:
                yield f"{purchase.instance} {purchase.kind}: a commitment cannot change between periods"

    def _api_limits(self) -> Iterator[str]:
        for route in self.plan.apis:
            limit = self.loaded.catalog.apis[route.api].rate_limit
            for period in self.hours:
                sent = sum(share.rate for share in route.shares if share.period == period)
                if limit is not None and above(sent, limit):
                    yield f"{route.api} in {period}: {sent:.6g} calls/s, {limit:.6g} allowed"

    def promises(self) -> Iterator[str]:
        """Every hard promise holds under the load as planned, and every promise is in the plan with the right figures."""
        stated = {(p.stream, p.period, p.route, p.metric, p.percentile): p for p in self.plan.promises}
        for pool in self.plan.pools:
            for load in pool.loads:
                operation = self.operations.get((pool.name, load.period))
                if operation is not None:
                    yield from self._pool_promises(pool, load.period, operation, stated)
        for route in self.plan.apis:
            latency = self.loaded.catalog.apis[route.api].latency
            for share in route.shares:
                for target in hard_targets(self.streams[share.stream]):
                    seen = api_percentile(latency, self.streams[share.stream], target) if latency else None
                    if seen is not None and above(seen, target.seconds):
                        yield f"{share.stream} on {route.api}: {_late(target, seen)}"

    def _pool_promises(
        self, pool: Pool, period: str, operation: Operation, stated: Mapping[tuple[str, str, str, str, float], Promise]
    ) -> Iterator[str]:
        for name, strain in operation.strain.items():
            if above(strain, 1.0):
                yield f"{pool.name} in {period}: {name} at {strain:.1%} of its limit"
        for stream, seen in operation.seen.items():
            hard = hard_targets(self.streams[stream])
            for target in (*hard, *(soft for soft, _ in soft_targets(self.streams[stream]))):
                value = float(seen.percentile(target.metric, target.percentile).max())
                promise = stated.get((stream, period, pool.name, target.metric, target.percentile))
                if promise is None or abs(promise.predicted - value) > TOLERANCE * value:
                    yield f"{stream} on {pool.name} in {period}: the plan does not state {target.metric} p{target.percentile:g} = {value:.4g} s"
                if target in hard and above(value, target.seconds):
                    yield f"{stream} on {pool.name} in {period}: {_late(target, value)}"

    def cost(self) -> Iterator[str]:
        """Prices are the catalog's, and every split adds up to the total."""
        cost, cycle = self.plan.cost, sum(self.hours.values())
        machines = 0.0
        for purchase in self.plan.purchases:
            offers = [
                offer.hourly
                for offer in self.supply.purchases
                if (self.supply.cells[offer.cell].instance, self.supply.cells[offer.cell].region, offer.kind)
                == (purchase.instance, purchase.region, purchase.kind)
            ]
            if not any(abs(offer - purchase.hourly) <= TOLERANCE * offer for offer in offers):
                yield f"{purchase.instance} {purchase.kind} in {purchase.region}: ${purchase.hourly:,.4f}/h is not a price of the catalogs"
            machines += sum(self.hours[p] * n for p, n in purchase.machines.items()) * purchase.hourly / cycle
        tokens = sum(self._api_cost(route.api, share.stream, share.rate, share.period) for route in self.plan.apis for share in route.shares)
        fee = self.loaded.problem.operations.pool_cost * len(self.plan.pools)
        parts = {"machines": machines, "apis": tokens, "operations": fee}
        for name, value in parts.items():
            if abs(value - getattr(cost, name)) > TOLERANCE * max(value, 1.0):
                yield f"cost.{name}: ${getattr(cost, name):,.6f}/h stated, ${value:,.6f}/h found"
        total = machines + tokens + fee + cost.misses
        sums = {
            "total": cost.total,
            "by_workload": sum(row.hourly for row in cost.by_workload),
            "proof.objective": self.plan.proof.objective,
        }
        for name, value in sums.items():
            if abs(value - total) > TOLERANCE * max(total, 1.0):
                yield f"{name}: ${value:,.6f}/h, the parts add up to ${total:,.6f}/h"
        if above(self.plan.proof.bound, self.plan.proof.objective):
            yield "the bound is above the cost"

    def _api_cost(self, api: str, stream: str, rate: float, period: str) -> float:
        users = {share.stream for route in self.plan.apis if route.api == api for share in route.shares}
        offer = self.loaded.catalog.apis[api]
        context = max(s.prompt.mean for s in self._api_users(api) or [self.streams[u] for u in users])
        paid = price(offer, api, context_tokens=context)
        return rate * 3600.0 * call_cost(self.streams[stream], paid) * self.hours[period] / sum(self.hours.values())

    def _api_users(self, api: str) -> list[Stream]:
        """Return the streams that may use an API; its price tier is that of the longest mean prompt among them."""
        catalog, problem = self.loaded.catalog, self.loaded.problem
        return [s for s in self.streams.values() if api_problem(api, catalog.apis[api], s, catalog, problem) is None]


def _late(target: Target, seconds: float) -> str:
    return f"{target.metric} p{target.percentile:g} {seconds * 1e3:.1f} ms > {target.seconds * 1e3:.1f} ms"
