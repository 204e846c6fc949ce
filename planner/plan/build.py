"""From the optimizer's numbers to a plan that a reader can act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from planner import __version__
from planner.candidates.api_costs import call_cost
from planner.catalog.api_prices import ApiPrice
from planner.domain.hardware import SPOT
from planner.domain.plan import Plan, Proof, Purchase
from planner.domain.plan_pools import ApiRoute
from planner.optimize.model import decided
from planner.optimize.objective import scenario_costs
from planner.plan.bill import cost_of
from planner.plan.breakeven import buy_or_build
from planner.plan.cashflow import cash_flow
from planner.plan.changes import changes
from planner.plan.costing import average_extra, average_machine_cost, hourly_calls
from planner.plan.doubt import doubt_reasons
from planner.plan.energy import energy_part, energy_reasons
from planner.plan.explain import context_warnings, facts_of, reasons_of
from planner.plan.failover import failover_parts
from planner.plan.futures import futures
from planner.plan.graphs import taken_ways
from planner.plan.likely import likely
from planner.plan.pool import latencies_of, predict_pool, shares_of
from planner.plan.promises import api_promises, pool_promises
from planner.plan.scaling import paid_by_period, scaling_of
from planner.plan.segment import segment_reasons
from planner.plan.sellers import seller_reasons
from planner.plan.serving import serving_part
from planner.plan.sizing import sizing
from planner.plan.solved import Solved, open_pools, settled
from planner.plan.spend import committed_spend, effective_prices
from planner.plan.statement import Rent
from planner.plan.stores import store_parts, store_reasons
from planner.plan.units import unit_routes

__all__ = ["Solved", "make_plan", "open_pools"]


def make_plan(solved: Solved, *, problem_digest: str, warnings: tuple[str, ...]) -> Plan:
    """Return the plan of a solved problem.

    Parameters
    ----------
    solved : the optimizer's answer with what it stands for
    problem_digest : of the problem file
    warnings : to be passed on

    Returns
    -------
    Plan
    """
    solved = settled(solved)
    search = solved.search
    problem = search.problem
    taken = [search.ways[index] for index in solved.taken]
    periods = {period.name: period.hours for period in problem.periods}
    running = open_pools(solved)
    predicted = [predict_pool(solved, columns, f"P{i + 1}") for i, columns in enumerate(running)]
    scaling = scaling_of(solved, predicted, running)
    pools = tuple(made.pool for made in predicted)
    purchases = tuple(_purchases(solved, periods))
    routes, units = tuple(_routes(solved, periods)), tuple(unit_routes(solved, periods))
    promises = (
        *(promise for made in predicted for promise in pool_promises(search, made)),
        *api_promises(search, (*routes, *units)),
    )
    stores = tuple(store_parts(search, taken))
    cost = cost_of(search, predicted, purchases, (*routes, *units), taken, list(_rented(solved, periods)), periods, scaling)
    spending = [row.hourly for row in cost.by_pool]
    drawn = energy_part(solved, predicted, periods) if problem.tells_energy else None
    return Plan(
        planner=__version__,
        problem=problem.metadata.name,
        problem_digest=problem_digest,
        catalog_digest=search.catalog.digest,
        seed=problem.solver.seed,
        periods=periods,
        proof=_proof(solved),
        cost=cost,
        pools=pools,
        apis=routes,
        provisioned=units,
        purchases=purchases,
        sizing=sizing(solved),
        start=problem.horizon.start if problem.horizon else None,
        futures=futures(solved),
        cash=cash_flow(solved, cost, (*routes, *units), paid_by_period(solved, pools, scaling) if scaling else None),
        ways=tuple(taken_ways(search, taken, cost.by_stage)),
        stores=stores,
        buy_or_build=tuple(buy_or_build(solved, taken, predicted, spending, periods)),
        promises=promises,
        latencies=tuple(latency for made in predicted for latency in latencies_of(made)),
        reasons=(
            *reasons_of(search, pools, (*routes, *units), cost),
            *seller_reasons(problem.limits, purchases),
            *store_reasons(stores),
            *energy_reasons(problem, drawn),
            *segment_reasons(solved, pools, purchases, cost),
            *doubt_reasons(solved, pools, cost),
        ),
        facts=tuple(facts_of(search, pools, (*routes, *units), purchases, taken)),
        warnings=(*warnings, *context_warnings(search, pools)),
        energy=drawn,
        changes=changes(solved, pools, purchases, cost.total),
        committed_spend=tuple(committed_spend(solved)),
        scaling=scaling,
        serving=serving_part(search, pools, (*routes, *units)),
        doubt=likely(search, predicted, promises),
        failover=tuple(failover_parts(search, predicted, spending, periods)),
    )


def _proof(solved: Solved) -> Proof:
    outcome, search = solved.outcome, solved.search
    return Proof(
        termination="optimal" if outcome.termination == "optimal" else "feasible",
        objective=outcome.objective,
        bound=min(outcome.bound, outcome.objective),
        gap=max(outcome.gap, 0.0),
        solver=outcome.solver,
        candidates=search.considered,
        rejected=search.ledger.counts(),
        columns=outcome.considered,
        kept=outcome.kept,
        complete=solved.complete,
        rounds=solved.rounds,
        ways=len(search.ways),
        ways_priced=solved.covered.priced,
        ways_left_out=solved.covered.left_out,
        ways_loss=solved.covered.loss if np.isfinite(solved.covered.loss) else None,
        repairs=solved.repairs,
        minimized=search.problem.finance.minimize,
        worst=max(scenario_costs(solved.assembled.program, decided(outcome)), default=None),
    )


def _purchases(solved: Solved, periods: Mapping[str, float]) -> Iterator[Purchase]:
    """Yield what to buy, rent or reserve."""
    search, outcome = solved.search, solved.outcome
    hourly = effective_prices(solved)
    for index in np.flatnonzero(outcome.machines[: len(search.supply.purchases)].sum(axis=1) > 0).tolist():
        bought = search.supply.purchases[index]
        cell = search.supply.cells[bought.cell]
        machines = {name: int(count) for name, count in zip(periods, outcome.machines[index], strict=True)}
        yield Purchase(
            kind=bought.kind,
            instance=cell.instance,
            seller=cell.seller,
            region=cell.region,
            accelerator=cell.accelerator,
            gpus_per_machine=cell.gpus,
            machines=machines,
            hourly=hourly[index],
            price_source=bought.source,
            cost=average_machine_cost(machines, hourly[index], periods) + average_extra(machines, bought.dearer, periods),
            carbon_cost=average_extra(machines, bought.carbon_cost, periods),
            ordered=bought.term.ordered,
            live=bought.term.live,
            scenario=bought.term.scenario,
            boards_per_machine=cell.boards if cell.parts > 1 else None,
            already=bought.held > 0,
            upfront=bought.upfront or None,
            capital=bought.capital or None,
            spend=bought.spend or None,
        )


def _rented(solved: Solved, periods: Mapping[str, float]) -> Iterator[Rent]:
    """Yield what machines cost, with what of it is energy of owned ones, and what interruptions and paying early add."""
    search, outcome = solved.search, solved.outcome
    hourly = effective_prices(solved)
    for index in np.flatnonzero(outcome.machines[: len(search.supply.purchases)].sum(axis=1) > 0).tolist():
        bought = search.supply.purchases[index]
        machines = {name: int(count) for name, count in zip(periods, outcome.machines[index], strict=True)}
        lost = 1.0 - bought.list_price / bought.hourly if bought.kind in SPOT and bought.hourly else 0.0
        dearer, carbon = (average_extra(machines, extra, periods) for extra in (bought.dearer, bought.carbon_cost))
        price = average_machine_cost(machines, hourly[index], periods)
        capital = bought.capital / bought.hourly if bought.hourly else 0.0
        if not dearer and not carbon:
            energy = bought.energy / bought.cost if bought.cost else 0.0
            yield Rent(price, energy, lost, capital=capital)
            continue
        whole = price + dearer + carbon
        electricity = average_machine_cost(machines, bought.energy, periods) + dearer
        yield Rent(whole, electricity / whole, lost * price / whole, carbon / whole, capital * price / whole)


def _turnaround(solved: Solved, api: str) -> float | None:
    batch = solved.search.catalog.apis[api].batch
    return None if batch is None else batch.turnaround


def _routes(solved: Solved, periods: Mapping[str, float]) -> Iterator[ApiRoute]:
    """Yield what to send to APIs; streams that pay different prices, by the tiers their prompts reach, apart."""
    search, outcome, apis = solved.search, solved.outcome, solved.apis
    for index, name in enumerate(apis.names):
        users: dict[ApiPrice, list[int]] = {}
        for r, paid in enumerate(apis.prices[index]):
            if paid is not None and outcome.api_flow[r, index].sum() > 0:
                users.setdefault(paid, []).append(r)
        for paid, rows in users.items():
            flow = np.zeros_like(outcome.api_flow[:, index])
            flow[rows] = outcome.api_flow[rows, index]
            cache = search.catalog.apis[name].cache
            cost = sum(hourly_calls(flow[r].tolist(), periods) * call_cost(search.streams[r], paid, cache) for r in rows)
            yield ApiRoute(
                api=name,
                input_price=paid.input,
                cached_input_price=paid.cached_input,
                output_price=paid.output,
                cost=cost,
                price_source=paid.source,
                batch=paid.batch,
                turnaround=_turnaround(solved, name) if paid.batch else None,
                shares=tuple(shares_of(search, flow)),
            )
