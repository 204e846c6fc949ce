"""What the machines of a plan draw and emit: rated, as is paid and promised for, and to be expected under the load.

    rated      Σ machines · draw                          at all hours in which they are held
    expected   per pool PUE·n·(P_gpu + 0.5·TDP),  P_gpu from the MFU and MBU of its operating point (`perf.energy`)
    carbon     rated · PUE · intensity of the grid in the period

The expected draw is information: it is in no cost and no limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.domain.plan_energy import EnergyPart, PlaceEnergy, PoolEnergy
from planner.domain.problem import Problem
from planner.perf.energy import power_fit
from planner.plan.draw import HOUR, expected_kw
from planner.plan.pool import PredictedPool
from planner.plan.solved import Solved
from planner.supply.cells import Cell, Purchase

API = "API "


@dataclass(frozen=True)
class Held:
    """Machines of one purchase."""

    bought: Purchase
    """What they are."""
    cell: Cell
    """Where they stand."""
    machines: tuple[int, ...]
    """[T] How many."""

    @property
    def place(self) -> tuple[str, str, bool]:
        """(machine, region, interruptible)."""
        return self.cell.instance, self.cell.region, self.cell.interruptible

    @property
    def facility(self) -> tuple[float, ...] | None:
        """[T] Rated draw times PUE [kW]; None if it is not known."""
        if self.bought.draw is None:
            return None
        each = self.bought.draw * self.bought.pue / 1e3
        return tuple(each * count for count in self.machines)

    @property
    def carbon(self) -> tuple[float, ...] | None:
        """[T] What they emit [kg/h]; None if it is not known."""
        if self.bought.carbon is None:
            return None
        return tuple(each * count for each, count in zip(self.bought.carbon, self.machines, strict=True))


def energy_part(solved: Solved, predicted: Sequence[PredictedPool], periods: Mapping[str, float]) -> EnergyPart:
    """Return what a plan draws and emits.

    Parameters
    ----------
    solved : the optimizer's answer
    predicted : pools
    periods : hours
    """
    held = list(_held(solved))
    hours = tuple(periods.values())
    apis = [f"{API}{name}" for a, name in enumerate(solved.apis.names) if solved.outcome.api_flow[:, a].any()]
    return EnergyPart(
        facility_kw=sum(_mean(one.facility, hours) or 0.0 for one in held),
        carbon=sum(_mean(one.carbon, hours) or 0.0 for one in held),
        carbon_price=solved.search.problem.finance.carbon_price,
        unknown=(*dict.fromkeys(one.cell.name for one in held if one.bought.carbon is None), *apis),
        pools=tuple(_pool(made, predicted, held, solved, periods) for made in predicted),
        places=tuple(_places(held, periods)),
    )


def energy_reasons(problem: Problem, drawn: EnergyPart | None) -> Iterator[str]:
    """Yield what a reader has to know of carbon that counts: how near the limit is, and what is in no figure."""
    if drawn is None or not problem.counts_carbon:
        return
    if problem.limits.carbon:
        share = drawn.carbon / problem.limits.carbon
        yield f"Machines emit {drawn.carbon:.3g} kg CO2e/h as rated, {share:.0%} of limits.carbon."
    apis = [name.removeprefix(API) for name in drawn.unknown if name.startswith(API)]
    if apis:
        yield f"What {', '.join(apis)} emits is not known: no limit and no price of carbon counts it."


def _held(solved: Solved) -> Iterator[Held]:
    supply, outcome = solved.search.supply, solved.outcome
    for index in np.flatnonzero(outcome.machines[: len(supply.purchases)].sum(axis=1) > 0).tolist():
        bought = supply.purchases[index]
        yield Held(bought, supply.cells[bought.cell], tuple(int(count) for count in outcome.machines[index]))


def _mean(figures: Sequence[float] | None, hours: Sequence[float]) -> float | None:
    """Return the average over the cycle; None of what is not known."""
    if figures is None:
        return None
    return sum(figure * length for figure, length in zip(figures, hours, strict=True)) / sum(hours)


def _places(held: Sequence[Held], periods: Mapping[str, float]) -> Iterator[PlaceEnergy]:
    """Yield what machines draw and emit by seller and region."""
    together: dict[tuple[str, str], list[Held]] = {}
    for one in held:
        together.setdefault((one.cell.seller, one.cell.region), []).append(one)
    for (seller, region), some in together.items():
        yield PlaceEnergy(
            seller=seller,
            region=region,
            grid=some[0].bought.grid,
            facility_kw=_by_period([one.facility for one in some], periods),
            carbon=_by_period([one.carbon for one in some], periods),
        )


def _by_period(parts: Sequence[Sequence[float] | None], periods: Mapping[str, float]) -> dict[str, float | None]:
    """Return sums by period; None where a part is not known."""
    known = [part for part in parts if part is not None]
    whole = len(known) == len(parts)
    return {name: sum(part[t] for part in known) if whole else None for t, name in enumerate(periods)}


def _pool(
    made: PredictedPool, predicted: Sequence[PredictedPool], held: Sequence[Held], solved: Solved, periods: Mapping[str, float]
) -> PoolEnergy:
    """Return what a pool draws: its share of the machines where it stands, by accelerator-hours in use, and what to expect."""
    hours = tuple(periods.values())
    here = [one for one in held if one.place == _place(made)]
    used = sum(_gpu_hours(other, periods) for other in predicted if _place(other) == _place(made))
    share = _gpu_hours(made, periods) / used if used else 0.0
    rated = [_mean(one.facility, hours) for one in here]
    carbon = [_mean(one.carbon, hours) for one in here]
    pue = _pue(here, hours)
    device = made.pool.deployment.accelerator
    tdp = solved.search.catalog.accelerators[device].tdp
    expected = expected_kw(made.pool, made.replicas, made.operations, made.spares.working, tdp, periods)
    tokens = _tokens(made, solved, periods)
    facility = None if expected is None or pue is None else expected * pue
    return PoolEnergy(
        pool=made.pool.name,
        rated_kw=None if pue is None else _whole(rated, share / pue),
        expected_kw=expected,
        kwh_per_million_tokens=facility / tokens * 1e6 if facility is not None and tokens else None,
        carbon=_whole(carbon, share),
        assumed=bool(power_fit([device]).assumed[0]),
    )


def _whole(parts: Sequence[float | None], share: float) -> float | None:
    """Return a share of a sum; None if a part is not known."""
    known = [part for part in parts if part is not None]
    return share * sum(known) if len(known) == len(parts) else None


def _place(made: PredictedPool) -> tuple[str, str, bool]:
    return made.pool.instance, made.pool.region, made.pool.interruptible


def _gpu_hours(made: PredictedPool, periods: Mapping[str, float]) -> float:
    return sum(periods[load.period] * load.replicas for load in made.pool.loads) * made.pool.deployment.layout.gpus


def _pue(here: Sequence[Held], hours: Sequence[float]) -> float | None:
    """Return facility power over IT power of some machines together; None if a draw is not known."""
    facility = [_mean(one.facility, hours) for one in here]
    known = [power for power in facility if power is not None]
    drawn = sum(power / one.bought.pue for power, one in zip(facility, here, strict=True) if power is not None)
    return sum(known) / drawn if drawn and len(known) == len(facility) else None


def _tokens(made: PredictedPool, solved: Solved, periods: Mapping[str, float]) -> float:
    """Return the tokens of a pool's calls, in and out, on average [1/h]."""
    streams = {stream.name: stream for stream in solved.search.streams}
    each = ((share, streams[share.stream]) for share in made.pool.shares)
    total = sum(share.rate * HOUR * periods[share.period] * (one.prompt.mean + one.output.mean) for share, one in each)
    return total / sum(periods.values())
