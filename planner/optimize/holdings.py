"""What machines held take of limits that are not counted in accelerators."""

from __future__ import annotations

from dataclasses import replace

from planner.optimize.bounds import SLACK, weights
from planner.optimize.program import Bools, Floats, Ints, Program


def within(program: Program, machines: Floats) -> bool:
    """Whether machines [O, T] keep the limits of sites, up to the rounding of parts such as thirds of a rack."""
    return all(bool((limit.each @ machines <= limit.most * (1.0 + SLACK) + SLACK).all()) for limit in program.machine_limits)


def within_average(program: Program, machines: Floats) -> bool:
    """Whether machines [O, T] keep the limits on their averages over the cycle."""
    taken = ((float((limit.each * machines).sum(axis=0) @ weights(program)), limit.most) for limit in program.average_limits)
    return all(held <= most * (1.0 + SLACK) + SLACK for held, most in taken)


def some(program: Program, stay: Ints) -> Program:
    """Return a program of some purchases alone."""
    buy = program.purchases
    kept = replace(
        buy,
        name=tuple(buy.name[o] for o in stay.tolist()),
        cell=buy.cell[stay],
        hourly=buy.hourly[stay],
        committed=buy.committed[stay],
        active=buy.active[stay],
        limit=buy.limit[stay],
        extra=None if buy.extra is None else buy.extra[stay],
        held=None if buy.held is None else buy.held[stay],
    )
    return replace(
        program,
        purchases=kept,
        gpu_limits=tuple(replace(limit, purchases=limit.purchases[stay]) for limit in program.gpu_limits),
        machine_limits=tuple(replace(limit, each=limit.each[stay]) for limit in program.machine_limits),
        average_limits=tuple(replace(limit, each=limit.each[stay]) for limit in program.average_limits),
        sellers=program.sellers and replace(program.sellers, seller=program.sellers.seller[stay]),
        spend=program.spend and replace(program.spend, of=program.spend.of[stay], draw=program.spend.draw[stay]),
    )


def in_periods(program: Program, mine: Bools) -> Program:
    """Return a program of some periods alone, with the limits there are."""
    buy = program.purchases
    return replace(
        program,
        periods=tuple(period for period, own in zip(program.periods, mine, strict=True) if own),
        hours=program.hours[mine],
        rate=program.rate[:, mine],
        purchases=replace(buy, active=buy.active[:, mine], extra=None if buy.extra is None else buy.extra[:, mine]),
        average_limits=tuple(replace(limit, each=limit.each[:, mine]) for limit in program.average_limits),
        standing=None if program.standing is None else program.standing[mine],
        spend=program.spend and replace(program.spend, active=program.spend.active[:, mine]),
        scaling=program.scaling.during(mine),
        scenario=None if program.scenario is None else program.scenario[mine],
    )
