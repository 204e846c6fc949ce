"""Committed spend in a plan: how much is committed to and when, how much of it is used, and what machines under it come to cost.

What is committed is paid whether used or not. Machines under it are charged for all of it, in proportion to what they draw, so
that costs of pools and workloads add up:

    price of a machine = d·(C·hours owed)/(Σ_t h_t·drawn_t)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from planner.domain.plan_procurement import CommittedSpend
from planner.optimize.spend import committed, drawn, price
from planner.plan.solved import Solved


def effective_prices(solved: Solved) -> list[float]:
    """Return what a machine of each purchase of the supply comes to cost [$/h]."""
    program, bought = solved.assembled.program, solved.search.supply.purchases
    if program.spend is None:
        return [one.cost for one in bought]
    machines = solved.outcome.machines.astype(float)
    paid = committed(program.spend, machines) * price(program)
    used = drawn(program.spend, machines) @ program.hours / program.hours.sum()
    factor = np.append(np.divide(paid, used, out=np.zeros(len(paid)), where=used > 0), 1.0)[program.spend.of]
    return [one.list_price * float(factor[o]) if one.spend else one.cost for o, one in enumerate(bought)]


def committed_spend(solved: Solved) -> Iterator[CommittedSpend]:
    """Yield what is committed to."""
    program, bought = solved.assembled.program, solved.search.supply.purchases
    if program.spend is None:
        return
    machines = solved.outcome.machines.astype(float)
    amounts, prices, taken = committed(program.spend, machines), price(program), drawn(program.spend, machines)
    for c in np.flatnonzero(amounts > 0).tolist():
        one = bought[int(np.argmax(program.spend.of == c))]
        row = solved.search.catalog.spend_commitments[one.spend]
        lasts = program.spend.active[c]
        most = float(amounts[c]) * float(program.hours[lasts].sum())
        yield CommittedSpend(
            name=one.spend,
            seller=row.seller,
            term=row.term,
            hourly=float(amounts[c]),
            ordered=one.term.ordered,
            live=one.term.live,
            scenario=one.term.scenario,
            used=float(taken[c, lasts] @ program.hours[lasts]) / most,
            cost=float(amounts[c] * prices[c]),
            source=f"{row.source} ({row.as_of})",
        )
